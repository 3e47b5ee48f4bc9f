"""Statements on imports: the batches, and what a commit and an undo write on people."""
