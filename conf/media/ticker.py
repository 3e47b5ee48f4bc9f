"""What the worker does by the clock: repair, feedback, layers, speakers, reports, signs of life.

Fifty ticks a second, each a wake-up of its own, would cost a tenth of a small meeting's forwarding.
So a tick that is due goes along with the packets (`carry`); the timer only sees to it that none is
left behind, and measures how late the loop runs.
"""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from conf.media.lag import LagMeter
from conf.media.stats import SlotMeter, figures, quality_of

if TYPE_CHECKING:
    from conf.media.seat import Seat
    from conf.media.worker import Worker

TICK_S: Final = 0.02
PATIENCE_S: Final = 0.1  # of the timer, while packets carry the ticks: it wakes an idle core
MOST_BEHIND_S: Final = 0.1  # more is not caught up tick by tick: the machine slept
TICKS_A_SECOND: Final = 50
MEASURE_EVERY_S: Final = 0.99  # a second, less what a tick may come early
REPORT_EVERY_S: Final = 1.99
SHORTEST_MEASURE_S: Final = 0.5


class Ticker:
    """Owner: the Worker; all on its loop."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self.lag = LagMeter()
        self._count = 0
        self._due = worker.clock() + TICK_S
        self._tapped_at = self._reported_at = worker.clock()
        self._senders: list[Seat] = []
        self._slots = SlotMeter()

    async def run(self) -> None:
        """Tick every 20 ms, or see that packets do."""
        worker, is_carried = self._worker, False
        while True:
            now, count = worker.clock(), self._count
            due = max(now, self._due + PATIENCE_S if is_carried else self._due)
            await asyncio.sleep(due - now)
            now = worker.clock()
            self.lag.add(now, now - due)
            is_carried = self._count != count
            self.carry(now)

    def carry(self, now: float) -> None:
        """Tick if it is time to; the worker is awake anyway."""
        if now < self._due:
            return
        self._due = self._due + TICK_S if now - self._due < MOST_BEHIND_S else now + TICK_S
        self._count += 1
        self.tick(self._count, now)
        self._worker.outbox.flush()

    def tick(self, count: int, now: float) -> None:
        """Tick number `count`: each duty has its rhythm, and each seat its turn."""
        worker = self._worker
        worker.mux.take_reports(now)
        seats = list(worker.seats.values())
        if count % 3 == 0:
            self._senders = [seat for seat in seats if seat.published]  # few of many, in a lecture
        self._tick_links(now, is_third=count % 3 == 0)
        for seat in seats[count % 20 :: 20]:  # each every 400 ms, never all in one tick
            if not seat.budget.needs_no_choice(now):
                seat.choose_layers(now)
        for seat in seats[count % TICKS_A_SECOND :: TICKS_A_SECOND]:
            self._measure(seat, now)
        if count % 5 == 0:
            for room in worker.rooms.values():
                room.update_speaker(now)
        if count % 12 == 0:
            for room in worker.rooms.values():
                room.tick(now)
            worker.drop_silent(now)
        self._report(now)

    def _tick_links(self, now: float, *, is_third: bool) -> None:
        """Repair and probes; every third time feedback and key frames; only of who has any."""
        worker = self._worker
        for seat in self._senders:
            seat.ask_repairs(now)
        for budget in list(worker.probing):
            budget.tick(now)
            if not budget.is_probing:
                worker.probing.discard(budget)
        for subscriber in list(worker.repeating):
            if subscriber.guard.times:
                subscriber.repeat_pictures(now)
            else:
                worker.repeating.discard(subscriber)
        if is_third:
            arrived, worker.arrived = worker.arrived, set()
            for seat in arrived:
                seat.send_feedback()
            for seat in self._senders:
                seat.publisher.tick(now)

    def _measure(self, seat: "Seat", now: float) -> None:
        """A seat's reports and figures, every second."""
        elapsed_s = now - seat.measured_at
        if elapsed_s < SHORTEST_MEASURE_S:
            return  # somebody left, and its turn came early
        seat.measured_at = now
        seat.send_reports(now)
        seat.publisher.measure(elapsed_s)
        quality = quality_of(figures(seat), is_connected=seat.is_connected)
        if quality is not seat.quality:
            self._worker.tell_quality(seat, quality)
        seat.room.explain(seat)

    def _report(self, now: float) -> None:
        """By the clock: a worker with too much to do ticks seldom, and must not look hung."""
        worker = self._worker
        if now - self._tapped_at >= MEASURE_EVERY_S:
            self._tapped_at = now
            worker.tap.tick(worker.rooms.values(), now)
        if now - self._reported_at >= REPORT_EVERY_S:
            self._reported_at = now
            worker.emit(replace(worker.report(), slots=self._slots.look(worker.seats, now)))
