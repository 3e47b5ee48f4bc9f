"""What a camera may be called, and how its pictures become packets."""

import io
import socket
from fractions import Fraction
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.cameras import address, ingest
from conf.cameras.ingest import OPTIONS, Unusable, trial, usable_stream
from conf.cameras.packetize import MAX_PAYLOAD, Packetizer, units
from conf.cameras.process import Cameras
from conf.recording.frames import H264Frames, Piece
from core.errors import InvalidInput
from tests.support.encoded import h264_frames

START = b"\0\0\0\x01"


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://10.0.0.1/live",
        "rtsps://op:secret@dam.example:322/ch1?sub=1",
        "rtsp://[fd00::1]:554/1",
    ],
)
def test_rtsp_addresses_are_taken(url: str) -> None:
    assert address.check(url) == url


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1/", "file:///etc/passwd", "concat:rtsp://a", "rtsp://", "rtsp://a:99999/",
     "rtsp://a/\r\nb", "rtsp://a:0/", "rtsp://" + "a" * 400],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        address.check(url)
    assert refused.value.field == "url"


def test_a_camera_leads_to_nothing_but_its_stream() -> None:
    """Whatever its description names: no file of this machine, no other service, no UDP port."""
    allowed = set(OPTIONS["protocol_whitelist"].split(","))
    assert allowed == {"rtsp", "rtsps", "rtp", "tcp", "tls"}
    assert OPTIONS["rtsp_transport"] == "tcp"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "concat:/etc/passwd", "/etc/passwd"])
def test_what_is_no_camera_is_not_opened_either(url: str) -> None:
    """Behind the check of the address there is the reader, which takes RTSP only."""
    assert trial(url).state == "retrying"


def test_a_camera_that_takes_the_call_and_says_nothing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every wait has its end, or one dead camera would hold its thread for ever."""
    monkeypatch.setattr(ingest, "OPEN_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        news = trial(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/live")
    assert (news.state, news.code) == ("retrying", "timeout")


def test_pictures_no_browser_shows_are_named() -> None:
    """H.264 all right, but with colours as fine as its brightness."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 64, "yuv444p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"bf": "0", "preset": "ultrafast"}
    frames = [*encoder.encode(av.VideoFrame(64, 64, "yuv444p")), *encoder.encode(None)]
    stream = io.BytesIO(b"".join(map(bytes, frames)))
    with av.open(stream, format="h264") as container, pytest.raises(Unusable) as refused:
        usable_stream(container)
    assert refused.value.code == "pixels"


@pytest.mark.parametrize("op", ["open", "try"])
async def test_the_process_itself_opens_no_other_address(op: str) -> None:
    """Whoever asks it: the server has checked, and it checks again."""
    asked = {"camera": "c", "trial": "t", "url": "file:///etc/passwd", "key": "00", "socket": "/s"}
    with pytest.raises(InvalidInput):
        await Cameras().handle(op, asked)


def test_a_password_is_never_shown() -> None:
    assert address.shown("rtsp://op:secret@h:554/a?b=1") == "rtsp://op:•••@h:554/a?b=1"
    assert address.shown("rtsp://op@h/a") == "rtsp://op@h/a"


def test_packets_are_put_together_as_they_were() -> None:
    """Our packetizer against our depacketizer; PyAV has judged each against the other end."""
    codec, packetizer, number, got = H264Frames(), Packetizer(), 0, []
    for index, frame in enumerate(h264_frames()):
        payloads = packetizer.payloads(frame)
        assert max(map(len, payloads)) <= MAX_PAYLOAD
        for i, payload in enumerate(payloads):
            whole = codec.push(Piece(number, 3600 * index, i == len(payloads) - 1, payload))
            number += 1
            got += [whole] if whole else []
    assert len(got) == len(h264_frames())
    sent = [unit for unit in units(h264_frames()[5]) if unit[0] & 0x1F != 9]
    assert got[5].data == b"".join(len(unit).to_bytes(4, "big") + unit for unit in sent)


def test_each_key_frame_carries_the_parameter_sets_of_the_description() -> None:
    sps, pps, idr = b"\x67abc", b"\x68de", b"\x65" + b"x" * 2000
    payloads = Packetizer(START + sps + START + pps).payloads(START + idr)
    assert payloads[0] == b"\x78\x00\x04\x67abc\x00\x03\x68de"
    assert payloads[1][:2] == b"\x7c\x85"
    assert payloads[-1][1] == 0x45


@given(st.binary(max_size=3000))
def test_whatever_a_camera_sends_fits_a_datagram(data: bytes) -> None:
    assert all(0 < len(payload) <= MAX_PAYLOAD for payload in Packetizer().payloads(data))
