"""A second socket on the worker's port, for RTCP alone.

Sixty sites report twenty times a second each. Alone they would wake the loop a thousand times a
second, ten times as often as the media do; on a socket of its own, which nobody waits for, reports
lie until the next tick. The kernel sorts (a reuseport group with a
classic BPF program, Linux 4.5): what RFC 5761 §4 calls RTCP goes to the second socket, everything
else stays.
"""

import contextlib
import socket
import sys
from typing import Final

from conf.media.mmsg import SO_TIMESTAMPNS
from conf.media.sieve import pack_program

SO_ATTACH_REUSEPORT_CBPF: Final = 51
RTCP_TYPES: Final = 192, 223  # RFC 5761 §4

_LOAD_BYTE, _AND, _RETURN = 0x30, 0x54, 0x06
_JUMP_IF_EQUAL, _JUMP_IF_GREATER, _JUMP_IF_NOT_LESS = 0x15, 0x25, 0x35
# (code, steps to skip when true, when false, operand); a byte that is not there ends with 0.
_PROGRAM: Final = (
    (_LOAD_BYTE, 0, 0, 1),
    (_JUMP_IF_NOT_LESS, 0, 4, RTCP_TYPES[0]),
    (_JUMP_IF_GREATER, 3, 0, RTCP_TYPES[1]),
    (_LOAD_BYTE, 0, 0, 0),
    (_AND, 0, 0, 0xC0),
    (_JUMP_IF_EQUAL, 1, 0, 0x80),  # version 2
    (_RETURN, 0, 0, 0),  # the first socket of the group
    (_RETURN, 0, 0, 1),  # the second
)


def open_reports(main: socket.socket) -> socket.socket | None:
    """A socket that gets the RTCP sent to `main`'s address from now on, with the times it came.

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
        second.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
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
