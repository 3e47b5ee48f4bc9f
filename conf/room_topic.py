"""A room's topic: its changes, numbered and kept for browsers that missed some. Owner: the room."""

from collections import deque
from collections.abc import Callable
from typing import Any

from conf.model import RoomView
from conf.wire import differences
from core.changes import KEPT, Change
from core.clock import Clock
from core.ids import new_id

Deliver = Callable[[Change], None]


class RoomTopic:
    """Numbers belong to an epoch, which ends with the process: then only a snapshot helps."""

    def __init__(self, meeting_id: str, clock: Clock, deliver: Deliver) -> None:
        self.name = f"room:{meeting_id}"
        self.epoch = new_id()
        self.seq = 0
        self._clock = clock
        self._deliver = deliver
        self._kept: deque[Change] = deque(maxlen=KEPT)

    def publish(self, kind: str, data: dict[str, Any]) -> None:
        """One more change."""
        self.seq += 1
        change = Change(self.name, self.epoch, self.seq, kind, data, self._clock.now())
        self._kept.append(change)
        self._deliver(change)

    def show(self, before: RoomView, after: RoomView) -> None:
        """Publish what differs."""
        for kind, data in differences(before, after):
            self.publish(kind, data)

    def since(self, epoch: str, seq: int) -> list[Change] | None:
        """The changes after (`epoch`, `seq`); None where only a snapshot can help."""
        if epoch != self.epoch or not self.seq - len(self._kept) <= seq <= self.seq:
            return None
        return [change for change in self._kept if change.seq > seq]
