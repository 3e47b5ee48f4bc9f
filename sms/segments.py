"""Cutting a text into segments, and saying beforehand what it will cost (pure).

TS 23.040 §9.2.3.24.1: 160 septets or 70 UCS-2 units alone; with a 16-bit reference 152 or 66, with
an 8-bit one 153 or 67.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from core.errors import InvalidInput
from sms.pdu import gsm7
from sms.pdu.addresses import Address
from sms.pdu.submit import Submit, SubmitPdu, encode_submit
from sms.pdu.user_data import Alphabet, Concatenation

MAX_SEGMENTS = 255
_ALONE = {Alphabet.GSM7: 160, Alphabet.UCS2: 70}
_JOINED_WIDE = {Alphabet.GSM7: 152, Alphabet.UCS2: 66}
_JOINED_NARROW = {Alphabet.GSM7: 153, Alphabet.UCS2: 67}


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a text; `concatenation` is None if it is the only one."""

    text: str
    alphabet: Alphabet
    concatenation: Concatenation | None

    @property
    def number(self) -> int:
        """1-based."""
        return self.concatenation.number if self.concatenation else 1


@dataclass(frozen=True, slots=True)
class ForcingCharacter:
    """A character that made the text UCS-2: `index` in code points, first occurrence."""

    char: str
    index: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What `split` will do.

    `units`: septets or UTF-16 units in all; `units_left`: how many more fit without another
    segment; `forced_by`: each character outside GSM 7-bit once, in order, empty for GSM 7-bit.
    """

    alphabet: Alphabet
    segments: int
    units: int
    units_left: int
    forced_by: tuple[ForcingCharacter, ...]


def alphabet_of(text: str) -> Alphabet:
    """GSM 7-bit if every character fits, else UCS-2."""
    is_gsm7 = all(gsm7.cost(char) is not None for char in text)
    return Alphabet.GSM7 if is_gsm7 else Alphabet.UCS2


def preview(text: str, *, is_wide: bool = True) -> Preview:
    """Count segments as `split` cuts them; an empty text is one empty segment.

    Does not limit the count: the page shows 300 segments as 300. Raises: InvalidInput: lone
    surrogate.
    """
    alphabet, pieces = _cut(text, is_wide=is_wide)
    capacity = _capacity(alphabet, len(pieces), is_wide=is_wide)
    in_last = _units(pieces[-1], alphabet)
    return Preview(
        alphabet,
        len(pieces),
        sum(_units(piece, alphabet) for piece in pieces),
        capacity - in_last,
        tuple(_forcing_characters(text)),
    )


def split(text: str, reference: int, *, is_wide: bool = True) -> list[Segment]:
    """Cut `text` into the segments of one message (TS 23.040 §9.2.3.24.1).

    GSM 7-bit if every character fits, else UCS-2. Never cuts inside an escape sequence or a
    surrogate pair. `reference`: the same in all segments, 0..65535 (0..255 if not `is_wide`);
    never the same twice for one recipient within the validity period.

    Returns: one segment of ≤160 septets / ≤70 UTF-16 units, or 2..255 of ≤152 / ≤66
    (≤153 / ≤67 if not `is_wide`).
    Raises: InvalidInput: more than 255 segments, or a lone surrogate.
    """
    alphabet, pieces = _cut(text, is_wide=is_wide)
    if len(pieces) == 1:
        return [Segment(pieces[0], alphabet, None)]
    if len(pieces) > MAX_SEGMENTS:
        raise InvalidInput(
            f"the text needs {len(pieces)} segments, {MAX_SEGMENTS} is the most", field="text"
        )
    return [
        Segment(piece, alphabet, Concatenation(reference, len(pieces), number, is_wide))
        for number, piece in enumerate(pieces, 1)
    ]


def to_pdu(
    segment: Segment,
    number: str,
    *,
    validity: timedelta | None = None,
    wants_report: bool = True,
    is_flash: bool = False,
    rejects_duplicates: bool = False,
) -> SubmitPdu:
    """The PDU that sends `segment` to `number` (E.164 or short code).

    Raises: InvalidInput: not a phone number.
    """
    return encode_submit(
        Submit(
            Address.parse(number),
            segment.text,
            segment.alphabet,
            segment.concatenation,
            message_class=0 if is_flash else None,
            validity=validity,
            wants_report=wants_report,
            rejects_duplicates=rejects_duplicates,
        )
    )


@lru_cache(maxsize=32)  # one text goes to thousands, and is cut anew for each attempt
def _cut(text: str, *, is_wide: bool) -> tuple[Alphabet, tuple[str, ...]]:
    _refuse_lone_surrogates(text)
    alphabet = alphabet_of(text)
    costs = [_cost(char, alphabet) for char in text]
    if sum(costs) <= _ALONE[alphabet]:
        return alphabet, (text,)
    capacity = (_JOINED_WIDE if is_wide else _JOINED_NARROW)[alphabet]
    return alphabet, tuple(_pieces(text, costs, capacity))


def _pieces(text: str, costs: Sequence[int], capacity: int) -> Iterator[str]:
    """Greedy: a character that does not fit whole opens the next piece."""
    start = used = 0
    for index, cost in enumerate(costs):
        if used + cost > capacity:
            yield text[start:index]
            start, used = index, 0
        used += cost
    yield text[start:]


def _cost(char: str, alphabet: Alphabet) -> int:
    if alphabet is Alphabet.GSM7:
        return gsm7.cost(char) or 0
    return 2 if ord(char) > 0xFFFF else 1


def _units(text: str, alphabet: Alphabet) -> int:
    return sum(_cost(char, alphabet) for char in text)


def _capacity(alphabet: Alphabet, pieces: int, *, is_wide: bool) -> int:
    if pieces == 1:
        return _ALONE[alphabet]
    return (_JOINED_WIDE if is_wide else _JOINED_NARROW)[alphabet]


def _forcing_characters(text: str) -> Iterator[ForcingCharacter]:
    seen: set[str] = set()
    for index, char in enumerate(text):
        if char not in seen and gsm7.cost(char) is None:
            seen.add(char)
            yield ForcingCharacter(char, index)


def _refuse_lone_surrogates(text: str) -> None:
    for index, char in enumerate(text):
        if 0xD800 <= ord(char) <= 0xDFFF:
            raise InvalidInput(f"half a surrogate pair at character {index}", field="text")
