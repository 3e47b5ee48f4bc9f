"""What the worker does by the clock goes along with its packets; reports wait for both aside."""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conf.media import rtcp, steering, udp
from conf.media.mmsg import RX_SLOTS, RxSlots
from conf.media.ticker import TICK_S
from conf.media.worker import Worker
from tests.support.bridge import LOOPBACK, running_bridge
from tests.support.bridge_mux import front_door
from tests.support.bridge_viewer import Viewer

THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")

BATCH_S = 0.0025  # two of them, and again two: less than the lag that is promised
REPORTS = (
    bytes((0x8F, 205)) + bytes(34),  # transport feedback
    bytes((0x81, 205)) + bytes(30),  # NACK
    bytes((0x81, 206)) + bytes(26),  # PLI
    bytes((0x81, 201)) + bytes(46),  # a receiver report
    bytes((0xA0, 192)) + bytes(24),  # the lowest type, padded
    bytes((0x80, 223)) + bytes(25),  # the highest
)
OTHERS = (
    bytes((0x80, 191)) + bytes(40),  # media, their marker set
    bytes((0x80, 224)) + bytes(41),
    bytes((0x80, 111)) + bytes(42),
    b"\x16\xfe\xfd" + bytes(10),  # a handshake
    b"\0\1\0\x08\x21\x12\xa4\x42" + bytes(20),  # a connectivity check
)


def _may_ask() -> bool:
    return THP.exists() and "[madvise]" in THP.read_text()


def _smaps(process_id: int) -> str:
    return Path(f"/proc/{process_id}/smaps").read_text()


def _received(slots: RxSlots | udp.PlainSlots) -> list[int]:
    return [slots.length(i) for i in range(slots.receive())]


@pytest.mark.parametrize(
    ("host", "to"), [("127.0.0.1", "127.0.0.1"), ("::", "127.0.0.1"), ("::", "::1")]
)
def test_the_kernel_puts_reports_aside(host: str, to: str) -> None:
    """All else comes as it did; what the system cannot sort stays together."""
    port = udp.open_port(host, 0)
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        for data in (*REPORTS, *OTHERS):
            peer.sendto(data, (to, port.local_port()))
    assert port.reports is not None
    assert _received(port.rx) == [len(data) for data in OTHERS]
    assert _received(port.reports) == [len(data) for data in REPORTS]
    assert port.rx.receive() == port.reports.receive() == 0
    port.close()


def test_a_report_tells_when_it_came() -> None:
    """Each of its own, also where a slot is used for the second time."""
    port = udp.open_port("127.0.0.1", 0)
    reports = port.reports
    assert reports is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for _ in range(3):
            before = time.time()
            peer.sendto(REPORTS[0], ("127.0.0.1", port.local_port()))
            between = time.time()
            peer.sendto(REPORTS[1], ("127.0.0.1", port.local_port()))
            after = time.time()
            assert reports.receive() == 2
            first, second = reports.came_at(0), reports.came_at(1)
            assert first is not None
            assert second is not None
            assert before - 0.001 <= first <= between + 0.001 <= second + 0.002 <= after + 0.003
    assert port.rx.receive() == 0
    port.close()


def test_a_port_in_use_is_still_noticed(free_port: Callable[[], int]) -> None:
    """The group of two sockets lets no third one in, of whatever wish."""
    first = udp.open_port("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        udp.open_port("127.0.0.1", first.local_port())
    first.close()
    number = free_port()
    for _ in range(2):  # the second time it is free again
        udp.open_port("127.0.0.1", number).close()


def test_a_number_that_tcp_has_taken_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any free one must be free for both: the worker listens on TCP under the same number."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        numbers = iter([taken.getsockname()[1], 0])
        real = udp.open_udp
        monkeypatch.setattr(udp, "open_udp", lambda host, _: real(host, next(numbers)))
        port = udp.open_port("127.0.0.1", 0)
        assert port.local_port() != taken.getsockname()[1]
        port.close()


def test_a_socket_that_cannot_be_shared_keeps_everything() -> None:
    """No second socket: None, and the first goes on alone."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unfit:
        assert steering.open_reports(unfit) is None


def test_where_the_kernel_does_not_sort_the_port_is_ours_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All comes to the first socket, and nobody may bind beside it."""
    monkeypatch.setattr(steering, "SO_ATTACH_REUSEPORT_CBPF", 0xFFFF)  # no such option
    main = udp.open_udp("127.0.0.1", 0)
    assert steering.open_reports(main) is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(main.getsockname())
    main.close()


def test_what_is_due_does_not_wait_for_a_crowd() -> None:
    """Batch upon batch lies there, each long to forward: the loop gets its turn in between."""
    with front_door() as door, door.visitor() as sock:
        for _ in range(6 * RX_SLOTS):
            sock.send(OTHERS[2])

        def forward(now: float) -> None:
            door.now += BATCH_S

        door.after_batch = forward
        turns = []
        for _ in range(3):
            start = door.now
            door.mux.on_readable()
            turns.append(door.now - start)
        assert door.mux.counters.received == 6 * RX_SLOTS
        assert max(turns) == pytest.approx(2 * BATCH_S)


async def test_a_due_tick_goes_along_with_a_batch(tmp_path: Path) -> None:
    """Once per 20 ms of the grid, however many batches come."""
    async with asyncio.TaskGroup() as tasks:
        worker = Worker(LOOPBACK, 0, tasks, tmp_path)
        ticks: list[float] = []
        worker.ticker.tick = lambda _, now: ticks.append(now)  # type: ignore[method-assign]
        start = worker.clock() + TICK_S
        steps = [start + n * TICK_S / 4 for n in range(40)]  # ten ticks' time, in quarters
        for now in steps:
            worker.ticker.carry(now)
        assert ticks == steps[::4]
        late = start + 100.0
        for _ in range(3):
            worker.ticker.carry(late)
        assert ticks[10:] == [late]  # what was missed while the machine slept is not made up for
        await worker.close()


async def test_reports_are_taken_at_the_next_tick(tmp_path: Path) -> None:
    """From nobody we know: counted, nothing more."""
    async with asyncio.TaskGroup() as tasks:
        worker = Worker(LOOPBACK, 0, tasks, tmp_path)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for data in REPORTS * 50:
                peer.sendto(data, ("127.0.0.1", worker.udp_port))
        assert worker.mux.counters.received == 0
        worker.ticker.tick(1, worker.clock())
        assert worker.mux.counters.received == worker.mux.counters.unknown_source == 300
        await worker.close()


async def test_what_a_report_waited_is_no_part_of_the_round_trip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor of the source's clock, which the lips follow."""
    wall = 1_800_000_000.0
    monkeypatch.setattr(time, "time", lambda: wall)
    async with asyncio.TaskGroup() as tasks:
        worker = Worker(LOOPBACK, 0, tasks, tmp_path)
        worker.open_room("room")
        site = Viewer("a")
        await worker.join("room", "a", site.offer())
        site.socket.close()
        seat = worker.seats["a"]
        sent = rtcp.middle(rtcp.ntp_time(wall - 0.5))
        block = rtcp.ReportBlock(seat.subscriber.slots[0].ssrc, 0, 0, 0, 0, sent, 0)
        data = rtcp.build([rtcp.ReceiverReport(1, (block,))])
        for waited_s in (0.0, 0.4):
            seat.on_rtcp(memoryview(bytearray(data)), 0, len(data), worker.clock(), waited_s)
            assert seat.subscriber.round_trip_s == pytest.approx(0.5 - waited_s, abs=1e-4)
        layer = next(iter(seat.publisher.tracks.values())).layers[0]
        layer.ssrc = 5
        seat.publisher._sources[5] = layer
        told = rtcp.SenderReport(5, rtcp.ntp_time(wall - 0.1), 0, 0, 0)
        data = rtcp.build([told])
        seat.on_rtcp(memoryview(bytearray(data)), 0, len(data), worker.clock(), 0.1)
        clock = seat.publisher.wall_clock
        assert abs(clock.to_ours(told.ntp) - told.ntp) < 1 << 20  # a quarter of a millisecond
        await worker.close()


@pytest.mark.skipif(not _may_ask(), reason="this kernel grants huge pages to all, or to none")
@pytest.mark.parametrize("asks", [True, False])
async def test_a_worker_asks_for_huge_pages_when_told_to(tmp_path: Path, asks: bool) -> None:
    """For the heap its seats lie on (`hg`: proc(5), VmFlags)."""
    settings = LOOPBACK.model_copy(update={"has_huge_pages": asks})
    async with running_bridge(tmp_path, settings) as bridge:
        smaps = _smaps(bridge.worker.process_id)
    heap = smaps.split("[heap]", 1)[1].split("VmFlags:", 1)[1].splitlines()[0]
    assert ("hg" in heap.split()) is asks
