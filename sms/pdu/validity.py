"""TP-VP: how long the service centre keeps trying (TS 23.040 §9.2.3.12). Pure."""

from bisect import bisect_left
from datetime import datetime, timedelta

from sms.pdu.octets import DecodeError, Octets
from sms.pdu.timestamps import LENGTH, decode_timestamp

_FIVE_MINUTES = timedelta(minutes=5)
_HALF_HOUR = timedelta(minutes=30)
_DAY = timedelta(days=1)
_WEEK = timedelta(weeks=1)

FORMAT_NONE, FORMAT_ENHANCED, FORMAT_RELATIVE, FORMAT_ABSOLUTE = 0, 1, 2, 3


def decode_relative(value: int) -> timedelta:
    """The period of a TP-VP octet, 0..255."""
    if value <= 143:
        return (value + 1) * _FIVE_MINUTES
    if value <= 167:
        return timedelta(hours=12) + (value - 143) * _HALF_HOUR
    if value <= 196:
        return (value - 166) * _DAY
    return (value - 192) * _WEEK


_PERIODS = tuple(map(decode_relative, range(256)))  # ascending


def encode_relative(period: timedelta) -> int:
    """The smallest TP-VP not shorter than `period`; 63 weeks is the longest there is."""
    return min(bisect_left(_PERIODS, period), 255)


def decode_validity(data: Octets, vp_format: int) -> timedelta | datetime | None:
    """Read TP-VP as `vp_format` (bits 4..3 of the first octet) says; None if there is none."""
    if vp_format == FORMAT_RELATIVE:
        return decode_relative(data.octet("validity period"))
    if vp_format == FORMAT_ABSOLUTE:
        return decode_timestamp(data, "validity period")
    if vp_format == FORMAT_ENHANCED:
        return _decode_enhanced(data)
    return None


def _decode_enhanced(data: Octets) -> timedelta | None:
    """Seven octets: an indicator, then relative octet, seconds, or hh:mm:ss (§9.2.3.12.3)."""
    start = data.offset
    raw = data.take(LENGTH, "validity period")
    kind = raw[0] & 0x07
    if kind == 0:
        return None
    if kind == 1:
        return decode_relative(raw[1])
    if kind == 2:
        return timedelta(seconds=raw[1])
    if kind == 3:
        hours, minutes, seconds = ((octet & 0x0F) * 10 + (octet >> 4) for octet in raw[1:4])
        return timedelta(hours=hours, minutes=minutes, seconds=seconds)
    raise DecodeError("validity period", start, f"reserved format {kind}")
