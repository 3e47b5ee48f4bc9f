"""The command line behind server.py: one module a group of commands, loaded when first used."""
