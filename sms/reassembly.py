"""Joining the segments of one incoming message: any order, duplicates, time-out (pure).

TS 23.040 §9.2.3.24.1. References repeat (8 bits wrap fast), so a segment that contradicts one we
hold starts a new set, and the old one is given up as incomplete.

A segment of a text already shown, come once more (a handset that missed its acknowledgement), is an
echo: alone it is never shown. Should the rest of a text come under the same reference, be it the
same one again or another that begins with the same words, it takes its place in that.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sms.pdu.user_data import Concatenation, storable

DEFAULT_TIMEOUT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class PartKey:
    """What parts of one message have in common. `imsi`: the SIM that received them."""

    imsi: str
    sender: str
    reference: int
    count: int
    is_wide: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One received segment. `text` is `UserData.text`: it may hold half a surrogate pair."""

    number: int
    text: str
    received_at: datetime
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PartSet:
    """Parts held for one key, ordered by number, each number once."""

    key: PartKey
    parts: tuple[Part, ...]

    @property
    def is_complete(self) -> bool:
        return len(self.parts) == self.key.count

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers not here yet, ascending."""
        held = {part.number for part in self.parts}
        return tuple(n for n in range(1, self.key.count + 1) if n not in held)

    @property
    def first_received_at(self) -> datetime:
        return min(part.received_at for part in self.parts)

    def is_expired(self, now: datetime, timeout: timedelta = DEFAULT_TIMEOUT) -> bool:
        """True if the first part has waited for `timeout`: show what is here."""
        return not self.is_complete and now >= self.first_received_at + timeout

    def text(self, gap: str = "【缺第{number}段】") -> str:
        """The joined text, safe to store; `gap` stands for each missing part."""
        by_number = {part.number: part.text for part in self.parts}
        pieces = (
            by_number.get(number, gap.format(number=number))
            for number in range(1, self.key.count + 1)
        )
        return storable("".join(pieces))


class Added(StrEnum):
    """What a part did to a set."""

    NEW = "new"
    COMPLETED = "completed"
    DUPLICATE = "duplicate"  # the same part again; nothing changed
    CLASH = "clash"  # same number, other text: the reference was reused, a new set begins


def key_of(imsi: str, sender: str, concatenation: Concatenation) -> PartKey:
    """The key under which a segment with this concatenation element is collected."""
    return PartKey(
        imsi, sender, concatenation.reference, concatenation.count, concatenation.is_wide
    )


def add(held: PartSet | None, key: PartKey, part: Part) -> tuple[PartSet, Added]:
    """Put `part` into `held`, the open set of the same key, or begin one.

    On CLASH the returned set holds only `part`; the caller keeps `held` as incomplete.
    Raises: ValueError: a number outside 1..count, or a set of another key.
    """
    if not 1 <= part.number <= key.count:
        raise ValueError(f"part {part.number} of {key.count}")
    if held is None:
        held = PartSet(key, ())
    elif held.key != key:
        raise ValueError("the set has another key")
    same = next((p for p in held.parts if p.number == part.number), None)
    if same is not None:
        if same.text == part.text:
            return held, Added.DUPLICATE
        fresh = PartSet(key, (part,))
        return fresh, Added.CLASH
    parts = tuple(sorted((*held.parts, part), key=lambda p: p.number))
    grown = replace(held, parts=parts)
    return grown, Added.COMPLETED if grown.is_complete else Added.NEW


def collect(key: PartKey, parts: Iterable[Part]) -> tuple[PartSet, ...]:
    """All sets to be shown that `parts`, in order of arrival, make up; for tests and for repair."""
    sets: list[PartSet] = []
    shown: set[tuple[int, str]] = set()
    current: PartSet | None = None

    def end(whole: PartSet | None) -> None:
        pieces = {(part.number, part.text) for part in whole.parts} if whole else set()
        if whole is not None and (whole.is_complete or not pieces <= shown):
            sets.append(whole)
        shown.update(pieces)

    for part in parts:
        grown, added = add(current, key, part)
        if added is Added.CLASH:
            end(current)
        current = grown
        if added is Added.COMPLETED:
            end(grown)
            current = None
    end(current)
    return tuple(sets)
