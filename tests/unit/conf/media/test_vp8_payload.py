"""VP8 descriptors, read whole."""

import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.errors import DecodeError
from conf.media.picture import inspect
from conf.media.sdp import CodecName
from conf.media.vp8 import NONE, Vp8Descriptor

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


@pytest.mark.parametrize(
    ("payload", "seen"),
    [
        ("", None), ("90", None),  # nothing, and a descriptor alone
        ("9080", None), ("90f08001", None),  # flags promise more than there is
        ("1001", (False, -1, -1, -1)), ("1000", (True, -1, -1, -1)),  # plain, delta and key
        ("90800501", (False, 5, -1, -1)), ("9080850101", (False, 0x501, -1, -1)),
        ("90c0050701", (False, 5, 7, -1)), ("90e005078001", (False, 5, 7, 2)),
        ("90100301", (False, -1, -1, -1)),  # a key index only
    ],
)  # fmt: skip
def test_the_forwarders_look(payload: str, seen: tuple[bool, int, int, int] | None) -> None:
    """Key frame, PictureID, TL0PICIDX and temporal layer; -1 for what is absent."""
    data = memoryview(bytes.fromhex(payload))
    picture = inspect(CodecName.VP8, data, 0, len(data))
    if seen is None:
        assert picture is None
        return
    assert picture is not None
    number = picture.picture if picture.picture_at >= 0 else -1
    tl0 = picture.tl0 if picture.tl0_at >= 0 else -1
    assert (picture.is_key, number, tl0, picture.temporal) == seen


def test_an_unreadable_h264_aggregate_is_no_picture() -> None:
    assert inspect(CodecName.H264, memoryview(b"\x18\xff\xff\x67"), 0, 4) is None
