"""What is told of each line, to the chair and to Prometheus: as reports and counters have it."""

import asyncio
from pathlib import Path

import pytest

from conf.media import rtcp
from conf.media.model import ParticipantState, RoomState, SlotKind, SourceKind
from conf.media.stats import SlotMeter
from conf.media.worker import Worker
from tests.support.bridge import LOOPBACK
from tests.support.bridge_client import Site


async def test_loss_way_and_jitter_are_those_reported(tmp_path: Path) -> None:
    """One packet of five lost on the way up; a quarter on the way down, 10 ms unsteady, 250 ms."""
    async with asyncio.TaskGroup() as tasks:
        worker = Worker(LOOPBACK, 0, tasks, tmp_path)
        worker.open_room("room")
        worker.apply("room", RoomState(1, dict.fromkeys("ab", ParticipantState())))
        for name in "ab":
            site = Site(name)
            await worker.join("room", name, site.offer())
            site.socket.close()
        a, b = worker.seats["a"], worker.seats["b"]
        camera = a.publisher.tracks[SourceKind.CAMERA]
        for number in (1, 2, 3, 5):
            camera.layers[0].extend(number)
            camera.layers[0].reception.add(number, 3000 * number, 33_333 * number)
        a.send_reports(1.0)
        main = next(slot for slot in b.subscriber.slots if slot.kind is SlotKind.MAIN)
        main.assign(camera)
        main.repaired = b.subscriber.repaired = 3
        now = worker.ntp_now()
        block = rtcp.ReportBlock(main.ssrc, 64, 0, 0, 900, rtcp.middle(now - (1 << 30)), 0)
        b.subscriber.on_blocks((block,), now)

        told = worker.report().participants
        assert told["a"]["up_loss"] == pytest.approx(0.2, abs=0.01)
        assert told["b"]["round_trip_s"] == pytest.approx(0.25, abs=0.001)
        assert told["b"]["repaired_total"] == 3
        meter, slots = SlotMeter(), {}
        for second in range(meter.TURNS):
            slots |= meter.look(worker.seats, float(second))
        (figures,) = slots["b"]
        assert (figures.participant_id, figures.kind, figures.layer) == ("a", SlotKind.MAIN, -1)
        assert (figures.loss, figures.repaired_total) == (0.25, 3)
        assert figures.jitter_s == pytest.approx(0.01)
        await worker.close()
