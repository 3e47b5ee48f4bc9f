"""Stored parts of long texts as the values `sms.reassembly` decides about."""

from collections.abc import Iterable

from sms.pdu.user_data import Concatenation
from sms.reassembly import Part, PartKey, PartSet, add, key_of
from sms.store.rows import IncomingPduRow


def store_in(row: IncomingPduRow, concatenation: Concatenation, text: str) -> None:
    """Write one part into its row. Kept as UTF-16: a part may hold half a surrogate pair."""
    row.concat_reference, row.is_wide = concatenation.reference, concatenation.is_wide
    row.part, row.parts = concatenation.number, concatenation.count
    row.text = text.encode("utf-16", "surrogatepass").hex()
    row.is_joined = False


def key_in(row: IncomingPduRow) -> PartKey:
    """What this part has in common with the others of its text."""
    assert row.concat_reference is not None, "a part has a reference"
    assert row.part is not None
    assert row.parts is not None
    whole = Concatenation(row.concat_reference, row.parts, row.part, row.is_wide)
    return key_of(row.imsi, row.sender or "", whole)


def part_in(row: IncomingPduRow) -> Part:
    """The part a row holds."""
    assert row.part is not None
    text = bytes.fromhex(row.text or "").decode("utf-16", "surrogatepass")
    return Part(row.part, text, row.received_at)


def held_in(rows: Iterable[IncomingPduRow]) -> PartSet | None:
    """The open set that waiting rows of one key, in order of arrival, make up."""
    held: PartSet | None = None
    for row in rows:
        held, _ = add(held, key_in(row), part_in(row))
    return held
