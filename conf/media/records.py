"""What a peer's DTLS datagram can be while it shakes hands with us, and after (RFC 6347 §4).

Anybody can send one from a member's address. A look at the plain heads tells most of what is forged
from what a peer sends: its hello and its last flight, again when they were lost, and a goodbye; all
in some dozen records, numbered from 0. Pure.
"""

import struct
from typing import Final

MAX_NUMBER: Final = 1024  # of a record in its epoch
_CHANGE_CIPHER, _ALERT, _HANDSHAKE = 20, 21, 22
_VERSIONS: Final = 0xFEFF, 0xFEFD
_OF_CLIENTS: Final = 1, 11, 15, 16  # hello, certificate, its proof, key exchange (RFC 5246 §7.4)
_MAX_MESSAGE: Final = 1 << 14
_MAX_MESSAGES: Final = 16
_RECORD = struct.Struct("!BHHHIH")  # type, version, epoch, number in two parts, size
_MESSAGE = struct.Struct("!BBHHBHBH")  # type, size in two parts, number, offset and size likewise


def is_of_a_client(datagram: bytes) -> bool:
    """Can a client in a handshake with us, or one that has ended it, have sent this?

    Not an alert in plain text: nobody can tell who ends the handshake with it (§4.1.2.7).
    """
    at = 0
    while at + _RECORD.size <= len(datagram):
        kind, version, epoch, high, number, size = _RECORD.unpack_from(datagram, at)
        if version not in _VERSIONS or high or number >= MAX_NUMBER:
            return False
        at += _RECORD.size
        if at + size > len(datagram) or not _has_place(kind, epoch, datagram[at : at + size]):
            return False
        at += size
    return at == len(datagram) > 0


def _has_place(kind: int, epoch: int, body: bytes) -> bool:
    """A record of this type in this epoch: in the first it is plain, in the second encrypted."""
    if epoch == 1:
        return kind in (_ALERT, _HANDSHAKE)
    if epoch or kind != _HANDSHAKE:
        return epoch == 0 and kind == _CHANGE_CIPHER and body == b"\x01"
    return _begins_message(body)


def _begins_message(body: bytes) -> bool:
    """Is there a fragment of a client's message at its head (§4.2.2)?"""
    if len(body) < _MESSAGE.size:
        return False
    kind, high, low, number, at_high, at, part_high, part = _MESSAGE.unpack_from(body)
    size, start, length = high << 16 | low, at_high << 16 | at, part_high << 16 | part
    return (
        kind in _OF_CLIENTS
        and number < _MAX_MESSAGES
        and start + length <= size <= _MAX_MESSAGE
        and length <= len(body) - _MESSAGE.size
    )
