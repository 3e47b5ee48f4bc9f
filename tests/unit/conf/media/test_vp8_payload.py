"""VP8 descriptors: read, rewritten in place, continuous, thinned by temporal layer."""

import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.errors import DecodeError
from conf.media.sequence import NONE
from conf.media.vp8 import PictureMapper, Vp8Descriptor

VECTORS = tomllib.loads(
    (Path(__file__).parents[3] / "vectors" / "vp8" / "chromium156.toml").read_text()
)["payload"]
KEY = bytes.fromhex("503a009d012a80026801")  # 640x360
DELTA = b"\x11\x22"


def payload(
    picture: int | None = None,
    *,
    wide: bool = True,
    tl0: int | None = None,
    temporal: int | None = None,
    sync: bool = False,
    key_index: int | None = None,
    start: bool = True,
    key: bool = False,
) -> bytes:
    """An extended descriptor as RFC 7741 §4.2 draws it, and the first bytes of a frame."""
    flags = (picture is not None) << 7 | (tl0 is not None) << 6
    flags |= (temporal is not None) << 5 | (key_index is not None) << 4
    out = bytes((0x80 | start << 4, flags))
    if picture is not None:
        out += (0x8000 | picture).to_bytes(2, "big") if wide else bytes((picture,))
    if tl0 is not None:
        out += bytes((tl0,))
    if temporal is not None or key_index is not None:
        out += bytes(((temporal or 0) << 6 | sync << 5 | (key_index or 0),))
    return out + (KEY if key else DELTA)


def read(data: bytes) -> Vp8Descriptor:
    descriptor = Vp8Descriptor()
    descriptor.read(b"\0\0" + data, 2, 2 + len(data))
    return descriptor


@pytest.mark.parametrize("vector", VECTORS)
def test_chromium_payloads_are_read_as_another_parser_reads_them(vector: dict[str, object]) -> None:
    descriptor = read(bytes.fromhex(str(vector["hex"])))
    assert descriptor.is_start == bool(vector["is_start"])
    assert descriptor.picture_id == vector["picture_id"]
    assert descriptor.size == vector["size"]
    assert descriptor.is_key_frame == bool(vector["is_key_frame"])
    if descriptor.is_key_frame:
        assert (descriptor.width, descriptor.height) == (320, 240)


def test_the_smallest_descriptor() -> None:
    descriptor = read(b"\x10" + DELTA)
    assert (descriptor.size, descriptor.is_start, descriptor.is_key_frame) == (1, True, False)
    assert {
        descriptor.picture_id,
        descriptor.tl0_index,
        descriptor.temporal_id,
        descriptor.key_index,
    } == {NONE}


def test_every_field() -> None:
    descriptor = read(payload(0x1234, tl0=200, temporal=2, sync=True, key_index=17, key=True))
    assert (descriptor.picture_id, descriptor.is_wide, descriptor.tl0_index) == (0x1234, True, 200)
    assert (descriptor.temporal_id, descriptor.has_sync, descriptor.key_index) == (2, True, 17)
    assert (descriptor.width, descriptor.height) == (640, 360)
    assert read(payload(5, wide=False)).picture_id == 5


def test_a_key_frame_begins_only_at_its_first_packet() -> None:
    assert read(payload(1, key=True)).is_key_frame
    assert not read(payload(1, key=True, start=False)).is_key_frame
    assert not read(b"\x11" + KEY).is_key_frame  # another partition


@pytest.mark.parametrize(
    "data",
    [b"", b"\x10", b"\x80", b"\x80\x80", b"\x80\x80\x80", b"\x80\x40", b"\x80\x20", b"\x80\x20\0"],
)
def test_a_torn_descriptor_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        Vp8Descriptor().read(data, 0, len(data))


@pytest.mark.parametrize("data", [b"\x10" + KEY[:-1], b"\x10" + KEY[:3] + b"xxx" + KEY[6:]])
def test_a_key_frame_without_its_header_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        Vp8Descriptor().read(data, 0, len(data))


@given(st.binary(max_size=20))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(DecodeError):
        descriptor = read(data)
        assert 1 <= descriptor.size < len(data)


@given(
    picture=st.none() | st.integers(0, 127),
    wide=st.booleans(),
    tl0=st.none() | st.integers(0, 255),
    temporal=st.none() | st.integers(0, 3),
    key_index=st.none() | st.integers(0, 31),
    ids=st.tuples(st.integers(0, 127), st.integers(0, 255), st.integers(0, 31)),
)
def test_what_is_written_is_read_and_the_frame_is_untouched(
    picture: int | None,
    wide: bool,
    tl0: int | None,
    temporal: int | None,
    key_index: int | None,
    ids: tuple[int, int, int],
) -> None:
    data = payload(picture, wide=wide, tl0=tl0, temporal=temporal, key_index=key_index)
    descriptor = read(data)
    copy = bytearray(b"head" + data)
    descriptor.write(copy, 4, ids)
    again = read(bytes(copy[4:]))
    assert again.picture_id == (NONE if picture is None else ids[0])
    assert again.tl0_index == (NONE if tl0 is None else ids[1])
    assert again.key_index == (NONE if key_index is None else ids[2])
    assert again.temporal_id == (NONE if temporal is None else temporal)
    assert copy[4 + again.size :] == data[descriptor.size :]
    assert copy[:4] == b"head"


# Continuity


def first(mapper: PictureMapper, **fields: int) -> tuple[int, int, int]:
    descriptor = read(payload(key=True, **fields))  # type: ignore[arg-type]
    mapper.switch(descriptor)
    assert mapper.admit(descriptor)
    return mapper.map(descriptor)


def test_ids_go_on_across_sources() -> None:
    mapper = PictureMapper(0x7FFF)
    assert first(mapper, picture=500, tl0=30, key_index=7, temporal=0) == (0x7FFF, 0, 0)
    assert mapper.map(read(payload(501, tl0=31, key_index=7, temporal=0))) == (0, 1, 0)
    assert first(mapper, picture=9, tl0=250, key_index=1, temporal=0) == (1, 2, 1)
    assert mapper.map(read(payload(10, tl0=251, key_index=1, temporal=0))) == (2, 3, 1)


def test_all_packets_of_a_picture_have_one_id() -> None:
    mapper = PictureMapper(10)
    first(mapper, picture=500)
    assert mapper.map(read(payload(500, start=False))) == (10, 0, 0)


def test_a_repetition_has_the_ids_it_had() -> None:
    mapper = PictureMapper(10)
    first(mapper, picture=500, tl0=1, key_index=1)
    old = mapper.map(read(payload(501, tl0=2, key_index=1)))
    mapper.map(read(payload(502, tl0=3, key_index=2)))
    assert mapper.map(read(payload(501, tl0=2, key_index=1))) == old
    assert first(mapper, picture=1, tl0=1, key_index=1) == (13, 3, 2)


def test_sources_without_ids_or_with_short_ones() -> None:
    mapper = PictureMapper(10)
    first(mapper, picture=500)
    bare = read(b"\x10" + KEY)
    mapper.switch(bare)
    assert mapper.admit(bare)
    assert mapper.map(bare) == (0, 0, 0)
    short = read(payload(100, wide=False, key=True))
    mapper.switch(short)
    assert mapper.map(short)[0] == 100
    assert mapper.map(read(payload(101, wide=False)))[0] == 101
    assert first(mapper, picture=700)[0] == 700


def test_a_picture_from_before_the_switch_gets_no_wild_id() -> None:
    mapper = PictureMapper(10)
    first(mapper, picture=500)
    assert mapper.map(read(payload(499)))[0] == 0


# Temporal layers: 0 2 1 2, sync on the first 1 and 2 after a key frame

PATTERN = [(0, False), (2, True), (1, True), (2, False)]


def run(mapper: PictureMapper, start: int, count: int, wanted: int) -> list[tuple[int, int]]:
    """(temporal, id out) of the pictures sent."""
    mapper.wanted_temporal = wanted
    sent = []
    for n in range(start, start + count):
        temporal, sync = PATTERN[n % 4]
        packet = read(payload(1_000 + n, tl0=n // 4 & 0xFF, temporal=temporal, sync=sync))
        if mapper.admit(packet):
            sent.append((temporal, mapper.map(packet)[0]))
        else:
            mapper.drop(packet)
    return sent


def test_thinning_closes_the_ids_up() -> None:
    mapper = PictureMapper(0)
    first(mapper, picture=999, tl0=0, temporal=0)
    sent = run(mapper, 0, 8, wanted=0)
    assert sent == [(0, 1), (0, 2)]
    assert run(mapper, 8, 4, wanted=1) == [(0, 3), (1, 4)]


def test_more_layers_begin_at_a_sync_picture() -> None:
    mapper = PictureMapper(0)
    first(mapper, picture=999, tl0=0, temporal=0)
    run(mapper, 0, 4, wanted=0)
    mapper.wanted_temporal = 2
    late = read(payload(1_004, temporal=2, tl0=2))
    assert not mapper.admit(late)  # no sync: its references were left out
    mapper.drop(late)
    synced = read(payload(1_005, temporal=2, tl0=2, sync=True))
    assert mapper.admit(synced)


def test_a_key_frame_brings_all_wanted_layers() -> None:
    mapper = PictureMapper(0)
    first(mapper, picture=999, tl0=0, temporal=0)
    run(mapper, 0, 4, wanted=0)
    mapper.wanted_temporal = 3
    assert mapper.admit(read(payload(1_004, temporal=0, tl0=2, key=True)))
    assert mapper.admit(read(payload(1_005, temporal=2, tl0=2)))


def test_a_picture_left_out_stays_out_to_its_last_packet() -> None:
    mapper = PictureMapper(0)
    first(mapper, picture=999, tl0=0, temporal=0)
    mapper.wanted_temporal = 0
    packet = read(payload(1_000, temporal=2, tl0=0))
    assert not mapper.admit(packet)
    mapper.drop(packet)
    mapper.wanted_temporal = 3
    assert not mapper.admit(read(payload(1_000, temporal=2, tl0=0, sync=True)))


def test_a_picture_begun_is_sent_to_its_end() -> None:
    mapper = PictureMapper(0)
    first(mapper, picture=999, tl0=0, temporal=0)
    packet = read(payload(1_000, temporal=2, tl0=0, sync=True))
    assert mapper.admit(packet)
    mapper.map(packet)
    mapper.wanted_temporal = 0
    assert mapper.admit(read(payload(1_000, temporal=2, tl0=0, start=False)))
    assert not mapper.admit(read(payload(1_001, temporal=1, tl0=0)))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_whatever_is_wanted_ids_have_no_gap_and_layers_no_hole(wanted: list[int]) -> None:
    mapper = PictureMapper(77)
    assert first(mapper, picture=999, tl0=0, temporal=0)[0] == 77
    sent: list[tuple[int, int]] = []
    for place, top in enumerate(wanted):
        part = run(mapper, 4 * place, 4, wanted=top)
        assert all(temporal <= top for temporal, _ in part)
        sent += part
    assert [out for _, out in sent] == [78 + n for n in range(len(sent))]
