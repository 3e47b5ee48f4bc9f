"""Joining segments: any order, duplicates, reused references, time-out."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.pdu import decode_submit
from sms.reassembly import Added, Part, PartKey, add, collect, key_of
from sms.segments import split, to_pdu

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
KEY = PartKey("46000", "+8610055500001", 7, 3, is_wide=True)


def part(number: int, text: str = "", minutes: int = 0) -> Part:
    return Part(number, text or f"<{number}>", AT + timedelta(minutes=minutes))


@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
def test_any_order(order: tuple[int, ...]) -> None:
    (whole,) = collect(KEY, [part(number) for number in order])
    assert whole.is_complete
    assert whole.text() == "<1><2><3>"


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@given(st.text(CHARACTERS, min_size=200, max_size=900), st.randoms())
def test_what_was_split_and_shuffled_is_joined(text: str, chance: st.DataObject) -> None:
    segments = split(text, 77)
    if len(segments) == 1:
        return
    decoded = [decode_submit(to_pdu(s, "+8610055500001").hex).user_data for s in segments]
    chance.shuffle(decoded)  # type: ignore[attr-defined]
    first = decoded[0].concatenation
    assert first is not None
    parts = [
        Part(d.concatenation.number, d.text, AT) for d in decoded if d.concatenation is not None
    ]
    (whole,) = collect(key_of("", "x", first), [*parts, parts[0]][: len(parts)])
    assert whole.text() == text


def test_a_pair_cut_by_the_sender_is_joined_again() -> None:
    key = PartKey("", "x", 1, 2, is_wide=False)
    (whole,) = collect(key, [part(2, "\udfb7野家"), part(1, "吃\ud842")])
    assert whole.text() == "吃𠮷野家"


def test_half_a_pair_without_its_other_half_can_be_stored() -> None:
    key = PartKey("", "x", 1, 2, is_wide=False)
    (held,) = collect(key, [part(1, "吃\ud842")])
    held.text().encode()


def test_duplicates_change_nothing() -> None:
    held, added = add(None, KEY, part(1))
    assert added is Added.NEW
    again, added = add(held, KEY, part(1, minutes=5))
    assert (again, added) == (held, Added.DUPLICATE)


def test_a_reused_reference_begins_a_new_message() -> None:
    held, _ = add(None, KEY, part(1, "old"))
    fresh, added = add(held, KEY, part(1, "new"))
    assert added is Added.CLASH
    assert [p.text for p in fresh.parts] == ["new"]
    old, new = collect(KEY, [part(1, "old"), part(1, "new"), part(2), part(3)])
    assert not old.is_complete
    assert new.text() == "new<2><3>"


def test_a_part_of_a_shown_text_come_again_is_nothing_new_unless_the_rest_comes_too() -> None:
    whole = [part(1), part(2), part(3)]
    (shown,) = collect(KEY, [*whole, part(2), part(2)])
    assert shown.text() == "<1><2><3>"
    _, again = collect(KEY, [*whole, part(2), part(1), part(3)])
    assert again.is_complete
    _, other = collect(KEY, [*whole, part(1), part(2, "new"), part(3, "words")])
    assert other.text() == "<1>newwords"
    _, begun = collect(KEY, [*whole, part(1), part(2, "new")])
    assert begun.text() == "<1>new【缺第3段】"


def test_an_incomplete_message_is_shown_after_the_time_out_with_its_gap() -> None:
    held, _ = add(None, KEY, part(3, minutes=10))
    held, _ = add(held, KEY, part(1))
    assert held.missing == (2,)
    assert held.text() == "<1>【缺第2段】<3>"
    day = timedelta(hours=24)
    assert not held.is_expired(AT + day - timedelta(seconds=1))
    assert held.is_expired(AT + day)
    whole, added = add(held, KEY, part(2))
    assert added is Added.COMPLETED
    assert not whole.is_expired(AT + 2 * day)


def test_parts_must_fit_their_key() -> None:
    with pytest.raises(ValueError, match="part 4 of 3"):
        add(None, KEY, part(4))
    held, _ = add(None, KEY, part(1))
    with pytest.raises(ValueError, match="another key"):
        add(held, PartKey("", "y", 7, 3, is_wide=True), part(2))
