"""Clients beside browsers: aiortc's own connection, and the command-line site at a server."""

import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aioice import ice
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.sdp import candidate_from_sdp

from signaling.settings import Settings
from tests.support.bridge import running_bridge, stream_until, take_seat
from tests.support.bridge_client import Site
from tests.support.encoded import opus_packets, video_frames
from tests.support.meeting import running_house

pytestmark = pytest.mark.timeout(90)
ROOT = Path(__file__).resolve().parents[3]
WIDTH, HEIGHT = 320, 180
MAIN, THUMBNAIL = 6, 8  # their sections in the fixed pool


def fixed_pool() -> RTCPeerConnection:
    """The sections of docs/protocol.md with one thumbnail, VP8 and Opus; nothing of it is sent."""
    client = RTCPeerConnection(RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    for kind, direction, count in (
        ("audio", "sendonly", 1), ("video", "sendonly", 2),
        ("audio", "recvonly", 3), ("video", "recvonly", 3),
    ):  # fmt: skip
        for _ in range(count):
            transceiver = client.addTransceiver(kind, direction=direction)
            known = RTCRtpSender.getCapabilities(kind).codecs
            wanted = ("audio/opus", "video/vp8", "video/rtx")
            transceiver.setCodecPreferences(
                [codec for codec in known if codec.mimeType.lower() in wanted]
            )
    return client


async def add_candidates(client: RTCPeerConnection, answer_sdp: str) -> None:
    """Those of the answer: aiortc takes a bundle's from its last section, not from its first."""
    for line in answer_sdp.splitlines():
        if line.startswith("a=candidate:") and " udp " in line:
            candidate = candidate_from_sdp(line.removeprefix("a=candidate:"))
            candidate.sdpMid = "0"
            await client.addIceCandidate(candidate)


async def show(site: Site, pictures: list[bytes], voices: list[bytes]) -> None:
    """Run as a task: real VP8 and Opus, from the start of the film when a key frame is asked."""
    loop, tick, at = asyncio.get_running_loop(), 0, 0
    start, source = loop.time(), site.cameras[""]
    while True:
        tick += 1
        site.send_payload(site.audio, voices[tick % len(voices)], 960)
        if tick % 2:
            if source.ssrc in site.keyframe_asked:
                site.keyframe_asked.discard(source.ssrc)
                at = 0
            site.send_vp8(source, pictures[at % len(pictures)], 3600)
            at += 1
        await asyncio.sleep(max(0.0, start + tick * 0.02 - loop.time()))


async def first(track: RemoteStreamTrack, wanted: Callable[[object], bool]) -> object:
    """The first decoded frame that is wanted."""
    while True:
        frame = await track.recv()
        if wanted(frame):
            return frame


async def test_aiortc_sees_and_hears_a_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own ICE, DTLS, SRTP, jitter buffers and decoders take what the bridge sends."""
    # aioice leaves the loopback out, which is all a machine without a network has.
    monkeypatch.setattr(ice, "get_host_addresses", lambda **_: ["127.0.0.1"])
    film = await asyncio.to_thread(video_frames, "libvpx")
    sound_track = await asyncio.to_thread(opus_packets)
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "guest", broadcast="a")
        a = await take_seat(bridge, "room", Site("a", layers=()))
        client = fixed_pool()
        await client.setLocalDescription(await client.createOffer())
        answer = await bridge.worker.join("room", "guest", client.localDescription.sdp)
        sending = asyncio.create_task(show(a, film, sound_track))
        try:
            await client.setRemoteDescription(
                RTCSessionDescription(type="answer", sdp=answer.answer_sdp)
            )
            await add_candidates(client, answer.answer_sdp)
            by_mid = {t.mid: t.receiver.track for t in client.getTransceivers()}
            main, voice = by_mid["6"], by_mid["3"]
            async with asyncio.timeout(30):
                picture = await first(main, lambda frame: True)
                sound = await first(voice, lambda frame: any(bytes(frame.planes[0])))  # type: ignore[attr-defined]
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await client.close()
            await a.close()
        assert (picture.width, picture.height) == (WIDTH, HEIGHT)  # type: ignore[attr-defined]
        assert sound.sample_rate == 48_000  # type: ignore[attr-defined]


async def test_the_command_line_site_joins_a_meeting(
    sqlite_url: str, house_settings: Callable[..., Settings]
) -> None:
    """`python -m tests.support.bridge_client LINK` gets in, is sent the hall's voice, leaves."""
    async with running_house(house_settings(sqlite_url)) as house:
        await house.open()
        (hall,) = await house.joined("hall")
        link = f"{house.url}/j/{house.tokens['east']}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.bridge_client", link,
            "--name", "east", "--seconds", "5",
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        done = asyncio.create_task(process.communicate())
        await house.stream_until(hall, done=done.done, within_s=45)
        output = (await done)[0].decode()
        assert process.returncode == 0, output
        assert re.search(r"east: joined as \S+", output), output
        assert re.search(r"audio\[\S+\] \d+ kbit/s", output), output
        assert sum(hall.media.mid(mid).packets for mid in "345") > 0, output
        await hall.change("participant.left")


class HalfBlind(Site):
    """Offers the sections of the main picture and of the first thumbnail inactive."""

    def offer(self) -> str:
        """As RFC 3264 §5.1 lets it: nothing is to be sent there."""
        head, *sections = super().offer().split("m=")
        for n in (MAIN, THUMBNAIL):
            sections[n] = sections[n].replace("a=recvonly", "a=inactive")
        return "m=".join((head, *sections))


async def test_nothing_is_sent_where_a_client_offers_inactive(tmp_path: Path) -> None:
    """The next thumbnail shows what would have stood in the first."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b", "c")
        a, b, c = Site("a", layers=()), HalfBlind("b"), Site("c", layers=())
        for site in (a, b, c):
            await take_seat(bridge, "room", site)
        following = str(THUMBNAIL + 1)
        await stream_until([a, c], lambda: b.mid(following).packets > 50)
        got = {stream.mid for stream in b.streams.values() if stream.packets}
        assert following in got
        assert not got & {str(MAIN), str(THUMBNAIL)}
        for site in (a, b, c):
            await site.close()
