"""Who gets which seat: rows of seats and stays, and what lets somebody return to one.

Called by the room's owner in its turn; each call is one transaction.
"""

import secrets
from dataclasses import dataclass

from conf import links, store
from conf.media import model as media
from conf.model import LineCaps, Link, MeetingState, RoomView, Seat, SiteRole
from conf.service import Meetings
from conf.store import PresenceRow, SeatRow
from core.database import Database
from core.errors import Conflict, NotAllowed
from core.ids import ParticipantId, new_id


@dataclass(frozen=True)
class Applicant:
    """Who asks for a seat: a link holder, or a signed-in user (`user_id`)."""

    unit_id: str
    site: str
    name: str
    role: SiteRole
    link: Link | None = None
    user_id: str | None = None

    @property
    def seat_key(self) -> str:
        return links.seat_key(self.link.id) if self.link else f"user:{self.user_id}"


@dataclass(frozen=True)
class Joined:
    """What a successful join gives back. `resume`: the secret that brings the seat back."""

    participant_id: ParticipantId
    resume: str
    answer: str
    slots: tuple[media.Slot, ...]


class Seating:
    """The seats of one meeting."""

    def __init__(self, meeting_id: str, database: Database, meetings: Meetings) -> None:
        self._meeting_id = meeting_id
        self._meetings = meetings
        self._database = database

    async def take(
        self, state: RoomView, applicant: Applicant, resume: str | None
    ) -> tuple[Seat, str]:
        """The applicant's seat, and its new secret. Raises: Conflict, NotAllowed."""
        async with self._database.write() as uow:
            row = await store.seat(uow, self._meeting_id, applicant.seat_key)
            if row is None:
                if state.is_locked and not applicant.role.may_order:
                    raise Conflict("the meeting is locked", code="room_locked")
                row = SeatRow(
                    participant_id=new_id(), meeting_id=self._meeting_id,
                    seat_key=applicant.seat_key, unit_id=applicant.unit_id, site=applicant.site,
                    created_at=uow.now,
                )  # fmt: skip
                uow.session.add(row)
            else:
                _check_return(state, row, resume)
            secret = secrets.token_urlsafe(24)
            row.resume_hash = links.hash_token(secret)
            row.name, row.role = applicant.name, applicant.role
            for stay in await store.open_stays(uow, self._meeting_id, row.participant_id):
                stay.left_at, stay.reason = uow.now, "rejoined"
            uow.session.add(
                PresenceRow(
                    id=new_id(), meeting_id=self._meeting_id, participant_id=row.participant_id,
                    unit_id=row.unit_id, site=row.site, name=row.name, joined_at=uow.now,
                )
            )  # fmt: skip
            meeting = await store.meeting(uow, self._meeting_id)
            if meeting is not None and meeting.state is MeetingState.SCHEDULED:
                meeting.state = MeetingState.OPEN
            caps = await self._meetings.caps(uow, [row.unit_id])
            seat = Seat(
                ParticipantId(row.participant_id), row.unit_id, row.site, row.name, row.role,
                joined_at=uow.now, caps=caps.get(row.unit_id, LineCaps()),
            )  # fmt: skip
        return seat, secret

    async def caps(self, state: RoomView) -> dict[str, LineCaps]:
        """The ceilings of the units present."""
        async with self._database.read() as uow:
            return await self._meetings.caps(uow, {seat.unit_id for seat in state.seats.values()})

    async def staying(self) -> set[ParticipantId]:
        """Whose stay has not ended."""
        async with self._database.read() as uow:
            stays = await store.open_stays(uow, self._meeting_id)
            return {ParticipantId(stay.participant_id) for stay in stays}

    async def end_stay(self, participant_id: ParticipantId, reason: str) -> None:
        """The stay is over; idempotent."""
        async with self._database.write() as uow:
            for stay in await store.open_stays(uow, self._meeting_id, participant_id):
                stay.left_at, stay.reason = uow.now, reason


def _check_return(state: RoomView, row: SeatRow, resume: str | None) -> None:
    """May this seat be taken (again)? A seat in use needs its secret or the chair's consent."""
    if row.removed_at is not None:
        raise NotAllowed("the chair has removed this site from the meeting", code="removed")
    if resume is not None and secrets.compare_digest(links.hash_token(resume), row.resume_hash):
        return
    seat = state.seats.get(ParticipantId(row.participant_id))
    if seat is not None and seat.is_connected and not seat.may_be_taken:
        raise Conflict(
            "this site is already in the meeting; the chair can let you take its place",
            code="seat_taken",
        )
