"""Cutting: nothing lost, nothing torn, the preview never lies."""

from datetime import timedelta
from io import StringIO

import pytest
from gsmmodem.pdu import decodeSmsPdu
from hypothesis import given
from hypothesis import strategies as st
from smspdudecoder.fields import SMSSubmit

from core.errors import InvalidInput
from sms.pdu import Alphabet, decode_submit
from sms.pdu.gsm7 import DEFAULT, EXTENSION, cost
from sms.segments import ForcingCharacter, alphabet_of, preview, split, to_pdu

GSM7_TEXTS = st.text(
    st.sampled_from([*(c for c in DEFAULT if c != "\x1b"), *EXTENSION.values()]), max_size=1500
)
ANY_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=700)
NUMBER = "+8610055500001"


@given(GSM7_TEXTS | ANY_TEXTS, st.booleans())
def test_segments_join_to_the_text_and_fit(text: str, is_wide: bool) -> None:
    segments = split(text, 7, is_wide=is_wide)
    assert "".join(segment.text for segment in segments) == text
    alphabet = alphabet_of(text)
    if alphabet is Alphabet.GSM7:
        limit = 160 if len(segments) == 1 else 152 if is_wide else 153
        assert all(sum(cost(c) or 9 for c in s.text) <= limit for s in segments)
    else:
        limit = 70 if len(segments) == 1 else 66 if is_wide else 67
        assert all(len(s.text.encode("utf-16-be")) // 2 <= limit for s in segments)


@given(GSM7_TEXTS | ANY_TEXTS, st.booleans())
def test_the_preview_is_what_split_does(text: str, is_wide: bool) -> None:
    seen = preview(text, is_wide=is_wide)
    segments = split(text, 7, is_wide=is_wide)
    assert seen.segments == len(segments)
    assert seen.alphabet == segments[0].alphabet
    filler = "a" * seen.units_left
    assert preview(text + filler, is_wide=is_wide).segments == seen.segments
    assert preview(text + filler + "a", is_wide=is_wide).segments > seen.segments


@given(ANY_TEXTS)
def test_octets_on_the_air_carry_the_text(text: str) -> None:
    for segment in split(text, 65535):
        decoded = decode_submit(to_pdu(segment, NUMBER).hex)
        assert decoded.user_data.text == segment.text
        assert decoded.user_data.concatenation == segment.concatenation


@pytest.mark.parametrize(
    ("text", "segments", "units", "left"),
    [
        ("", 1, 0, 160),
        ("a" * 160, 1, 160, 0),
        ("a" * 161, 2, 161, 143),
        ("€" * 80, 1, 160, 0),
        ("a" * 159 + "€", 2, 161, 143),  # the escape may not be cut: it opens the next segment
        ("中" * 70, 1, 70, 0),
        ("中" * 71, 2, 71, 61),
        ("中" * 65 + "😀" + "中" * 4, 2, 71, 60),  # the pair does not fit at 66
    ],
)
def test_preview_table(text: str, segments: int, units: int, left: int) -> None:
    seen = preview(text)
    assert (seen.segments, seen.units, seen.units_left) == (segments, units, left)


def test_the_preview_names_each_character_that_forced_ucs2_once() -> None:
    assert preview("a“b”c“").forced_by == (ForcingCharacter("“", 1), ForcingCharacter("”", 3))
    assert preview("plain €").forced_by == ()


def test_255_segments_pass_and_256_do_not() -> None:
    assert len(split("a" * 152 * 255, 1)) == 255
    with pytest.raises(InvalidInput) as refused:
        split("a" * (152 * 255 + 1), 1)
    assert refused.value.field == "text"
    assert preview("中" * 66 * 300).segments == 300


@pytest.mark.parametrize("text", ["\ud800", "ab\udc00"])
def test_half_a_pair_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        split(text, 1)
    with pytest.raises(InvalidInput):
        preview(text)


@pytest.mark.parametrize("number", ["", "+", "abc", "12345678901234567890123", "+86 13x"])
def test_what_is_no_number_is_refused(number: str) -> None:
    (segment,) = split("hello", 1)
    with pytest.raises(InvalidInput):
        to_pdu(segment, number)


def test_segments_are_numbered_from_one() -> None:
    assert [segment.number for segment in split("中" * 140, 1)] == [1, 2, 3]
    assert [segment.number for segment in split("a", 1)] == [1]


def test_numbers_keep_their_type() -> None:
    (segment,) = split("hello", 1)
    assert "0D91" in to_pdu(segment, "+86 138-0013-8000").hex
    assert "0581" in to_pdu(segment, "10086").hex


@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1))
def test_smspdudecoder_reads_the_same_text(text: str) -> None:
    """Without characters it does not know: GSM extension's form feed."""
    for segment in split(text.replace("\f", " "), 300):
        pdu = to_pdu(segment, NUMBER, validity=timedelta(hours=1))
        read = SMSSubmit.decode(StringIO(pdu.hex))
        assert read["user_data"]["data"] == segment.text
        assert read["recipient"]["number"] == NUMBER[1:]
        if segment.concatenation:
            element = read["user_data"]["header"]["elements"][0]["data"]
            assert element["part_number"] == segment.number


@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1))
def test_gsmmodem_reads_the_same_text_with_narrow_references(text: str) -> None:
    """Its own faults are kept out: 16-bit references, a final @ and odd GSM characters."""
    if alphabet_of(text) is Alphabet.GSM7:
        text += "中"
    for segment in split(text, 200, is_wide=False):
        read = decodeSmsPdu(to_pdu(segment, NUMBER).hex)
        assert read["text"] == segment.text
        assert read["number"] == NUMBER
