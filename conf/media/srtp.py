"""SRTP in place on packet slots, through pylibsrtp's own binding (RFC 3711, RFC 7714).

`allow_repeat_tx` stays off: with it libsrtp would encrypt a changed packet under a used nonce,
which breaks GCM. Two private names of pylibsrtp are used, `Session._srtp` here and `_binding` (also
in `udp`); `test_private_names.py` fails when they move.
"""

from dataclasses import dataclass
from typing import Any, Final

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

OK: Final[int] = lib.srtp_err_status_ok
WINDOW: Final = 1024  # packets a received sequence number may lie behind the newest
SEND_WINDOW: Final = 512  # and one sent: none is sent that late (conf.media.forward)
MAX_SSRCS: Final = 128  # of one member; a browser has 14 sources, and 30 that only report

protect: Final[Any] = lib.srtp_protect
unprotect: Final[Any] = lib.srtp_unprotect
protect_rtcp: Final[Any] = lib.srtp_protect_rtcp
unprotect_rtcp: Final[Any] = lib.srtp_unprotect_rtcp


def address_of(pointer: object) -> int:
    """Of one of pylibsrtp's pointers: other cffi instances do not take them."""
    return int(ffi.cast("uintptr_t", pointer))


PROTECT_ADDRESS: Final = address_of(ffi.addressof(lib, "srtp_protect"))
UNPROTECT_RTCP_ADDRESS: Final = address_of(ffi.addressof(lib, "srtp_unprotect_rtcp"))


@dataclass(frozen=True)
class Keys:
    """What the DTLS handshake agreed on (RFC 5764 §4.2); keys are master key + master salt."""

    profile: int
    send: bytes
    receive: bytes


class SrtpContexts:
    """The two directions of one participant's SRTP; `send` and `receive` go to the lib calls.

    `known`: SSRCs from which an authentic packet came. libsrtp keeps a state for each, its replay
    window in it, and looks through all at each packet (4 µs more with each thousand). None is ever
    forgotten, or what it sent could be replayed: a member is not heard under more than `MAX_SSRCS`.
    """

    __slots__ = ("_rx", "_scratch", "_size", "_tx", "known", "receive", "send")

    def __init__(self, keys: Keys) -> None:
        self._rx = Session(_policy(keys.receive, Policy.SSRC_ANY_INBOUND, keys.profile, WINDOW))
        self._tx = Session(_policy(keys.send, Policy.SSRC_ANY_OUTBOUND, keys.profile, SEND_WINDOW))
        self.receive = self._rx._srtp[0]  # noqa: SLF001 - contract test in test_private_names.py
        self.send = self._tx._srtp[0]  # noqa: SLF001
        self.known: set[int] = set()
        self._scratch = ffi.new("char[]", 2048)
        self._size = ffi.new("int *")

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        """SRTCP of a compound packet of ≤1400 bytes, or None when libsrtp refuses it."""
        ffi.memmove(self._scratch, packet, len(packet))
        self._size[0] = len(packet)
        if protect_rtcp(self.send, self._scratch, self._size) != OK:
            return None
        protected: bytes = ffi.buffer(self._scratch, self._size[0])[:]
        return protected


def _policy(key: bytes, direction: int, profile: int, window: int) -> Policy:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=profile)
    policy.window_size = window
    policy.allow_repeat_tx = False
    return policy
