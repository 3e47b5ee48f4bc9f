"""A second socket on the worker's port, for transport feedback alone.

Sixty sites report sixteen times a second each. Alone they would wake the loop a thousand times a
second, ten times as often as the media do; on a socket of its own, which nobody waits for, feedback
lies until the next tick takes all of it at once. The kernel sorts (a reuseport group with a classic
BPF program, Linux 4.5): what begins like transport-wide feedback (draft-holmer-rmcat §3.1) goes to
the second socket, everything else stays.
"""

import contextlib
import socket
import sys
from typing import Final

from conf.media.sieve import pack_program

SO_ATTACH_REUSEPORT_CBPF: Final = 51
TRANSPORT_FEEDBACK: Final = 205, 15  # payload type RTPFB, format (RFC 4585 §6.1)

_LOAD_BYTE, _AND, _JUMP_IF_EQUAL, _RETURN = 0x30, 0x54, 0x15, 0x06
# (code, steps to skip when true, when false, operand); a byte that is not there ends with 0.
_PROGRAM: Final = (
    (_LOAD_BYTE, 0, 0, 1),
    (_JUMP_IF_EQUAL, 0, 3, TRANSPORT_FEEDBACK[0]),
    (_LOAD_BYTE, 0, 0, 0),
    (_AND, 0, 0, 0x1F),
    (_JUMP_IF_EQUAL, 1, 0, TRANSPORT_FEEDBACK[1]),
    (_RETURN, 0, 0, 0),  # the first socket of the group
    (_RETURN, 0, 0, 1),  # the second
)


def open_feedback(main: socket.socket) -> socket.socket | None:
    """A socket that gets the transport feedback sent to `main`'s address from now on.

    `main` has been bound alone, so that a port in use is noticed. Returns: None where the system
    does not sort; everything then stays on `main`.
    """
    if not sys.platform.startswith("linux"):
        return None
    second = socket.socket(main.family, socket.SOCK_DGRAM)
    try:
        main.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if main.family == socket.AF_INET6:
            both = main.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
            second.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, both)
        size = main.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        second.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size // 2)  # the kernel doubles it
        second.setblocking(False)
        program, _memory = pack_program(_PROGRAM)
        second.bind(main.getsockname())  # makes the group, to which the program belongs
        main.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)
    except OSError:
        second.close()
        with contextlib.suppress(OSError):
            main.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)  # nobody shall join it
        return None
    return second
