"""TP-SCTS and TP-DT: seven octets of local time with a zone in quarter hours (§9.2.3.11)."""

from datetime import datetime, timedelta, timezone

from sms.pdu.octets import Octets, swapped_digits, to_swapped

LENGTH = 7


def decode_timestamp(data: Octets, field: str) -> datetime | None:
    """An aware time, or None for what is no date (modems send zeros before they know the time)."""
    return timestamp_of(data.take(LENGTH, field))


def timestamp_of(raw: bytes) -> datetime | None:
    """`raw`: seven octets. Years are 2000..2099."""
    digits = swapped_digits(raw)
    zone_low, zone_high = raw[6] & 0x0F, raw[6] >> 4
    is_west = bool(zone_low & 0x08)
    try:
        year, month, day, hour, minute, second = (int(digits[i : i + 2]) for i in range(0, 12, 2))
        quarters = (zone_low & 0x07) * 10 + int(f"{zone_high}")
        zone = timezone(timedelta(minutes=-15 * quarters if is_west else 15 * quarters))
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None


def encode_timestamp(at: datetime) -> bytes:
    """`at`: aware, 2000..2099; its own zone is kept, in quarter hours."""
    offset = at.utcoffset()
    if offset is None:
        raise ValueError("a time stamp needs a zone")
    quarters = round(offset / timedelta(minutes=15))
    octets = bytearray(to_swapped(at.strftime("%y%m%d%H%M%S") + f"{abs(quarters):02d}"))
    if quarters < 0:
        octets[6] |= 0x08
    return bytes(octets)
