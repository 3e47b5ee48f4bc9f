"""RTP in place: real packets read right, every copy rewritten right, nothing overrun."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.errors import DecodeError
from conf.media.rtp import (
    MAX_BLOCKS,
    MAX_HEADER,
    NONE,
    HeaderForm,
    Packet,
    extension_table,
    is_rtcp,
    read_red,
    wrap_rtx,
    write_padding,
)
from conf.media.sdp import Extension

VECTORS = tomllib.loads(
    (Path(__file__).parents[3] / "vectors" / "rtp" / "chromium156.toml").read_text()
)["packet"]
RECORDED = {Extension.AUDIO_LEVEL: 1, Extension.ABS_SEND_TIME: 2, Extension.MID: 4}
ALL = {
    Extension.MID: 4,
    Extension.RID: 10,
    Extension.REPAIRED_RID: 11,
    Extension.AUDIO_LEVEL: 1,
    Extension.TRANSPORT_CC: 3,
    Extension.ABS_SEND_TIME: 2,
    Extension.ORIENTATION: 13,
    Extension.PLAYOUT_DELAY: 5,
}
HEADER = bytes.fromhex("9060123400000064aabbccdd")
ELEMENTS: dict[int, bytes] = {
    4: b"1",
    10: b"q",
    11: b"h",
    1: b"\x85",
    3: b"\x01\x02",
    2: b"\x0a\x0b\x0c",
    13: b"\x03",
    5: b"\x00\x10\x20",
}


def block(elements: dict[int, bytes], *, two_byte: bool = False) -> bytes:
    data = b"".join(
        (bytes((i, len(v))) if two_byte else bytes((i << 4 | len(v) - 1,))) + v
        for i, v in elements.items()
    )
    data += bytes(-len(data) % 4)
    profile = 0x1007 if two_byte else 0xBEDE
    return profile.to_bytes(2, "big") + (len(data) // 4).to_bytes(2, "big") + data


def read(data: bytes, ids: dict[Extension, int] = ALL, room: int = 0) -> tuple[Packet, bytearray]:
    buffer = bytearray(room) + data
    packet = Packet()
    packet.read(memoryview(buffer), room, len(buffer), extension_table(ids))
    return packet, buffer


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_chromium_packets_are_read_as_another_parser_reads_them(vector: dict[str, object]) -> None:
    data = bytes.fromhex(str(vector["hex"]))
    packet, _ = read(data, RECORDED, room=7)
    assert packet.payload_type == vector["payload_type"]
    assert packet.marker == bool(vector["marker"])
    assert packet.sequence == vector["sequence"]
    assert packet.timestamp == vector["timestamp"]
    assert packet.ssrc == vector["ssrc"]
    assert packet.mid == vector["mid"]
    assert packet.payload_end - packet.payload == vector["payload_bytes"]
    assert packet.end - packet.payload_end == vector["padding_bytes"]
    assert packet.audio_level == vector.get("audio_level", NONE)
    assert packet.has_voice == bool(vector.get("has_voice", 0))
    assert packet.abs_send_time == vector.get("abs_send_time", NONE)
    assert not is_rtcp(data, 0)


@pytest.mark.parametrize("two_byte", [False, True])
def test_all_extensions_in_both_forms(two_byte: bool) -> None:
    packet, _ = read(HEADER + block(ELEMENTS, two_byte=two_byte) + b"payload")
    assert (packet.mid, packet.rid, packet.repaired_rid) == ("1", "q", "h")
    assert (packet.audio_level, packet.has_voice) == (5, True)
    assert packet.transport_sequence == 0x0102
    assert packet.abs_send_time == 0x0A0B0C
    assert packet.orientation == 3
    assert packet.playout_delay == 0x1020


def test_two_byte_form_carries_ids_above_14_and_empty_elements() -> None:
    data = HEADER + block({200: b"\x01\x02", 201: b"", 4: b"0\0"}, two_byte=True) + b"x"
    packet, _ = read(data, {Extension.TRANSPORT_CC: 200, Extension.MID: 4, Extension.RID: 201})
    assert packet.transport_sequence == 0x0102
    assert packet.mid == "0"
    assert packet.rid is None


@pytest.mark.parametrize("two_byte", [False, True])
def test_unknown_ids_and_unexpected_sizes_are_passed_over(two_byte: bool) -> None:
    odd = {7: b"zzz", 3: b"\x01", 1: b"\x01\x02", 13: b"ab", 2: b"ab", 5: b"abcd", 4: b"0"}
    packet, _ = read(HEADER + block(odd, two_byte=two_byte) + b"x")
    assert packet.mid == "0"
    assert {
        packet.transport_sequence,
        packet.audio_level,
        packet.orientation,
        packet.abs_send_time,
        packet.playout_delay,
    } == {NONE}


def test_a_name_over_16_bytes_is_no_name() -> None:
    packet, _ = read(HEADER + block({4: b"x" * 17}, two_byte=True) + b"x")
    assert packet.mid is None


def test_padding_between_elements_and_id_15() -> None:
    data = bytes.fromhex("bede0002 00 4030 00 f0 4031 00".replace(" ", "")) + b"x"
    packet, _ = read(HEADER + data)
    assert packet.mid == "0"  # what follows id 15 is not read
    inner = bytes.fromhex("10000002 0000 0401 30 000000".replace(" ", ""))
    assert read(HEADER + inner + b"x")[0].mid == "0"


def test_an_extension_of_another_profile_is_passed_over() -> None:
    packet, _ = read(HEADER + bytes.fromhex("abcd000140300000") + b"x")
    assert packet.mid is None
    assert packet.payload == 20


def test_reading_again_forgets_the_last_packet() -> None:
    packet, _ = read(HEADER + block(ELEMENTS) + b"x")
    plain = bytearray(bytes((0x80, 0x60)) + bytes(10) + b"x")
    packet.read(plain, 0, len(plain), extension_table(ALL))
    assert (packet.mid, packet.audio_level, packet.has_voice) == (None, NONE, False)


def test_csrcs_belong_to_the_header() -> None:
    packet, _ = read(bytes((0x82, 0x60)) + bytes(18) + b"payload")
    assert packet.payload == 20


TORN = {
    "empty": b"",
    "eleven bytes": HEADER[:11],
    "version 1": b"\x40" + bytes(11),
    "csrcs overrun": b"\x8f" + bytes(12),
    "extension header overruns": HEADER + b"\xbe\xde",
    "extension overruns": HEADER + bytes.fromhex("bede0002") + bytes(4),
    "element overruns": HEADER + bytes.fromhex("bede00014f303030"),
    "two-byte element overruns": HEADER + bytes.fromhex("1000000104093030"),
    "two-byte element without length": HEADER + bytes.fromhex("1000000100000004"),
    "padding of nothing": b"\xa0" + bytes(11) + b"\0",
    "padding overruns": b"\xa0" + bytes(11) + b"x\x03",
}


@pytest.mark.parametrize("case", TORN)
def test_a_torn_packet_is_refused(case: str) -> None:
    with pytest.raises(DecodeError):
        read(TORN[case])


@given(st.binary(max_size=80))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        packet, _ = read(data)
    except DecodeError:
        return
    assert 12 <= packet.payload <= packet.payload_end <= packet.end == len(data)


@given(st.binary(max_size=40), st.booleans())
def test_a_random_extension_block_is_read_or_refused(data: bytes, two_byte: bool) -> None:
    data += bytes(-len(data) % 4)
    profile = b"\x10\x00" if two_byte else b"\xbe\xde"
    try:
        packet, _ = read(HEADER + profile + (len(data) // 4).to_bytes(2, "big") + data + b"x")
    except DecodeError:
        return
    assert packet.payload == 16 + len(data)


# Composing and stamping


def sent(form: HeaderForm, packet: Packet, buffer: bytearray) -> bytearray:
    """Compose, copy and stamp as the forwarder does."""
    start = form.compose(buffer, packet)
    slot = bytearray(64 + packet.payload_end - start)
    slot[3 : 3 + packet.payload_end - start] = buffer[start : packet.payload_end]
    head = (0x80 | 111 if packet.marker else 111, 4242, 999, 0x01020304)
    form.stamp(slot, 3, *head, 777)
    return slot[3 : 3 + packet.payload_end - start]


FORMS = {
    "plain": {},
    "transport": {Extension.TRANSPORT_CC: 3},
    "everything": {
        Extension.TRANSPORT_CC: 7,
        Extension.AUDIO_LEVEL: 1,
        Extension.ORIENTATION: 14,
        Extension.PLAYOUT_DELAY: 2,
    },
    "level only": {Extension.AUDIO_LEVEL: 9},
    "two-byte": {Extension.TRANSPORT_CC: 21, Extension.AUDIO_LEVEL: 3, Extension.PLAYOUT_DELAY: 99},
}


@pytest.mark.parametrize("name", FORMS)
def test_each_copy_says_what_was_stamped_and_keeps_the_rest(name: str) -> None:
    ids: dict[Extension, int] = FORMS[name]
    packet, buffer = read(HEADER + block(ELEMENTS) + b"payload", room=MAX_HEADER)
    copy = sent(HeaderForm.of(ids), packet, buffer)
    out, _ = read(bytes(copy), ids)
    assert (out.payload_type, out.sequence, out.timestamp, out.ssrc) == (111, 4242, 999, 0x01020304)
    assert copy[out.payload : out.payload_end] == b"payload"
    assert out.transport_sequence == (777 if Extension.TRANSPORT_CC in ids else NONE)
    assert out.audio_level == (5 if Extension.AUDIO_LEVEL in ids else NONE)
    assert out.has_voice == (Extension.AUDIO_LEVEL in ids)
    assert out.orientation == (3 if Extension.ORIENTATION in ids else NONE)
    assert out.playout_delay == (0x1020 if Extension.PLAYOUT_DELAY in ids else NONE)
    assert (out.mid, out.rid) == (None, None)


def test_what_the_source_did_not_send_is_not_invented() -> None:
    packet, buffer = read(bytes((0x80, 0xE0)) + bytes(10) + b"payload", room=MAX_HEADER)
    out, _ = read(
        bytes(sent(HeaderForm.of(FORMS["everything"]), packet, buffer)), FORMS["everything"]
    )
    assert (out.audio_level, out.orientation, out.playout_delay) == (NONE, NONE, NONE)
    assert out.marker


def test_one_packet_serves_forms_in_turn() -> None:
    packet, buffer = read(HEADER + block(ELEMENTS) + b"payload", room=MAX_HEADER)
    for _ in range(2):
        for name, ids in FORMS.items():
            copy = sent(HeaderForm.of(ids), packet, buffer)
            assert copy.endswith(b"payload"), name


def test_padding_of_the_source_is_not_forwarded() -> None:
    data = b"\xb0" + HEADER[1:] + block(ELEMENTS) + b"payload" + b"\0\0\3"
    packet, buffer = read(data, room=MAX_HEADER)
    copy = sent(HeaderForm.of(FORMS["transport"]), packet, buffer)
    out, _ = read(bytes(copy))
    assert copy[out.payload :] == b"payload"
    assert not copy[0] & 0x20


def test_without_room_the_header_is_refused() -> None:
    packet, buffer = read(bytes((0x80, 0x60)) + bytes(10) + b"payload")
    with pytest.raises(DecodeError):
        HeaderForm.of(FORMS["transport"]).compose(buffer, packet)


def test_the_transport_number_is_where_the_form_says() -> None:
    for name in ("transport", "two-byte"):
        form = HeaderForm.of(FORMS[name])
        packet, buffer = read(HEADER + b"\xbe\xde\0\0payload", room=MAX_HEADER)
        copy = sent(form, packet, buffer)
        at = form.number_at
        assert int.from_bytes(copy[at : at + 2], "big") == 777


def test_forms_with_the_same_ids_are_one() -> None:
    one = HeaderForm.of(FORMS["everything"])
    assert one is HeaderForm.of({**FORMS["everything"], Extension.MID: 4})
    assert one is not HeaderForm.of(FORMS["transport"])


def test_a_source_of_a_thousand_different_extensions_is_copied_right() -> None:
    """What a form remembers of them is bounded."""
    form = HeaderForm.of(FORMS["everything"])
    packet, buffer = read(HEADER + block(ELEMENTS) + b"payload", room=MAX_HEADER)
    for delay in (*range(2 * MAX_BLOCKS), 0, 1):
        packet.playout_delay = delay
        out, _ = read(bytes(sent(form, packet, buffer)), FORMS["everything"])
        assert (out.playout_delay, out.audio_level) == (delay, 5)
        assert len(form._blocks) <= MAX_BLOCKS


@given(
    payload=st.binary(min_size=1, max_size=60),
    sequence=st.integers(0, 65535),
    ids=st.sampled_from(list(FORMS)),
    level=st.integers(0, 255),
)
def test_any_payload_survives_any_form(payload: bytes, sequence: int, ids: str, level: int) -> None:
    head = HEADER[:2] + sequence.to_bytes(2, "big") + HEADER[4:]
    packet, buffer = read(head + block({1: bytes((level,))}) + payload, room=MAX_HEADER)
    assert packet.sequence == sequence
    assert sent(HeaderForm.of(FORMS[ids]), packet, buffer).endswith(payload)


# RTX, padding, RED


@given(st.binary(min_size=1, max_size=50), st.integers(0, 65535))
def test_a_repair_unwraps_to_what_was_wrapped(payload: bytes, sequence: int) -> None:
    source = HEADER + block({3: b"\0\0"}) + payload
    out = bytearray(200)
    stop = wrap_rtx(source, 20, len(source), out, 5, sequence)
    packet = Packet()
    packet.read(out, 5, stop, extension_table(ALL))
    assert packet.read_rtx(out, 96, 0x11)
    assert (packet.sequence, packet.payload_type, packet.ssrc) == (sequence, 96, 0x11)
    assert out[packet.payload : packet.payload_end] == payload


@pytest.mark.parametrize("payload", [b"", b"x"])
def test_a_repair_of_nothing_is_told_apart(payload: bytes) -> None:
    packet, buffer = read(b"\x80" + HEADER[1:] + payload)
    assert not packet.read_rtx(buffer, 1, 2)
    assert packet.ssrc == 0xAABBCCDD


def test_a_padding_packet_has_no_payload() -> None:
    out = bytearray(400)
    out[4:16] = b"\x80" + HEADER[1:]
    stop = write_padding(out, 4, 12, 255)
    packet = Packet()
    packet.read(out, 4, stop, extension_table(ALL))
    assert packet.payload == packet.payload_end
    assert stop - 4 == 12 + 255
    for size in (0, 256):
        with pytest.raises(ValueError, match="padding"):
            write_padding(out, 4, 12, size)


def red(*blocks: tuple[int, int, bytes], primary: tuple[int, bytes]) -> bytes:
    heads = b"".join(
        bytes((0x80 | pt,)) + (offset << 10 | len(data)).to_bytes(3, "big")
        for pt, offset, data in blocks
    )
    return heads + bytes((primary[0],)) + b"".join(b for _, _, b in blocks) + primary[1]


def test_red_blocks_come_oldest_first() -> None:
    data = red((111, 1920, b"old"), (111, 960, b"new!"), primary=(111, b"now"))
    blocks = read_red(b"??" + data, 2, 2 + len(data))
    assert [(pt, offset) for pt, offset, _, _ in blocks] == [(111, 1920), (111, 960), (111, 0)]
    assert [(b"??" + data)[a:b] for _, _, a, b in blocks] == [b"old", b"new!", b"now"]
    assert read_red(b"\x6fabc", 0, 4) == [(111, 0, 1, 4)]
    long = red((111, 16_383, b"o" * 1023), primary=(111, b"n" * 300))
    assert read_red(long, 0, len(long)) == [(111, 16_383, 5, 1028), (111, 0, 1028, 1328)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xef\0",
        red((111, 960, b"x"), primary=(111, b""))[:4],
        red((111, 960, b"abc"), primary=(111, b""))[:-1],
        red(*[(111, 960, b"")] * 9, primary=(111, b"x")),
    ],
    ids=["empty", "torn header", "no primary", "torn block", "nine blocks"],
)
def test_a_torn_red_payload_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_red(data, 0, len(data))


@given(st.binary(max_size=60))
def test_random_red_is_read_or_refused(data: bytes) -> None:
    try:
        blocks = read_red(data, 0, len(data))
    except DecodeError:
        return
    assert blocks[-1][3] == len(data)
    assert all(0 < first <= last <= len(data) for _, _, first, last in blocks)


@pytest.mark.parametrize(
    ("second", "expected"), [(191, False), (192, True), (223, True), (224, False)]
)
def test_rtcp_is_told_by_its_second_byte(second: int, expected: bool) -> None:
    assert is_rtcp(bytes((0, 0x80, second)), 1) is expected
