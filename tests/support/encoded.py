"""Really encoded media, made once by PyAV: what a decoder must be able to play again."""

import math
import struct
from fractions import Fraction
from functools import cache
from typing import Any

import av


def _picture(number: int, width: int, height: int) -> av.VideoFrame:
    """A slope that moves, so that pictures differ and still are small."""
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane in frame.planes:
        line = bytes((column + 5 * number) % 256 for column in range(plane.line_size))
        plane.update(line * plane.height)
    return frame


@cache
def video_frames(
    codec: str, count: int = 50, width: int = 320, height: int = 180, b_frames: int = 0
) -> list[bytes]:
    """A key frame each second (of 25), as the encoder gives them."""
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.bit_rate, encoder.gop_size = 300_000, 25
    if codec == "libvpx":
        encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    else:
        encoder.options = {"preset": "ultrafast", "bf": str(b_frames), "profile": "baseline"}
        if b_frames:
            encoder.options = {
                "preset": "veryfast",
                "bf": str(b_frames),
                "x264-params": "b-adapt=0",
            }
        else:
            encoder.options |= {"tune": "zerolatency"}
    packets = []
    for number in range(count):
        frame = _picture(number, width, height)
        frame.pts = number
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets + [bytes(packet) for packet in encoder.encode(None)]


def vp8_frames() -> list[bytes]:
    """Two seconds of VP8."""
    return video_frames("libvpx")


def h264_frames(**more: int) -> list[bytes]:
    """Two seconds of H.264 with start codes."""
    return video_frames("libx264", **more)


@cache
def opus_packets(count: int = 100, bit_rate: int = 32_000, **options: str) -> list[bytes]:
    """Two seconds of a tone, 20 ms each; `options`: the encoder's."""
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.format, encoder.layout = 48_000, "s16", "stereo"
    encoder.bit_rate, encoder.options = bit_rate, options
    packets = []
    for number in range(count):
        times = range(960 * number, 960 * (number + 1))
        tone = [int(8000 * math.sin(2 * math.pi * 440 * time / 48_000)) for time in times]
        frame = av.AudioFrame("s16", "stereo", 960)
        frame.planes[0].update(b"".join(struct.pack("<hh", one, one) for one in tone))
        frame.sample_rate, frame.pts = 48_000, 960 * number
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets
