"""Packets to frames and frames to files, pure: order, RED, VP8, H.264, SPS, EBML."""

import io
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.errors import DecodeError
from conf.recording import matroska
from conf.recording.files import Segment
from conf.recording.frames import (
    MAX_FRAME,
    REORDER,
    Frame,
    H264Frames,
    OpusFrames,
    Order,
    Piece,
    Vp8Frames,
    depacketizer,
)
from conf.recording.lamp import Lamp, Watch
from conf.recording.sps import picture_size
from tests.support.encoded import h264_frames, opus_packets, vp8_frames

NUMBERS = st.lists(st.integers(0, 300), max_size=200)


def piece(ext: int, payload: bytes = b"x", timestamp: int = 0, *, marker: bool = True) -> Piece:
    return Piece(ext, timestamp, marker, payload)


# -- order ---------------------------------------------------------------------------------------


def pushed(*numbers: int) -> list[int]:
    order = Order()
    return [out.ext for number in numbers for out in order.push(piece(number))]


@pytest.mark.parametrize(
    ("came", "given_out"),
    [
        ((5, 6, 7), [5, 6, 7]),
        ((5, 7, 6, 8), [5, 6, 7, 8]),
        ((5, 5, 6, 5), [5, 6]),
        ((5, 4, 6), [5, 6]),
        ((5, 7), [5]),
    ],
)
def test_packets_are_put_in_order(came: tuple[int, ...], given_out: list[int]) -> None:
    assert pushed(*came) == given_out


def test_a_hole_is_given_up_when_enough_has_come_after_it() -> None:
    assert pushed(0, *range(2, 3 + REORDER)) == [0, *range(2, 3 + REORDER)]


@given(NUMBERS)
def test_what_comes_out_only_rises(numbers: list[int]) -> None:
    out = pushed(*numbers)
    assert out == sorted(set(out))


# -- codecs --------------------------------------------------------------------------------------


def test_an_opus_packet_is_a_frame_and_silence_is_none() -> None:
    frame = OpusFrames().push(piece(1, b"abc"))
    assert frame is not None
    assert frame.data == b"abc"
    assert OpusFrames().push(piece(1, b"")) is None


def test_red_gives_its_newest_block() -> None:
    red = bytes((0x80 | 111, 0x0F, 0, 2)) + bytes((111,)) + b"ol" + b"new"
    frame = depacketizer("red").push(piece(1, red))
    assert frame is not None
    assert frame.data == b"new"
    with pytest.raises(DecodeError):
        depacketizer("red").push(piece(1, red[:5]))


def vp8_pieces(frame: bytes, first: int, timestamp: int, size: int = 100) -> list[Piece]:
    parts = [frame[at : at + size] for at in range(0, len(frame), size)]
    return [
        piece(first + i, (b"\x10" if i == 0 else b"\x00") + part, timestamp,
              marker=i == len(parts) - 1)
        for i, part in enumerate(parts)
    ]  # fmt: skip


def test_a_vp8_picture_is_put_together_and_its_size_read() -> None:
    frames, codec, number = vp8_frames(), Vp8Frames(), 0
    got: list[Frame] = []
    for index, encoded in enumerate(frames[:30]):
        for one in vp8_pieces(encoded, number, 3600 * index):
            number += 1
            if (frame := codec.push(one)) is not None:
                got.append(frame)
    assert [frame.data for frame in got] == frames[:30]
    assert got[0].form == matroska.vp8_form(320, 180)
    assert [frame.form is not None for frame in got].count(True) >= 2


def test_a_vp8_picture_with_a_hole_is_left_out() -> None:
    codec = Vp8Frames()
    broken = vp8_pieces(vp8_frames()[0], 0, 0)
    assert len(broken) > 2
    assert [codec.push(one) for one in broken[:1] + broken[2:]].count(None) == len(broken) - 1
    after = vp8_pieces(vp8_frames()[1], 100, 3600)
    assert any(codec.push(one) for one in after)


def h264_units(frame: bytes) -> list[bytes]:
    plain = frame.replace(b"\0\0\0\x01", b"\0\0\x01")
    return [unit for unit in plain.split(b"\0\0\x01") if unit]


def h264_pieces(frame: bytes, numbers: "count[int]", timestamp: int) -> list[Piece]:
    """Parameter sets in one aggregate, pictures in fragments."""
    units = h264_units(frame)
    sets = [u for u in units if u[0] & 0x1F in (7, 8)]
    payloads = []
    if sets:
        payloads.append(b"\x18" + b"".join(len(u).to_bytes(2, "big") + u for u in sets))
    for unit in (u for u in units if u not in sets):
        head, body = unit[0], unit[1:]
        parts = [body[at : at + 90] for at in range(0, len(body), 90)]
        for i, part in enumerate(parts):
            flags = (0x80 if i == 0 else 0) | (0x40 if i == len(parts) - 1 else 0)
            fragment = bytes((head & 0xE0 | 28, flags | head & 0x1F)) + part
            payloads.append(unit if len(parts) == 1 else fragment)
    last = len(payloads) - 1
    return [piece(next(numbers), p, timestamp, marker=i == last) for i, p in enumerate(payloads)]


def test_h264_pictures_play_from_what_was_put_together() -> None:
    codec, numbers, got = H264Frames(), count(), []
    for index, encoded in enumerate(h264_frames()):
        frames = [codec.push(one) for one in h264_pieces(encoded, numbers, 3600 * index)]
        got += [frame for frame in frames if frame is not None]
    assert got[0].form is not None
    assert (got[0].form.width, got[0].form.height) == (320, 180)
    blocks = [matroska.Block(40 * i, f.data, f.form is not None) for i, f in enumerate(got)]
    file = matroska.header(got[0].form, 1.7e9)
    file += matroska.cluster(blocks[:25]) + matroska.cluster(blocks[25:])
    with av.open(io.BytesIO(file)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert sum(1 for _ in container.decode(video=0)) == len(got) == 50


@given(st.sampled_from(["opus", "red", "VP8", "H264"]), st.lists(st.binary(max_size=40)))
def test_noise_raises_nothing_but_the_declared_error(codec: str, payloads: list[bytes]) -> None:
    frames = depacketizer(codec)
    for number, payload in enumerate(payloads):
        try:
            frames.push(piece(number, payload, number // 3))
        except DecodeError:
            continue


def test_a_parameter_set_no_file_can_hold_is_not_kept() -> None:
    """One of 64 KiB in fragments, from a hostile site, must not end the recorder."""
    codec, numbers = H264Frames(), count()
    for flags, octets in ((0x80, 40_000), (0x40, 40_000)):
        part = bytes((0x7C, flags | 7)) + b"\x42" * octets
        assert codec.push(piece(next(numbers), part, marker=False)) is None
    for unit in (b"\x68\xce\x3c\x80", b"\x65\x88"):
        frame = codec.push(piece(next(numbers), unit, marker=unit[0] == 0x65))
    assert frame is not None
    assert frame.form is None


@pytest.mark.parametrize("start", [b"\x7c\x05", b"\x61"], ids=["fragments", "units"])
def test_a_picture_that_never_ends_is_given_up(start: bytes) -> None:
    """Fragments without an end, units without a marker, all of one timestamp."""
    codec, number, payload = H264Frames(), 0, start + bytes(1000)
    while number * len(payload) < 3 * MAX_FRAME:
        assert codec.push(piece(number, payload, 0, marker=False)) is None
        number += 1
    assert len(codec._fragment) + sum(map(len, codec._picture.parts)) == 0
    after = codec.push(piece(number, b"\x61abc", 3000))
    assert after is not None
    assert after.data == b"\0\0\0\x04\x61abc"


@pytest.mark.parametrize(
    ("width", "height", "profile", "pixels", "more"),
    [
        (1920, 1080, "high", "yuv420p", "cqm=jvt"),
        (720, 576, "high", "yuv420p", "interlaced=1"),
        (1918, 1078, "high422", "yuv422p", "cqm=jvt"),
        (641, 361, "high444", "yuv444p", ""),
    ],
)
def test_a_cameras_picture_size_is_read_in_any_profile(
    width: int, height: int, profile: str, pixels: str, more: str
) -> None:
    """Scaling lists, fields and cropping as a real encoder writes them."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, pixels
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"profile": profile, "preset": "ultrafast", "x264-params": more}
    packets = [*encoder.encode(av.VideoFrame(width, height, pixels)), *encoder.encode(None)]
    units = h264_units(b"".join(bytes(packet) for packet in packets))
    assert picture_size(next(unit for unit in units if unit[0] & 0x1F == 7)) == (width, height)


@given(st.binary(max_size=60))
def test_a_noisy_parameter_set_raises_nothing_but_the_declared_error(sps: bytes) -> None:
    try:
        width, height = picture_size(sps)
    except DecodeError:
        return
    assert width > 0
    assert height > 0


# -- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [0, 1, 200])
def test_a_cut_file_plays_up_to_its_last_whole_cluster(cut: int) -> None:
    packets = opus_packets()
    file = matroska.header(matroska.opus_form(), 1.7e9)
    for first in range(0, 100, 25):
        blocks = [matroska.Block(20 * i, packets[i], True) for i in range(first, first + 25)]
        whole = len(file)
        file += matroska.cluster(blocks)
    file = file[: len(file) - cut] if cut else file
    with av.open(io.BytesIO(file)) as container:
        frames = sum(1 for _ in container.decode(audio=0))
    assert frames >= (100 if not cut else 75)
    assert whole


def test_a_disk_that_takes_a_part_or_nothing_is_full() -> None:
    """A short write counts too: what came after it would be garbage in the middle of the file."""
    form = matroska.opus_form()
    with (
        Path("/dev/full").open("wb", buffering=0) as nowhere,
        pytest.raises(OSError, match="space"),
    ):
        Segment("a", form, 0.0, nowhere, 0).write(b"x")

    class Short(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data)[:-1])

    segment = Segment("a", form, 0.0, Short(), 0, blocks=[matroska.Block(0, b"x" * 100, True)])
    with pytest.raises(OSError, match="space"):
        segment.flush()
    assert segment.octets == len(segment.file.getvalue())  # type: ignore[attr-defined]


def test_the_lamp_follows_the_bytes() -> None:
    watch = Watch()
    assert watch.lamp(0) is Lamp.STALLED
    watch = watch.noted(100, is_full=False, now=1)
    assert watch.lamp(1) is Lamp.ON
    watch = watch.noted(100, is_full=False, now=3)
    assert watch.lamp(3.4) is Lamp.ON
    assert watch.lamp(3.6) is Lamp.STALLED
    watch = watch.noted(200, is_full=False, now=4)
    assert watch.lamp(4) is Lamp.ON
    assert watch.noted(200, is_full=True, now=5).lamp(5) is Lamp.DISK_FULL
