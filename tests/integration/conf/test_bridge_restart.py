"""The worker dies, the parent dies, a site's line dies: what comes back, and in which order."""

import asyncio
import contextlib
import os
import signal
from itertools import pairwise
from pathlib import Path

import pytest

from conf.media import rtcp
from conf.media.client import (
    ParticipantConnected,
    ParticipantLost,
    ParticipantState,
    RoomState,
    StatsReport,
    WorkerRestarted,
)
from conf.media.worker import Worker
from conf.settings import MediaSettings
from core.errors import Conflict, NotFound, Unavailable
from tests.support.bridge import (
    LOOPBACK,
    eventually,
    kernel_drops,
    running_bridge,
    stream,
    stream_until,
    take_seat,
)
from tests.support.bridge_client import Site
from tests.support.cores import waited_s

pytestmark = pytest.mark.timeout(60)
STAGE_AUDIO, MAIN = "3", "6"
REJOINED_S = 10  # docs/protocol.md promises it


async def test_a_killed_worker_comes_back_with_its_orders(tmp_path: Path) -> None:
    """Rooms and states are in force before anything is forwarded; sites rejoin within 10 s."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        sites = [await take_seat(bridge, "room", Site(name)) for name in "ab"]
        muted = {"a": ParticipantState(may_audio=False), "b": ParticipantState()}
        await bridge.worker.apply("room", RoomState(2, muted))
        killed_at, waited = asyncio.get_running_loop().time(), waited_s()
        os.kill(bridge.worker.process_id, signal.SIGKILL)
        await bridge.until(lambda event: isinstance(event, WorkerRestarted))
        with pytest.raises(NotFound):
            await bridge.worker.restart("a", sites[0].offer())
        with pytest.raises(Conflict):
            await bridge.worker.apply("room", RoomState(1, muted))
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b"))
        took_s = asyncio.get_running_loop().time() - killed_at
        assert took_s - (waited_s(bridge.worker.process_id) - waited) < REJOINED_S
        await stream_until([a, b], lambda: a.mid(STAGE_AUDIO).packets > 20)
        assert b.mid(STAGE_AUDIO).packets == 0
        for site in (*sites, a, b):
            await site.close()


async def test_an_order_given_while_rooms_are_put_back_holds(tmp_path: Path) -> None:
    """Whatever the call is told, neither the first room nor the last goes back to older orders."""
    async with running_bridge(tmp_path) as bridge:
        rooms = [f"room{n}" for n in range(40)]
        for room in rooms:
            await bridge.open(room, "a", "b")
        os.kill(bridge.worker.process_id, signal.SIGKILL)
        for is_there in (False, True):
            await eventually(lambda at=is_there: bridge.worker.child.is_connected == at)
        muted = {"a": ParticipantState(may_audio=False), "b": ParticipantState()}
        asked = rooms[0], rooms[-1]
        for room in asked:
            with contextlib.suppress(Unavailable):
                await bridge.worker.apply(room, RoomState(2, muted))
        await bridge.until(lambda event: isinstance(event, WorkerRestarted))
        for room in asked:
            a = await take_seat(bridge, room, Site("a"))
            b = await take_seat(bridge, room, Site("b"))
            await stream_until([a], lambda b=b: b.mid(MAIN).packets > 20)
            assert b.mid(STAGE_AUDIO).packets == 0
            for site in (a, b):
                await site.close()
        assert bridge.worker.restarts == 1


async def test_a_worker_killed_while_rooms_are_put_back_comes_back_all_the_same(
    tmp_path: Path,
) -> None:
    """Half told what it must know, it never counts as there; the next one knows it all."""
    async with running_bridge(tmp_path) as bridge:
        rooms = [f"room{n}" for n in range(200)]
        for room in rooms:
            await bridge.worker.open_room(room)
        child = bridge.worker.child
        os.kill(bridge.worker.process_id, signal.SIGKILL)
        for is_there in (False, True):
            await eventually(lambda at=is_there: child.is_connected == at)
        os.kill(bridge.worker.process_id, signal.SIGKILL)
        await bridge.until(lambda event: event == WorkerRestarted(0, 2))
        assert (await bridge.worker.stats())["rooms"] == len(rooms)


async def test_a_hung_worker_is_replaced(tmp_path: Path) -> None:
    """A stopped process does not die of itself; the pages are told to rejoin all the same."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a")
        hung = bridge.worker.process_id
        os.kill(hung, signal.SIGSTOP)
        with pytest.raises(Unavailable):
            await bridge.worker.stats()
        await bridge.until(lambda event: isinstance(event, WorkerRestarted))
        with pytest.raises(ProcessLookupError):
            os.kill(hung, 0)
        assert bridge.worker.restarts == 1
        a = await take_seat(bridge, "room", Site("a"))
        await a.close()


async def test_a_worker_with_too_much_to_do_still_says_so(tmp_path: Path) -> None:
    """It may tick once in seconds: the report, its sign of life, goes by the clock."""
    async with asyncio.TaskGroup() as tasks:
        worker = Worker(LOOPBACK, 0, tasks, tmp_path)
        start = worker.clock()
        for tick in range(1, 5):
            worker.ticker.tick(tick, start + 2.5 * tick)
        reports = [worker.events.get_nowait() for _ in range(worker.events.qsize())]
        assert sum(isinstance(report, StatsReport) for report in reports) == 4
        await worker.close()


async def test_a_worker_without_its_server_ends(tmp_path: Path) -> None:
    """The process is gone soon after the control connection."""
    async with running_bridge(tmp_path) as bridge:
        process_id = bridge.worker.process_id
        os.kill(process_id, 0)  # it is there
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


async def test_a_silent_site_is_lost_and_revived_by_an_ice_restart(tmp_path: Path) -> None:
    """Its seat is kept: new credentials on the same session, no new handshake."""
    quick = MediaSettings.model_validate(LOOPBACK.model_dump() | {"silence_timeout_s": 3})
    async with running_bridge(tmp_path, quick) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b"))
        remote, b.remote = b.remote, ("127.0.0.1", 9)
        lost = await bridge.until(lambda event: isinstance(event, ParticipantLost))
        assert isinstance(lost, ParticipantLost)
        assert (lost.participant_id, lost.reason) == ("b", "silence")
        b.remote = remote
        b.new_credentials()
        answer = await bridge.worker.restart("b", b.offer())
        bridge.seen.clear()
        b.move()
        b.accept(answer.answer_sdp)
        await b.check()
        b.send_audio()
        await bridge.until(lambda event: isinstance(event, ParticipantConnected))
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > 20)
        other_page = Site("b")
        with pytest.raises(Conflict) as refused:
            await bridge.worker.restart("b", other_page.offer())
        other_page.socket.close()
        assert refused.value.wire_code == "rejoin"
        with pytest.raises(Conflict):  # a slot the seat has not, or one nobody wants any more
            await bridge.worker.restart("b", b.offer().replace("a=recvonly", "a=inactive", 1))
        await a.close()
        await b.close()


async def test_a_vanished_address_gets_no_packet_until_it_speaks_again(tmp_path: Path) -> None:
    """RFC 7675: consent lost ends media, though the seat is kept; it comes back on a key frame."""
    quick = MediaSettings.model_validate(LOOPBACK.model_dump() | {"silence_timeout_s": 3})
    async with running_bridge(tmp_path, quick) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b", keep=True))
        await stream([a], 1)
        remote, b.remote = b.remote, ("127.0.0.1", 9)
        await stream_until([a], lambda: any(isinstance(e, ParticipantLost) for e in bridge.seen))
        await asyncio.sleep(0.1)  # what left before is read; a check would bring it back
        before, keys, shown = b.received(), b.mid(MAIN).key_frames, b.mid(MAIN).packets
        assert before > 100
        await stream([a], 1)
        assert b.received() == before
        bridge.seen.clear()
        dropped = kernel_drops()
        b.remote = remote
        await b.check()
        await bridge.until(lambda event: isinstance(event, ParticipantConnected))
        voices = b.mid(STAGE_AUDIO).packets
        await stream_until([a], lambda: b.mid(MAIN).key_frames > keys)
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > voices + 20)
        steps = [
            (later - earlier) & 0xFFFF for earlier, later in pairwise(b.mid(MAIN).sequences[shown:])
        ]
        assert sum(step != 1 for step in steps) <= 2 * (kernel_drops() - dropped)
        await a.close()
        await b.close()


async def test_a_repeated_check_is_no_consent(tmp_path: Path) -> None:
    """Whoever captured one and forges the address keeps no media flowing to who has gone."""
    quick = MediaSettings.model_validate(LOOPBACK.model_dump() | {"silence_timeout_s": 3})
    async with running_bridge(tmp_path, quick) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b"))
        await stream([a], 0.5)
        remote, captured = b.remote, b.binding_request()
        b.send_raw(captured)
        b.remote = ("127.0.0.1", 9)
        started = asyncio.get_running_loop().time()
        while not any(isinstance(event, ParticipantLost) for event in bridge.seen):
            assert asyncio.get_running_loop().time() - started < 25, "it is thought to be there"
            b.socket.sendto(captured, remote)
            await stream([a], 1.5)
        before = b.received()
        b.socket.sendto(captured, remote)
        await stream([a], 0.5)
        assert b.received() == before
        await a.close()
        await b.close()


async def test_a_browser_that_said_goodbye_stays_gone(tmp_path: Path) -> None:
    """Nothing more goes there, though what it sent before its close_notify arrives after it."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a", "b")
        a = await take_seat(bridge, "room", Site("a"))
        b = await take_seat(bridge, "room", Site("b"))
        await stream_until([a], lambda: b.mid(STAGE_AUDIO).packets > 20)
        for task in b._tasks:
            task.cancel()
        assert b._link is not None
        await b._link.close()
        lost = await bridge.until(lambda event: isinstance(event, ParticipantLost))
        assert isinstance(lost, ParticipantLost)
        assert lost.reason == "closed"
        bridge.seen.clear()
        b.send_rtcp(rtcp.ReceiverReport(1, ()))
        b.send_audio()
        await b.check()
        before = b.received()
        await stream([a], 1)
        await b.check()
        assert b.received() == before
        assert not any(isinstance(event, ParticipantConnected) for event in bridge.seen)
        with pytest.raises(Conflict):
            await bridge.worker.restart("b", b.offer())
        await a.close()
        await b.close()


async def test_a_closed_browser_is_noticed_at_once(tmp_path: Path) -> None:
    """close_notify ends the connection without waiting for silence."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.open("room", "a")
        a = await take_seat(bridge, "room", Site("a"))
        await a.close()
        lost = await bridge.until(lambda event: isinstance(event, ParticipantLost))
        assert isinstance(lost, ParticipantLost)
        assert lost.reason == "closed"
