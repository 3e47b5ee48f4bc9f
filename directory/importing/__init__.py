"""Import of people from xlsx, xls and CSV: preview with faults and a diff, commit, undo.

Files are read in a child process with limits on time and memory. May import core and directory.
"""
