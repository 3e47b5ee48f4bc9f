"""Fields of TS 23.040 and 23.038, and what damaged PDUs do."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from sms.pdu import Address, Alphabet, Concatenation, DecodeError, Deliver, decode_incoming, gsm7
from sms.pdu.addresses import decode_address, decode_service_centre
from sms.pdu.deliver import encode_deliver
from sms.pdu.octets import Octets
from sms.pdu.status_report import ReportState, StatusReport, encode_status_report, report_state
from sms.pdu.submit import Submit, decode_submit, encode_submit
from sms.pdu.timestamps import encode_timestamp, timestamp_of
from sms.pdu.user_data import (
    DataCoding,
    concatenation_in,
    decode_coding,
    encode_user_data,
    parse_header,
    storable,
)
from sms.pdu.validity import decode_relative, decode_validity, encode_relative

SENDER = Address.parse("+8610055500001")
AT = datetime(2026, 11, 21, 8, 30, 5, tzinfo=UTC)


@given(st.binary(max_size=200))
def test_random_octets_raise_only_decode_error(data: bytes) -> None:
    with suppress(DecodeError):
        decode_incoming(data.hex())
    with suppress(DecodeError):
        decode_submit(data.hex())


@given(st.text(max_size=60))
def test_random_text_raises_only_decode_error(text: str) -> None:
    with suppress(DecodeError):
        decode_incoming(text)


def test_an_error_names_field_and_octet() -> None:
    with pytest.raises(DecodeError) as cut:
        decode_incoming("0004FF91")
    assert (cut.value.field, cut.value.offset) == ("originator", 4)
    assert "128 octets" in cut.value.reason


@given(st.integers(0, 300), st.integers(0, 255))
def test_a_damaged_pdu_raises_only_decode_error(position: int, octet: int) -> None:
    pdu = bytearray.fromhex(
        encode_deliver(SENDER, "水情 3.2", AT, alphabet=Alphabet.UCS2,
                       concatenation=Concatenation(1, 2, 1))
    )  # fmt: skip
    pdu[position % len(pdu)] = octet
    try:
        decoded = decode_incoming(pdu.hex())
    except DecodeError:
        return
    if isinstance(decoded, Deliver):
        decoded.text.encode()  # whatever it says, it can be stored


@pytest.mark.parametrize("cut", range(0, 24))
def test_a_cut_pdu_says_where(cut: int) -> None:
    pdu = encode_deliver(SENDER, "hello", AT)
    with pytest.raises(DecodeError):
        decode_incoming(pdu[: cut * 2])


@given(
    st.text(
        st.characters(min_codepoint=1, max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=60
    )
)
def test_deliver_there_and_back(text: str) -> None:
    pdu = encode_deliver(SENDER, text, AT, alphabet=Alphabet.UCS2)
    decoded = decode_incoming(pdu)
    assert isinstance(decoded, Deliver)
    assert (decoded.text, decoded.originator, decoded.sent_at) == (text, SENDER, AT)


def test_status_report_there_and_back() -> None:
    later = AT + timedelta(seconds=9)
    decoded = decode_incoming(encode_status_report(255, SENDER, AT, later, 0x46))
    assert isinstance(decoded, StatusReport)
    assert (decoded.reference, decoded.recipient.value, decoded.discharged_at) == (
        255, SENDER.value, later,
    )  # fmt: skip
    assert decoded.state is ReportState.FAILED
    assert decoded.words == "有效期内没有送到(关机或不在服务区)"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (0x00, ReportState.DELIVERED), (0x02, ReportState.DELIVERED), (0x1F, ReportState.DELIVERED),
        (0x20, ReportState.TRYING), (0x30, ReportState.TRYING), (0x3F, ReportState.TRYING),
        (0x40, ReportState.FAILED), (0x7F, ReportState.FAILED),
        (0x80, ReportState.UNKNOWN), (0xFF, ReportState.UNKNOWN),
    ],
)  # fmt: skip
def test_report_states(status: int, state: ReportState) -> None:
    assert report_state(status) is state


@pytest.mark.parametrize(
    ("value", "period"),
    [
        (0, timedelta(minutes=5)), (11, timedelta(hours=1)), (143, timedelta(hours=12)),
        (144, timedelta(hours=12, minutes=30)), (167, timedelta(hours=24)),
        (168, timedelta(days=2)), (173, timedelta(days=7)), (196, timedelta(days=30)),
        (197, timedelta(weeks=5)), (255, timedelta(weeks=63)),
    ],
)  # fmt: skip
def test_validity_there_and_back(value: int, period: timedelta) -> None:
    assert decode_relative(value) == period
    assert encode_relative(period) == value


def test_validity_is_never_shorter_than_asked_and_never_refused() -> None:
    assert encode_relative(timedelta(0)) == 0
    assert decode_relative(encode_relative(timedelta(minutes=6))) == timedelta(minutes=10)
    assert encode_relative(timedelta(weeks=100)) == 255


@pytest.mark.parametrize(
    ("hex_octets", "vp_format", "validity"),
    [
        ("", 0, None),
        ("0B", 2, timedelta(hours=1)),
        ("62111221030000", 3, datetime(2026, 11, 21, 12, 30, 0, tzinfo=UTC)),
        ("00000000000000", 1, None),
        ("010B0000000000", 1, timedelta(hours=1)),
        ("021E0000000000", 1, timedelta(seconds=30)),
        ("03103254000000", 1, timedelta(hours=1, minutes=23, seconds=45)),
    ],
)
def test_validity_formats(
    hex_octets: str, vp_format: int, validity: timedelta | datetime | None
) -> None:
    assert decode_validity(Octets.from_hex(hex_octets), vp_format) == validity


def test_a_reserved_validity_format_is_an_error() -> None:
    with pytest.raises(DecodeError):
        decode_validity(Octets.from_hex("07000000000000"), 1)


@pytest.mark.parametrize("minutes", [480, 0, -300, 345, -15])
def test_time_stamps_keep_their_zone(minutes: int) -> None:
    at = datetime(2026, 2, 28, 23, 59, 58, tzinfo=timezone(timedelta(minutes=minutes)))
    found = timestamp_of(encode_timestamp(at))
    assert found == at
    assert found is not None
    assert found.utcoffset() == at.utcoffset()


@pytest.mark.parametrize("raw", ["00000000000000", "FFFFFFFFFFFFFF", "62311321030000"])
def test_what_is_no_date_is_none(raw: str) -> None:
    assert timestamp_of(bytes.fromhex(raw)) is None


def test_a_time_stamp_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        encode_timestamp(AT.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("written", "value", "type_octet"),
    [
        ("+86 138 0013 8000", "+8613800138000", 0x91),
        ("10086", "10086", 0x81),
        ("(0574) 8888-9999", "057488889999", 0x81),
        ("*100#", "*100#", 0x81),
    ],
)
def test_numbers(written: str, value: str, type_octet: int) -> None:
    address = Address.parse(written)
    assert (address.value, address.type_octet) == (value, type_octet)
    assert decode_address(Octets(address.encode()), "x") == address


@pytest.mark.parametrize("name", ["Fengsui", "A", "County@2026", "烽"])
def test_named_senders(name: str) -> None:
    if name == "烽":
        with pytest.raises(InvalidInput):
            Address.named(name)
        return
    address = Address.named(name)
    assert decode_address(Octets(address.encode()), "x").value == name


@pytest.mark.parametrize("name", ["", "twelve chars", "烽"])
def test_names_that_cannot_be_senders(name: str) -> None:
    with pytest.raises(InvalidInput):
        Address.named(name)


def test_service_centre_there_and_back() -> None:
    centre = Address.parse("+8613800100500")
    assert decode_service_centre(Octets(centre.encode_service_centre())) == centre
    assert decode_service_centre(Octets(b"\0")) is None
    pdu = encode_submit(Submit(SENDER, "x"), centre)
    assert decode_submit(pdu.hex).service_centre == centre
    assert pdu.tpdu_length == len(pdu.hex) // 2 - 9


def test_a_filler_inside_a_number_is_an_error() -> None:
    with pytest.raises(DecodeError):
        decode_address(Octets.from_hex("04911FF2"), "originator")


@pytest.mark.parametrize(
    ("dcs", "alphabet", "message_class"),
    [
        (0x00, Alphabet.GSM7, None), (0x10, Alphabet.GSM7, 0), (0x11, Alphabet.GSM7, 1),
        (0x04, Alphabet.OCTETS, None), (0x08, Alphabet.UCS2, None), (0x18, Alphabet.UCS2, 0),
        (0x0C, Alphabet.GSM7, None), (0x48, Alphabet.UCS2, None), (0x80, Alphabet.GSM7, None),
        (0xC8, Alphabet.GSM7, None), (0xD0, Alphabet.GSM7, None), (0xE0, Alphabet.UCS2, None),
        (0xF0, Alphabet.GSM7, 0), (0xF5, Alphabet.OCTETS, 1),
    ],
)  # fmt: skip
def test_data_codings(dcs: int, alphabet: Alphabet, message_class: int | None) -> None:
    coding = decode_coding(dcs)
    assert (coding.alphabet, coding.message_class) == (alphabet, message_class)


def test_compressed_text_is_kept_as_octets() -> None:
    assert decode_coding(0x28).is_compressed
    pdu = encode_deliver(SENDER, "hi", AT, alphabet=Alphabet.UCS2)
    tampered = pdu.replace("0008" + encode_timestamp(AT).hex().upper(),
                           "0028" + encode_timestamp(AT).hex().upper())  # fmt: skip
    decoded = decode_incoming(tampered)
    assert isinstance(decoded, Deliver)
    assert (decoded.text, decoded.user_data.octets) == ("", "hi".encode("utf-16-be"))


@pytest.mark.parametrize("joined", [Concatenation(300, 3, 2), Concatenation(200, 3, 2, False)])
def test_concatenation_there_and_back(joined: Concatenation) -> None:
    assert concatenation_in(parse_header(joined.encode(), 0)) == joined


@pytest.mark.parametrize("header", ["0003010300", "0003010304", "0003010000", "000201 03"])
def test_impossible_concatenation_is_ignored(header: str) -> None:
    assert concatenation_in(parse_header(bytes.fromhex(header), 0)) is None


@pytest.mark.parametrize("header", ["00", "0005010302"])
def test_broken_headers_are_errors(header: str) -> None:
    with pytest.raises(DecodeError):
        parse_header(bytes.fromhex(header), 3)


def test_user_data_over_140_octets_is_refused() -> None:
    with pytest.raises(ValueError, match="140"):
        encode_user_data("中" * 71, DataCoding(Alphabet.UCS2))


def test_eight_bit_data_is_kept() -> None:
    length, body = encode_user_data("\x01\xff", DataCoding(Alphabet.OCTETS))
    assert (length, body) == (2, b"\x01\xff")


def test_national_tables_of_the_header_are_used() -> None:
    """A Turkish single shift element (0x24): 4 octets of header, 3 fill bits, 5 septets."""
    header = bytes.fromhex("03240101")
    body = gsm7.pack([gsm7.ESCAPE, 0x53], gsm7.fill_bits_after(len(header)))
    pdu = b"\x00\x40" + SENDER.encode() + b"\0\0" + encode_timestamp(AT) + b"\x07" + header + body
    decoded = decode_incoming(pdu.hex())
    assert isinstance(decoded, Deliver)
    assert decoded.text == "Ş"


def test_a_stored_submit_is_named_as_such() -> None:
    pdu = encode_submit(Submit(SENDER, "x"))
    with pytest.raises(DecodeError, match="SUBMIT"):
        decode_incoming(pdu.hex)
    with pytest.raises(DecodeError, match="reserved"):
        decode_incoming("0003")
    with pytest.raises(DecodeError, match="not a SUBMIT"):
        decode_submit(encode_deliver(SENDER, "x", AT))


def test_a_text_holds_nothing_a_database_refuses() -> None:
    """NUL and half a pair show as U+FFFD; the rest of the text stays."""
    at = datetime(2026, 8, 1, tzinfo=UTC)
    pdu = encode_deliver(Address.parse("+8613800000001"), "a\0b", at, alphabet=Alphabet.UCS2)
    read = decode_incoming(pdu)
    assert isinstance(read, Deliver)
    assert read.text == "a\ufffdb"
    assert storable("a\ud83d") == "a\ufffd"
