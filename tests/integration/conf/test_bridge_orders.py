"""Orders are enforced in the forwarder: after `apply` returns not one packet passes."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from conf.media import rtcp
from conf.media.client import (
    ParticipantState,
    RoomState,
    SlotMapChanged,
    SourceKind,
    SpeakerChanged,
)
from conf.settings import MediaSettings
from tests.support.bridge import (
    LOOPBACK,
    Bridge,
    kernel_drops,
    running_bridge,
    stream,
    stream_until,
    take_seat,
    with_screen,
)
from tests.support.bridge_client import Site

pytestmark = pytest.mark.timeout(60)
EVERYTHING = ParticipantState()
STAGE_AUDIO, MAIN, SHARE = "3", "6", "7"


def state(version: int, *names: str, **orders: object) -> RoomState:
    participants = dict.fromkeys(names, EVERYTHING)
    return replace(RoomState(version, participants), **orders)  # type: ignore[arg-type]


async def three_sites(bridge: Bridge) -> list[Site]:
    await bridge.open("room", "a", "b", "c")
    return [await take_seat(bridge, "room", Site(name, keep=True)) for name in "abc"]


def origins(site: Site, mid: str, after: int = 0) -> set[bytes]:
    """Names of the sites whose media came in a section, from its `after`-th packet on."""
    return {origin.rstrip(b"\0") for origin in site.mid(mid).origins[after:]}


async def test_a_muted_site_is_not_heard_again(tmp_path: Path) -> None:
    """Mute takes audio only; its camera goes on."""
    async with running_bridge(tmp_path) as bridge:
        a, b, c = await three_sites(bridge)
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > 20)
        assert origins(b, STAGE_AUDIO) == {b"a"}
        muted = {"a": ParticipantState(may_audio=False), "b": EVERYTHING, "c": EVERYTHING}
        await bridge.worker.apply("room", RoomState(2, muted))
        await b.check()  # what left before the order has been read
        heard, seen = b.mid(STAGE_AUDIO).packets, b.mid(MAIN).packets
        await stream_until([a], lambda: b.mid(MAIN).packets > seen + 30)
        assert b.mid(STAGE_AUDIO).packets == heard
        for site in (a, b, c):
            await site.close()


@pytest.mark.parametrize("source", [SourceKind.CAMERA, SourceKind.SCREEN])
async def test_a_muted_picture_is_not_seen_again(tmp_path: Path, source: SourceKind) -> None:
    """Camera or screen, in no slot and not by asking for repairs; the rest of the site goes on."""
    shown, other = (MAIN, SHARE) if source is SourceKind.CAMERA else (SHARE, MAIN)
    settings = MediaSettings.model_validate(LOOPBACK.model_dump() | {"start_down_bps": 6_000_000})
    async with running_bridge(tmp_path, settings) as bridge:
        await bridge.open("room", "a", "b")
        a, b = with_screen(Site("a")), Site("b", keep=True)
        for site in (a, b):
            await take_seat(bridge, "room", site)
        await stream_until([a], lambda: min(b.mid(m).packets for m in (MAIN, SHARE)) > 20)
        rights = {f"may_{source}": False}
        await bridge.worker.apply(
            "room", RoomState(2, {"a": ParticipantState(**rights), "b": EVERYTHING})
        )
        await b.check()  # what left before the order has been read
        before = b.mid(shown).packets, b.mid("rtx" + shown).packets
        went_on = b.mid(other).packets
        ssrc = next(ssrc for ssrc, mid in b.answer.ssrcs.items() if mid == shown)
        b.send_rtcp(rtcp.Nack(1, ssrc, tuple(b.streams[ssrc].sequences[-5:])))
        await stream_until([a], lambda: b.mid(other).packets > went_on + 30)
        assert (b.mid(shown).packets, b.mid("rtx" + shown).packets) == before
        for site in (a, b):
            await site.close()


async def test_a_removed_site_neither_sends_nor_receives(tmp_path: Path) -> None:
    """Leaving a participant out of the state cuts both directions at once."""
    async with running_bridge(tmp_path) as bridge:
        a, b, c = await three_sites(bridge)
        await stream([a, b], 2)
        await bridge.worker.apply("room", state(2, "b", "c"))
        await a.check()
        await c.check()
        before = a.received()
        c_main, c_audio = len(c.mid(MAIN).origins), len(c.mid(STAGE_AUDIO).origins)
        await stream([a, b], 1.5)
        await a.check()
        assert a.received() == before
        assert b"a" not in origins(c, MAIN, c_main) | origins(c, STAGE_AUDIO, c_audio)
        for site in (a, b, c):
            await site.close()


async def test_the_broadcast_site_fills_every_main_slot(tmp_path: Path) -> None:
    """Broadcast beats the speaker; numbers and pictures go on without a break at the switch."""
    async with running_bridge(tmp_path) as bridge:
        a, b, c = await three_sites(bridge)
        await bridge.worker.apply("room", state(2, "a", "b", "c", broadcast="a"))
        dropped = kernel_drops()
        await stream_until([a, b, c], lambda: c.mid(MAIN).packets > 40)
        assert origins(c, MAIN) == {b"a"}
        await bridge.worker.apply("room", state(3, "a", "b", "c", broadcast="b"))
        came = len(c.mid(MAIN).origins)
        await stream_until([a, b, c], lambda: origins(c, MAIN, came + 20) == {b"b"})
        main = c.mid(MAIN)
        assert main.reordered == 0
        excused = kernel_drops() - dropped
        assert main.lost <= excused
        steps = [(later - earlier) & 0x7FFF for earlier, later in pairwise(main.pictures)]
        assert sum(step > 1 for step in steps) <= excused
        assert main.key_frames >= 2
        for site in (a, b, c):
            await site.close()


async def test_each_site_may_view_another(tmp_path: Path) -> None:
    """A view of one's own changes one's own main slot only, and the map says so."""
    async with running_bridge(tmp_path) as bridge:
        a, b, c = await three_sites(bridge)
        viewing = state(2, "a", "b", "c").participants | {"c": ParticipantState(view="b")}
        await bridge.worker.apply("room", RoomState(2, viewing))
        await stream_until([a, b], lambda: bool(origins(c, MAIN)) and bool(origins(b, MAIN)))
        assert origins(c, MAIN) == {b"b"}
        assert origins(b, MAIN) == {b"a"}

        def shows_b(event: object) -> bool:
            return (
                isinstance(event, SlotMapChanged)
                and event.participant_id == "c"
                and any(slot.mid == MAIN and slot.participant_id == "b" for slot in event.slots)
            )

        assert await bridge.until(shows_b)
        for site in (a, b, c):
            await site.close()


def pictured(site: Site) -> set[bytes]:
    """Whose cameras a site has been shown, in whatever slot."""
    pictures = [s for s in site.streams.values() if s.mid.isdigit() and int(s.mid) >= int(MAIN)]
    return {origin.rstrip(b"\0") for stream in pictures for origin in stream.origins}


async def test_a_lecture_shows_sites_the_lecturer_only(tmp_path: Path) -> None:
    """Sites see the lecturer, the lecturer sees everybody."""
    async with running_bridge(tmp_path) as bridge:
        a, b, c = await three_sites(bridge)
        await bridge.worker.apply("room", state(2, "a", "b", "c", lecturer="a"))
        await stream_until([a, b, c], lambda: pictured(a) == {b"b", b"c"} and bool(pictured(c)))
        await stream([a, b, c], 0.5)
        assert pictured(c) == {b"a"}
        for site in (a, b, c):
            await site.close()


async def test_the_three_loudest_are_heard_and_the_speaker_is_named(tmp_path: Path) -> None:
    """Five sites have their microphones on; whoever begins to speak gets one of three slots."""
    async with running_bridge(tmp_path) as bridge:
        names = "abcde"
        await bridge.open("room", "v", *names)
        ear = await take_seat(bridge, "room", Site("v", keep=True))
        sites = [await take_seat(bridge, "room", Site(name)) for name in names]

        def heard() -> set[bytes]:
            return {
                origin.rstrip(b"\0")
                for mid in ("3", "4", "5")
                for origin in ear.mid(mid).origins[-10:]
            }

        async with asyncio.timeout(40):
            for loud in ("de", "ab", "ce"):
                wanted = {name.encode() for name in loud}
                while not (wanted <= heard() and names_speaker(bridge, loud)):
                    for site in sites:
                        site.send_audio(level=15 if site.name in loud else 90)
                    await asyncio.sleep(0.02)
        for site in (ear, *sites):
            await site.close()


def names_speaker(bridge: Bridge, among: str) -> bool:
    """Is the last speaker told of one of these?"""
    told = [event for event in bridge.seen if isinstance(event, SpeakerChanged)]
    return bool(told) and (told[-1].participant_id or "-") in among


async def test_a_site_the_state_does_not_name_gets_nothing(tmp_path: Path) -> None:
    """Joining before being named opens nothing."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a")
        a = await take_seat(bridge, "room", Site("a"))
        stranger = await take_seat(bridge, "room", Site("x", keep=True))
        await stream([a, stranger], 1.5)
        assert stranger.received() == 0
        assert a.received() == 0
        for site in (a, stranger):
            await site.close()
