"""The edge: HTTP and Socket.IO, sessions, access checks, OpenAPI, the command line's bodies.

Composition root too: `app.py` builds every part from Settings, `adapters.py` plugs ports.
Standards: RFC 9110, OpenAPI 3.1, Socket.IO protocol 5. May import every other package.
"""
