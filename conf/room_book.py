"""What a room writes down: orders with their audit, its state, what was said. One transaction each.

Called by the room's owner in its turn, as `conf.seating` is.
"""

from conf import store
from conf.model import ChatLine, MeetingState, Order, OrderKind, RoomView
from conf.ports import RoomAudit
from conf.service import Meetings
from conf.store import ChatRow, OrderRow
from conf.wire import state_to_store
from core.database import Database, UnitOfWork
from core.ids import MeetingId, new_id


class RoomBook:
    """The rows of one meeting that its room writes."""

    def __init__(
        self, meeting_id: MeetingId, database: Database, meetings: Meetings, audit: RoomAudit
    ) -> None:
        self._meeting_id = meeting_id
        self._database = database
        self._meetings = meetings
        self._audit = audit

    async def order(self, state: RoomView, order: Order, by: str, by_name: str) -> None:
        """An order, the state it leads to, and all it changes in other rows."""
        async with self._database.write() as uow:
            uow.session.add(
                OrderRow(
                    id=new_id(), meeting_id=self._meeting_id, version=state.version,
                    kind=order.kind.value, target=order.target, value=order.value, ordered_by=by,
                    at=uow.now,
                )
            )  # fmt: skip
            await self._meetings.save_room(uow, self._meeting_id, state_to_store(state))
            await self._follow(uow, state, order)
            await self._audit.ordered(uow, self._meeting_id, order, by, by_name)

    async def _follow(self, uow: UnitOfWork, state: RoomView, order: Order) -> None:
        if order.kind is OrderKind.UNLOCK_TOKEN and order.value:
            await self._meetings.unlock_link(uow, self._meeting_id, order.value)
        if order.kind is OrderKind.REMOVE and order.target:
            row = await store.seat_by_id(uow, order.target)
            if row is not None:
                row.removed_at = uow.now
        if order.kind is OrderKind.EXTEND:
            meeting = await store.meeting(uow, self._meeting_id)
            if meeting is not None:
                meeting.ends_at = state.ends_at

    async def save(self, state: RoomView) -> None:
        """The state, changed by something else than an order."""
        async with self._database.write() as uow:
            await self._meetings.save_room(uow, self._meeting_id, state_to_store(state))

    async def said(self, line: ChatLine) -> None:
        """A chat line."""
        async with self._database.write() as uow:
            uow.session.add(
                ChatRow(
                    id=new_id(), meeting_id=self._meeting_id, participant_id=line.participant_id,
                    name=line.name, text=line.text, at=line.at,
                )
            )  # fmt: skip

    async def is_over(self) -> bool:
        """Whether the meeting has ended by other means than the room's own."""
        async with self._database.read() as uow:
            meeting = await self._meetings.meeting(uow, self._meeting_id)
        return meeting.state is MeetingState.ENDED

    async def end(self) -> None:
        """The meeting is over."""
        async with self._database.write() as uow:
            await self._meetings.end(uow, self._meeting_id)
