"""The server's half of ICE-lite: answering connectivity checks (RFC 8445 §2.5, RFC 8489).

Pure functions over bytes. A cheap look at the fixed header comes first, so that a flood of noise
costs a few comparisons a datagram.
"""

import functools
import hashlib
import hmac
import secrets
import string
import struct
import zlib
from dataclasses import dataclass
from typing import Final

from conf.media.udp import V4_MAPPED

_START = struct.Struct("!HH4s12xHH")  # the header, and that of the first attribute
_BINDING_REQUEST: Final = 0x0001
_BINDING_RESPONSE: Final = 0x0101
_COOKIE: Final = (0x2112A442).to_bytes(4, "big")  # RFC 8489 §5
_USERNAME: Final = 0x0006
_INTEGRITY: Final = 0x0008
_XOR_MAPPED_ADDRESS: Final = 0x0020
_ATTRIBUTE = struct.Struct("!HH")
_INTEGRITY_HEAD: Final = _ATTRIBUTE.pack(_INTEGRITY, 20)
_SHA1_BLOCK: Final = 64
_SHA1_BYTES: Final = 20
_FINGERPRINT = struct.Struct("!HHI")  # RFC 8489 §14.7
_FINGERPRINT_KIND: Final = 0x8028
_FINGERPRINT_MASK: Final = 0x5354554E
_SOCKADDR_IN6: Final = 28  # bytes; of IPv4's, 16
_MAX_ATTRIBUTES: Final = 12  # looked at for one; a datagram has room for 370, a browser sends ten
_ICE_CHARS: Final = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Credentials:
    """ICE user fragment and password (RFC 8445 §5.3): 48 and 143 random bits."""

    ufrag: str
    password: str


def make_credentials() -> Credentials:
    """Fresh random credentials."""
    return Credentials(_random(8), _random(24))


def _random(length: int) -> str:
    return "".join(secrets.choice(_ICE_CHARS) for _ in range(length))


def requested_ufrag(data: bytes) -> str | None:
    """Our ufrag named by a binding request, read without trusting anything; None if it is not one.

    The USERNAME is `ours:theirs` (RFC 8445 §7.2.2).
    """
    if len(data) < 28:
        return None
    kind, length, cookie, name, size = _START.unpack_from(data)
    if kind != _BINDING_REQUEST or cookie != _COOKIE or length + 20 != len(data):
        return None
    at, size = (24, size) if name == _USERNAME else _find(data, _USERNAME)
    colon = data.find(b":", at, at + min(size, 513))
    return data[at:colon].decode("ascii", "replace") if colon >= 0 else None


def _find(data: bytes, wanted: int) -> tuple[int, int]:
    """Where the value of the first attribute `wanted` begins, and its size; (0, 0): nowhere."""
    at = 20
    for _ in range(_MAX_ATTRIBUTES):
        if at + 4 > len(data):
            break
        name, size = _ATTRIBUTE.unpack_from(data, at)
        if name == wanted:
            return at + 4, size
        at += 4 + size + (-size % 4)
    return 0, 0


def transaction_of(data: bytes) -> bytes:
    """The transaction id of what `requested_ufrag` took for a binding request."""
    return data[8:20]


def is_intact(data: bytes, password: str) -> bool:
    """Does the MESSAGE-INTEGRITY hold (RFC 8489 §14.5)? Some microseconds, whatever `data` is."""
    at = _find_integrity(data)
    if not at:
        return False
    signature = _signature(data[:2] + at.to_bytes(2, "big") + data[4 : at - 4], password)
    return hmac.compare_digest(signature, data[at : at + 20])


def _find_integrity(data: bytes) -> int:
    """Where the 20 octets of MESSAGE-INTEGRITY begin; 0: nowhere.

    Mostly last, or before the FINGERPRINT: found at once, unless others look the same.
    """
    at = data.find(_INTEGRITY_HEAD, 20) + 4
    if 24 <= at == len(data) - 20 or 24 <= at == len(data) - 28:
        return at
    at, size = _find(data, _INTEGRITY)
    return at if size == 20 and at + size <= len(data) else 0


@functools.lru_cache(maxsize=1024)
def _keyed(password: str) -> "tuple[hashlib._Hash, hashlib._Hash]":
    """HMAC-SHA1 (RFC 2104) as far as it depends on the key alone: half of what a check costs."""
    key = password.encode().ljust(_SHA1_BLOCK, b"\0")
    assert len(key) == _SHA1_BLOCK
    pads = (bytes(octet ^ pad for octet in key) for pad in (0x36, 0x5C))
    inner, outer = (hashlib.sha1(pad, usedforsecurity=False) for pad in pads)
    return inner, outer


def answer(transaction_id: bytes, source: bytes, password: str) -> bytes:
    """The success response to a check that is intact; `source`: raw sockaddr it came from.

    64 or 76 bytes. Sixty browsers ask twenty times a second, so it is written here and not with
    aioice's codec, which takes ten times as long (a test compares them).
    """
    host = source[4:8] if len(source) < _SOCKADDR_IN6 else source[8:24]
    if host.startswith(V4_MAPPED):
        host = host[len(V4_MAPPED) :]
    mask = _COOKIE + transaction_id
    address = (b"\0\1" if len(host) == 4 else b"\0\2") + _masked(source[2:4], mask)
    address += _masked(host, mask)
    mapped = _ATTRIBUTE.pack(_XOR_MAPPED_ADDRESS, len(address)) + address
    size = len(mapped) + len(_INTEGRITY_HEAD) + _SHA1_BYTES
    signed = _ATTRIBUTE.pack(_BINDING_RESPONSE, size) + mask + mapped
    rest = mask + mapped + _INTEGRITY_HEAD + _signature(signed, password)
    whole = _ATTRIBUTE.pack(_BINDING_RESPONSE, size + _FINGERPRINT.size) + rest
    return whole + _FINGERPRINT.pack(_FINGERPRINT_KIND, 4, zlib.crc32(whole) ^ _FINGERPRINT_MASK)


def _masked(data: bytes, mask: bytes) -> bytes:
    return bytes(octet ^ other for octet, other in zip(data, mask, strict=False))


def _signature(signed: bytes, password: str) -> bytes:
    inner, outer = (state.copy() for state in _keyed(password))
    inner.update(signed)
    outer.update(inner.digest())
    return outer.digest()
