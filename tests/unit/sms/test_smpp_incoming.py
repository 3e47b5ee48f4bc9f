"""Texts from phones over SMPP: every coding and way of joining, as what a modem hands over."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.pdu import Deliver, decode_incoming
from sms.pdu.addresses import Address
from sms.pdu.user_data import Concatenation
from sms.reassembly import Part, collect, key_of
from sms.smpp.incoming import (
    PAYLOAD_TAG,
    SAR_COUNT_TAG,
    SAR_NUMBER_TAG,
    SAR_REFERENCE_TAG,
    as_gsm,
)
from sms.smpp.pdu import ShortMessage, SmppError, decode_data_sm

AT = datetime(2026, 11, 29, 8, tzinfo=UTC)
ALICE = Address.parse("1")
HAN = "水情 3.2 还在涨，" * 30


def read(message: ShortMessage) -> tuple[str, Concatenation | None]:
    """The text as the inbox joins it; where it is one part of several, its place."""
    parts = [decode_incoming(one) for one in as_gsm(message, AT)]
    assert all(isinstance(part, Deliver) and part.originator == ALICE for part in parts)
    delivers = [part for part in parts if isinstance(part, Deliver)]
    joined = delivers[0].concatenation
    if joined is None or len(delivers) == 1:
        return delivers[0].text, joined
    pieces = [
        Part(part.concatenation.number, part.user_data.text, AT)
        for part in delivers
        if part.concatenation is not None
    ]
    (whole,) = collect(key_of("", "x", joined), pieces)
    assert whole.is_complete
    return whole.text(), None


def message(content: bytes, coding: int = 0, esm: int = 0, **more: bytes) -> ShortMessage:
    options = {int(tag[1:], 16): value for tag, value in more.items()}
    return ShortMessage("1", "2", coding, content, esm, options=options)


@pytest.mark.parametrize(
    ("content", "coding", "text"),
    [
        (b"OK", 0, "OK"),
        (bytes([0, 2, 0x1B, 0x65]), 0, "@$€"),
        (b"a@b_c$", 1, "a@b_c$"),
        ("é@".encode("latin-1"), 3, "é@"),
        ("收到".encode("utf-16-be"), 8, "收到"),
        ("收到".encode("utf-16-be"), 0x18, "收到"),  # shown at once
        (b"x" * 160, 0, "x" * 160),  # a whole text: more than 70 characters
        (b"x" * 254, 1, "x" * 254),
        (("é" * 90).encode("latin-1"), 3, "é" * 90),
        (("ê" * 90).encode("latin-1"), 3, "ê" * 90),  # not in GSM 7-bit: two parts
        ("收到𠮷".encode("utf-16-be"), 8, "收到𠮷"),
    ],
)
def test_every_coding_of_a_text_is_read(content: bytes, coding: int, text: str) -> None:
    assert read(message(content, coding)) == (text, None)


def test_a_long_text_in_one_message_payload_is_read_whole() -> None:
    payload = HAN.encode("utf-16-be")
    found = ShortMessage("1", "2", 8, b"", options={PAYLOAD_TAG: payload})
    assert read(found) == (HAN, None)


def test_parts_are_known_by_their_header_or_by_options() -> None:
    header = bytes([5, 0, 3, 7, 2, 1])
    by_header = message(header + "前".encode("utf-16-be"), 8, 0x40)
    assert read(by_header) == ("前", Concatenation(7, 2, 1, is_wide=False))
    options = {SAR_REFERENCE_TAG: b"\1\2", SAR_COUNT_TAG: b"\3", SAR_NUMBER_TAG: b"\2"}
    by_options = ShortMessage("1", "2", 0, b"x" * 152, options=options)
    assert read(by_options) == ("x" * 152, Concatenation(0x0102, 3, 2))
    impossible = ShortMessage("1", "2", 0, b"x", options={**options, SAR_NUMBER_TAG: b"\4"})
    assert read(impossible) == ("x", None)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(SmppError):
        read(message(b"\1\2", 4))


def test_a_text_in_data_sm_is_read() -> None:
    body = b"\0" + b"\0\1" + b"1\0" + b"\0\0" + b"10690000\0" + bytes([0, 0, 8])
    body += b"\x04\x24\0\4" + "收到".encode("utf-16-be")
    found = decode_data_sm(body)
    assert (found.source, found.source_ton, read(found)) == ("1", 0, ("收到", None))


@given(
    st.binary(max_size=300), st.integers(0, 255), st.sampled_from([0, 0x40]),
    st.dictionaries(
        st.sampled_from([PAYLOAD_TAG, SAR_REFERENCE_TAG, SAR_COUNT_TAG, SAR_NUMBER_TAG]),
        st.binary(max_size=300),
    ),
)  # fmt: skip
def test_whatever_a_carrier_sends_is_read_or_refused(
    content: bytes, coding: int, esm: int, options: dict[int, bytes]
) -> None:
    """Only ValueError: anything else would end the line that read it."""
    with contextlib.suppress(ValueError):
        for one in as_gsm(ShortMessage("1", "2", coding, content, esm, options=options), AT):
            decode_incoming(one)
