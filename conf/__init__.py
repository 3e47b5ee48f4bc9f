"""The conference (not the configuration): rooms, chair control, meetings, and the video bridge.

`conf.media` is the bridge's data plane, a process of its own (RFC 8825 ff.); the rest runs in the
server process and owns every decision. May import `directory` and `core`.
"""
