"""SMPP octets: the specification's example, laws, and what is broken."""

import contextlib
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.pdu import Concatenation, Deliver, StatusReport, decode_incoming
from sms.smpp.incoming import as_gsm
from sms.smpp.pdu import Pdu, ShortMessage, SmppError, Splitter, bind, decode_short_message, text_of
from sms.smpp.receipts import read_receipt

# SMPP 3.4 issue 1.2 §3.2.3 (example of a PDU): bind_transmitter of SMPP3TEST.
EXAMPLE = bytes.fromhex(
    "0000002F000000020000000000000001534D50503354455354007365637265743038005355424D4954310000010100"
)

octet_strings = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20)
messages = st.builds(
    ShortMessage, source=octet_strings, destination=octet_strings,
    data_coding=st.integers(0, 255), content=st.binary(max_size=254),
    esm_class=st.integers(0, 255), wants_receipt=st.booleans(), validity=octet_strings,
    options=st.dictionaries(st.integers(0, 65535), st.binary(max_size=50), max_size=4),
)  # fmt: skip


def test_the_example_of_the_specification_is_read() -> None:
    (pdu,) = Splitter().feed(EXAMPLE)
    assert (pdu.command, pdu.sequence, text_of(pdu.body)) == (2, 1, "SMPP3TEST")
    assert pdu.encode() == EXAMPLE


def test_a_bind_names_us_and_the_version() -> None:
    (pdu,) = Splitter().feed(bind("county", "secret", 7).encode())
    assert pdu.body == b"county\0secret\0\0\x34\0\0\0"
    assert (pdu.command, pdu.sequence) == (9, 7)


@given(messages)
def test_a_short_message_survives(message: ShortMessage) -> None:
    assert decode_short_message(message.encode()) == message


@given(st.lists(st.binary(max_size=60), max_size=5), st.integers(1, 40))
def test_pdus_are_cut_wherever_the_octets_are(bodies: list[bytes], step: int) -> None:
    sent = [Pdu(4, number, body=body) for number, body in enumerate(bodies)]
    stream = b"".join(pdu.encode() for pdu in sent)
    splitter, got = Splitter(), []
    for start in range(0, len(stream), step):
        got += splitter.feed(stream[start : start + step])
    assert got == sent


@given(st.binary(max_size=200))
def test_random_octets_raise_only_our_error(body: bytes) -> None:
    with contextlib.suppress(SmppError):
        read_receipt(decode_short_message(body))


@pytest.mark.parametrize("size", [0, 15, 70_001, 0xFFFFFFFF])
def test_an_impossible_length_ends_the_line(size: int) -> None:
    with pytest.raises(SmppError):
        Splitter().feed(struct.pack(">IIII", size, 4, 0, 1))


@pytest.mark.parametrize(
    ("content", "options", "status"),
    [
        (b"id:42 sub:001 stat:DELIVRD err:000", {}, 0x00),
        (b"ID:42 stat:expired", {}, 0x46),
        (b"id:42 stat:ENROUTE", {}, 0x30),
        (b"id:42 stat:NONSENSE", {}, 0x80),
        (b"", {0x1E: b"42\0", 0x427: b"\x05"}, 0x43),
    ],
)
def test_receipts_are_read_from_text_and_options(
    content: bytes, options: dict[int, bytes], status: int
) -> None:
    receipt = read_receipt(ShortMessage("1", "2", 0, content, 4, options=options))
    assert (receipt.message_id, receipt.status) == ("42", status)


def test_a_receipt_without_an_id_is_an_error() -> None:
    with pytest.raises(SmppError):
        read_receipt(ShortMessage("1", "2", 0, b"stat:DELIVRD", 4))


def test_receipts_of_one_second_are_two_pdus() -> None:
    """A modem's PDU handed over twice is one; these two are of two texts."""
    texts = (f"id:{count} stat:DELIVRD".encode() for count in (1, 2))
    first, second = (as_gsm(ShortMessage("86138", "1", 0, text, 0x04), AT) for text in texts)
    assert first != second
    assert decode_incoming(*first) == decode_incoming(*second)


AT = datetime(2026, 8, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("coding", "content", "text"),
    [(0, b"x" * 160, "x" * 160), (0, b"a\x1b\x65b", "a€b"), (8, "县".encode("utf-16-be"), "县")],
)
def test_a_text_reads_as_from_a_modem(coding: int, content: bytes, text: str) -> None:
    """A whole one of the GSM alphabet too, which would not fit as UCS-2."""
    sent = ShortMessage("8613800000001", "1", coding, content, source_ton=1)
    read = decode_incoming(*as_gsm(sent, AT))
    assert isinstance(read, Deliver)
    assert (read.originator.value, read.text) == ("+8613800000001", text)


def test_a_sender_may_have_a_name_and_a_text_may_be_a_part() -> None:
    header = b"\x05\0\x03\x07\x02\x01"
    part = ShortMessage("BANK", "1", 0, header + b"one", 0x40, source_ton=5)
    read = decode_incoming(*as_gsm(part, AT))
    assert isinstance(read, Deliver)
    assert (read.originator.value, read.text) == ("BANK", "one")
    assert read.concatenation == Concatenation(7, 2, 1, is_wide=False)


def test_a_receipt_reads_as_a_report_from_a_modem() -> None:
    text = b"id:77 sub:001 dlvrd:001 stat:EXPIRED err:000"
    read = decode_incoming(*as_gsm(ShortMessage("86138", "1", 0, text, 0x04), AT))
    assert isinstance(read, StatusReport)
    assert read.status == 0x46
