"""An AT modem on a pty, the air behind it, and handsets: what tests, demo and drills send to.

Always a process of its own (`python server.py modem-sim`), so that killing the server does not
kill the air. Control by a 0700 Unix socket (`control`, `client`); never by an HTTP route.
Faults are listed in `faults`. May import: sms.pdu, sms.segments, sms.reassembly, core.
"""
