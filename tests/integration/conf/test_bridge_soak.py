"""What comes and goes leaves nothing behind: the short form of bench/bridge_soak.py."""

import asyncio
import gc
import weakref
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bench.bridge_soak import OF_A_SITE, Filling, Sample, Soaked, faults
from conf.media.client import ParticipantState, RoomState
from conf.media.worker import Worker
from tests.support.bridge import LOOPBACK, eventually, running_bridge, stream
from tests.support.bridge_churn import CAMERAS, VOICES, Meeting, Missed
from tests.support.bridge_client import Site
from tests.support.counted_worker import Living, command, count

HELPER = "OpenSSL._VerifyHelper"

pytestmark = pytest.mark.timeout(90)
SITES, CHANGES = 5, 36
COUNTED = tuple(kind for kind in OF_A_SITE if kind != "Endpoint")


@pytest.mark.slow
async def test_changes_leave_no_seat_behind(tmp_path: Path) -> None:
    """Reloads, vanished sites, restarts and orders: as many seats, sessions, slots as before."""
    counts = tmp_path / "counts.json"
    async with running_bridge(tmp_path, command=command(counts, LOOPBACK)) as bridge:
        meeting = Meeting(bridge, SITES, seed=5)
        await meeting.begin()
        descriptors = Path(f"/proc/{bridge.worker.process_id}/fd")
        talking = asyncio.create_task(meeting.talk())
        before = (await count(bridge.worker.process_id, counts)).objects
        open_before = _number(descriptors)
        for _ in range(CHANGES):
            await meeting.change()
        await meeting.begin()
        wanted = {kind: before[kind] for kind in COUNTED} | {"descriptors": open_before}
        assert await _settled(bridge.worker.process_id, counts, wanted) == wanted
        talking.cancel()
        with suppress(asyncio.CancelledError):
            await talking
        await meeting.end()
        nothing = dict.fromkeys(OF_A_SITE, 0)
        assert await _settled(bridge.worker.process_id, counts, nothing) == nothing
        assert bridge.worker.restarts == 0


async def test_who_has_left_is_freed_at_once(tmp_path: Path) -> None:
    """Nothing of a seat hangs in circles: Python would look for those after hundreds of sites."""
    async with asyncio.TaskGroup() as tasks:
        worker = Worker(LOOPBACK, 0, tasks, tmp_path)
        worker.open_room("room")
        worker.apply("room", RoomState(1, {name: ParticipantState() for name in "ab"}))
        sites = [await _seated(worker, name) for name in "ab"]
        ticking = tasks.create_task(worker.ticker.run())
        await stream(sites, 1.0)
        seats = weakref.WeakSet(worker.seats.values())
        links = weakref.WeakSet(seat.session._dtls for seat in seats)
        tracks = weakref.WeakSet(t for seat in seats for t in seat.publisher.tracks.values())
        of_one = len(tracks) // 2
        assert (len(seats), len(links)) == (2, 2)
        assert of_one > 1
        gc.disable()
        try:
            await worker.leave("a")
            await eventually(lambda: (len(seats), len(links), len(tracks)) == (1, 1, of_one))
        finally:
            gc.enable()
        ticking.cancel()
        for site in sites:
            await site.close()
        await worker.close()


async def _seated(worker: Worker, name: str) -> Site:
    site = Site(name)
    answer = await worker.join("room", name, site.offer())
    await site.connect(answer["answer_sdp"])
    return site


async def _settled(process_id: int, counts: Path, wanted: dict[str, int]) -> dict[str, int]:
    """What lives of the classes wanted, as soon as it is as wanted, or after 20 s.

    Statistics, goodbyes and cut connections let go a moment later, on a busy machine a long one.
    """
    deadline = asyncio.get_running_loop().time() + 20
    while True:
        now = (await count(process_id, counts)).objects
        now["descriptors"] = _number(Path(f"/proc/{process_id}/fd"))
        found = {kind: now.get(kind, 0) for kind in wanted}
        if found == wanted or asyncio.get_running_loop().time() > deadline:
            return found
        await asyncio.sleep(0.5)


def _number(folder: Path) -> int:
    return len(list(folder.iterdir()))


def _samples(rss_kb: list[int], lag_ms: float = 1.0, waited: float = 0.0) -> list[Sample]:
    return [Sample(10.0 * i, kb, 20, 60, lag_ms, waited, 1.0) for i, kb in enumerate(rss_kb)]


def test_growth_and_lateness_are_told() -> None:
    """5 % between the first and the last quarter, or 10 ms; one bad sample is none."""
    assert faults(_samples([100, 101, 180, 99, 103, 102, 104, 103])) == []
    assert "kB" in faults(_samples([100, 100, 101, 102, 103, 104, 105, 106]))[0]
    assert "lag" in faults(_samples([100] * 8, lag_ms=10.0))[0]
    assert faults(_samples([100] * 8, lag_ms=10.0, waited=0.3)) == []
    assert faults(_samples([100] * 3)) == ["too short to tell"]


@pytest.mark.parametrize(
    ("longest_ms", "missed", "told"),
    [
        ({"join": 12.0, "apply": 99.9}, [], []),
        ({"join": 12.0, "apply": 120.0}, [], ["apply took 120.0 ms"]),
        ({}, [Missed(20.0, 0.6), Missed(11.0, 0.1)], []),
        ({}, [Missed(20.0, 0.05)], ["a change missed after 20.0 s"]),
    ],
)
def test_a_busy_machine_is_no_fault_of_the_bridge(
    longest_ms: dict[str, float], missed: list[Missed], told: list[str]
) -> None:
    """Late answers are told; what is blamed is work in one piece, and who failed with a core."""
    samples = _samples([100] * 8)
    soaked = Soaked(samples, {"kb_a_site": 217.0}, {}, longest_ms, [0.002] * 99 + [6.0], missed, 99)
    assert soaked.faults() == told
    figures = soaked.told()
    assert figures["given_up"] == 1
    assert figures["answers_ms"] == {"p50": 2.0, "p99": 2.0, "worst": 6000.0}


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ({"Seat": 60, "Layer": 400}, {"Seat": 66, "Layer": 402}, ["Seat: 60 grew to 66"]),
        ({}, {"Task": 2}, []),
        ({"Picture": 10}, {"Picture": 500}, []),
        ({"all": 30_000}, {"all": 31_500}, ["all: 30000 grew to 31500"]),
        ({HELPER: 62}, {HELPER: 262}, []),  # the leavers since the worker looked for garbage
        ({HELPER: 62}, {HELPER: 263}, [f"{HELPER}: 62 grew to 263"]),
    ],
)
def test_what_grew_is_named(then: dict[str, int], now: dict[str, int], told: list[str]) -> None:
    """A class of which more live; two more are chance, what fills a bounded store is no leak."""
    living = [then, then, then, now]
    samples = [replace(one, objects=living[i]) for i, one in enumerate(_samples([100] * 4))]
    assert faults(samples) == told


def test_the_warm_up_lasts_until_every_store_is_full() -> None:
    """Rings need to have been full once, each; remembered results to be full, or to rest."""
    rings = {f"ring:s{i}:camera:q": (512, 512) for i in range(CAMERAS)}
    rings |= {f"ring:s{i}:audio:": (512, 512) for i in range(VOICES)}
    filling = Filling()
    assert "ring:s0:camera:q" in filling.look(Living({}, 0, rings | {"ring:s0:camera:q": (9, 512)}))
    ladders = {"ladder": (1024, 1024), "writer": (100, 8192)}
    assert filling.look(Living({}, 0, {"ring:s0:camera:q": (512, 512)} | ladders)) == {"writer"}
    assert filling.look(Living({}, 0, ladders | {"writer": (200, 8192)})) == {"writer"}
    assert filling.look(Living({}, 0, ladders | {"writer": (200, 8192)})) == set()
