"""The connected pages of one room: who is reached where, and who has been away. Owner: the room."""

from collections.abc import Awaitable, Callable
from typing import Any

from core.clock import Clock
from core.ids import ParticipantId

Emit = Callable[[str, dict[str, Any]], Awaitable[None]]

GONE_AFTER_S = 90.0
"""A seat whose browser has been away so long leaves the media; it can still be taken again."""


class Pages:
    """One page a seat: the newest connection holds it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._emits: dict[ParticipantId, tuple[object, Emit]] = {}
        self._away: dict[ParticipantId, float] = {}

    def __bool__(self) -> bool:
        """Is anybody's page connected?"""
        return bool(self._emits)

    def __contains__(self, participant_id: ParticipantId) -> bool:
        """Is its page connected?"""
        return participant_id in self._emits

    async def enter(self, participant_id: ParticipantId, connection: object, emit: Emit) -> None:
        """A page holds the seat now; the one that held it is told, if it is another."""
        earlier = self._emits.get(participant_id)
        self._emits[participant_id] = (connection, emit)
        self._away.pop(participant_id, None)
        if earlier is not None and earlier[0] is not connection:
            await earlier[1]("room.removed", {"reason": "taken_over"})

    def lose(self, participant_id: ParticipantId, connection: object) -> bool:
        """A connection has gone; False when a newer one holds the seat."""
        if self._emits.get(participant_id, (None,))[0] is not connection:
            return False
        del self._emits[participant_id]
        return True

    def miss(self, participant_id: ParticipantId) -> None:
        """Its seat waits from now on."""
        self._away[participant_id] = self._clock.monotonic()

    def gone(self) -> list[ParticipantId]:
        """Whose page has been away too long."""
        now = self._clock.monotonic()
        return [key for key, since in self._away.items() if now - since >= GONE_AFTER_S]

    def forget(self, participant_id: ParticipantId) -> None:
        """It has left; idempotent."""
        self._emits.pop(participant_id, None)
        self._away.pop(participant_id, None)

    async def emit(self, participant_id: ParticipantId, event: str, data: dict[str, Any]) -> None:
        """Tell one page, if it is there."""
        if participant_id in self._emits:
            await self._emits[participant_id][1](event, data)

    async def emit_all(self, event: str, data: dict[str, Any]) -> None:
        """Tell each."""
        for participant_id in list(self._emits):
            await self.emit(participant_id, event, data)

    async def dismiss(self, reason: str) -> None:
        """Tell each that it is out, and reach none any more."""
        await self.emit_all("room.removed", {"reason": reason})
        self._emits.clear()
