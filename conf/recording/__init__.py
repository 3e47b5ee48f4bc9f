"""Recording, first form: each published track to WebM or Matroska without decoding (RFC 9559).

Runs in a process of its own (`server.py recorder`); the worker hands it copies of what may be
forwarded. May import `conf` and `core`.
"""
