"""What cannot be for us is dropped by the kernel, before it wakes anybody (Linux).

A classic BPF program on the worker's sockets looks at a datagram's length and first bytes, as the
mux does (RFC 7983), and at nothing that changes: it lets through binding requests, DTLS records
that fit their datagram, and what is long enough for SRTP. The mux still trusts none of it. The
kernel counts what it drops, together with what found no room.
"""

import contextlib
import socket
import struct
from collections.abc import Sequence
from typing import Any, Final

import cffi

SO_ATTACH_FILTER: Final = 26
SO_MEMINFO: Final = 55
_DROPS_AT: Final = 8  # of the 32-bit numbers of SO_MEMINFO
LONGEST: Final = 1500
LEAST_MEDIA: Final = 22  # an RTP header and a tag of ten bytes, or an SRTCP packet of nothing
_UDP: Final = 8  # the program sees the UDP header too

_LOAD_LENGTH, _LENGTH_TO_X, _LOAD_BYTE, _LOAD_HALF, _LOAD_WORD = 0x80, 0x81, 0x30, 0x28, 0x20
_ADD, _IF_EQUAL, _IF_OVER, _IF_LEAST, _IF_X, _IF_OVER_X, _RETURN = (
    0x04, 0x15, 0x25, 0x35, 0x1D, 0x2D, 0x06,
)  # fmt: skip
_NEXT: Final = ""
_COOKIE: Final = 0x2112A442
# (label, code, operand, where to when true, when false); a byte that is not there ends with a drop.
_STEPS: Final = (
    ("", _LENGTH_TO_X, 0, _NEXT, _NEXT),
    ("", _LOAD_LENGTH, 0, _NEXT, _NEXT),
    ("", _IF_OVER, _UDP + LONGEST, "drop", _NEXT),
    ("", _LOAD_BYTE, _UDP, _NEXT, _NEXT),
    ("", _IF_OVER, 191, "drop", _NEXT),
    ("", _IF_LEAST, 128, "media", _NEXT),
    ("", _IF_OVER, 63, "drop", _NEXT),
    ("", _IF_LEAST, 32, "pass", _NEXT),  # a header of DTLS 1.3 (RFC 9147 §4): for OpenSSL
    ("", _IF_LEAST, 20, "dtls", _NEXT),
    ("", _IF_EQUAL, 0, _NEXT, "drop"),
    # A binding request (RFC 8489 §5) as long as it says, with room for a name.
    ("", _LOAD_HALF, _UDP, _NEXT, _NEXT),
    ("", _IF_EQUAL, 1, _NEXT, "drop"),
    ("", _LOAD_WORD, _UDP + 4, _NEXT, _NEXT),
    ("", _IF_EQUAL, _COOKIE, _NEXT, "drop"),
    ("", _LOAD_HALF, _UDP + 2, _NEXT, _NEXT),
    ("", _IF_LEAST, 8, _NEXT, "drop"),
    ("", _ADD, _UDP + 20, _NEXT, _NEXT),
    ("", _IF_X, 0, "pass", "drop"),
    # A record (RFC 6347 §4.1) of a version that is DTLS, no longer than its datagram.
    ("dtls", _LOAD_BYTE, _UDP + 1, _NEXT, _NEXT),
    ("", _IF_EQUAL, 0xFE, _NEXT, "drop"),
    ("", _LOAD_HALF, _UDP + 11, _NEXT, _NEXT),
    ("", _ADD, _UDP + 13, _NEXT, _NEXT),
    ("", _IF_OVER_X, 0, "drop", "pass"),
    ("media", _LOAD_LENGTH, 0, _NEXT, _NEXT),
    ("", _IF_LEAST, _UDP + LEAST_MEDIA, "pass", "drop"),
    ("pass", _RETURN, 0xFFFF, _NEXT, _NEXT),
    ("drop", _RETURN, 0, _NEXT, _NEXT),
)
_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM_HEADER = struct.Struct("=H6xQ")  # instructions, address
_ffi = cffi.FFI()


Instruction = tuple[int, int, int, int]  # code, steps to skip when true, when false, operand


def assemble() -> tuple[Instruction, ...]:
    """The program, its labels resolved to how many steps are skipped."""
    places = {step[0]: at for at, step in enumerate(_STEPS) if step[0]}

    def skip(at: int, target: str) -> int:
        return places[target] - at - 1 if target else 0

    return tuple(
        (code, skip(at, yes), skip(at, no), operand)
        for at, (_, code, operand, yes, no) in enumerate(_STEPS)
    )


def pack_program(program: Sequence[Instruction]) -> tuple[bytes, Any]:
    """The `sock_fprog`, and the memory it points to, to be kept until it has been handed over."""
    memory = _ffi.new("char[]", b"".join(_INSTRUCTION.pack(*step) for step in program))
    address = int(_ffi.cast("uintptr_t", memory))
    return _PROGRAM_HEADER.pack(len(program), address), memory


def attach(sock: socket.socket) -> bool:
    """Drop what cannot be for us from now on; False where the system does not."""
    program, _memory = pack_program(assemble())
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
    except OSError:
        return False
    return True


def dropped(sock: socket.socket) -> int:
    """Datagrams the kernel did not hand out, modulo 2³²; 0 where it does not tell."""
    with contextlib.suppress(OSError, struct.error):
        numbers = sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 64)
        drops: int = struct.unpack_from("=I", numbers, 4 * _DROPS_AT)[0]
        return drops
    return 0
