"""Cameras: RTSP H.264 into a room as a participant, without transcoding (RFC 2326, RFC 6184).

Runs in a process of its own (`server.py cameras`). May import `conf` and `core`.
"""
