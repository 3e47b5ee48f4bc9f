"""Private instances of the real services for the tests.

Each runs on a free port of 127.0.0.1 in a temporary folder, is shared by the session's worker
processes, and is ended by its keeper when the session is over, however that came about.
"""
