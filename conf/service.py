"""The conference's face: `Meetings` stores meetings and links; `conf.rooms.Rooms` runs them."""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from conf import links, store
from conf.model import (
    LineCaps,
    Link,
    MeetingOrder,
    MeetingState,
    OpenedMeeting,
    SiteInvite,
    SiteRole,
)
from conf.store import LinkRow, MeetingRow, PresenceRow, SiteCapRow, SitePinRow
from core import changes, events
from core.database import UnitOfWork
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound
from core.events import Event
from core.ids import MeetingId, UnitId, new_id

MAX_SITES = 200
WRONG_PINS_ALLOWED = 5
VALID_BEFORE = timedelta(hours=24)
LONGEST_MEETING = timedelta(hours=24)
LEAST_CAP_BPS = 64_000
MOST_CAP_BPS = 100_000_000

HashPin = Callable[[str], Awaitable[str]]
VerifyPin = Callable[[str | None, str], Awaitable[bool]]


@dataclass(frozen=True)
class MeetingOpened(Event):
    """A meeting has been stored."""

    meeting_id: str
    incident_id: str | None
    at: datetime


@dataclass(frozen=True)
class MeetingEnded(Event):
    """The chair ended it, its incident was closed, or its time was over and nobody was left."""

    meeting_id: str
    incident_id: str | None
    at: datetime


@dataclass(frozen=True)
class MeetingView:
    """A meeting as lists show it."""

    id: MeetingId
    title: str
    unit_path: str
    incident_id: str | None
    is_drill: bool
    state: MeetingState
    starts_at: datetime
    ends_at: datetime


class Meetings:
    """Stores meetings, links, PINs; every call acts in the caller's transaction."""

    def __init__(self, hash_pin: HashPin, verify_pin: VerifyPin) -> None:
        """`hash_pin`, `verify_pin`: Argon2id off the loop (core.auth.passwords)."""
        self._hash_pin = hash_pin
        self._verify_pin = verify_pin

    async def open(self, uow: UnitOfWork, order: MeetingOrder) -> OpenedMeeting:
        """Store a meeting and one link per site; the same key gives the same meeting, new links.

        Tokens are stored as hashes only, so they can be told once: now.
        Raises: InvalidInput.
        """
        _check(order)
        known = await store.meeting_by_key(uow, order.key)
        if known is not None:
            return await self._renew_links(uow, known)
        row = MeetingRow(
            id=new_id(), key=order.key, title=order.title.strip(), unit_path=order.unit_path,
            incident_id=order.incident_id, is_drill=order.is_drill, state=MeetingState.SCHEDULED,
            starts_at=order.starts_at, ends_at=order.ends_at, created_at=uow.now,
            created_by=order.opened_by, room_state={},
        )  # fmt: skip
        if order.starts_at <= uow.now:
            row.state = MeetingState.OPEN
        uow.session.add(row)
        await uow.session.flush()
        paths = {site.unit_id: self._add_link(uow, row, site) for site in order.sites}
        await events.record(uow, MeetingOpened(row.id, row.incident_id, at=uow.now))
        await changes.publish(uow, "meetings", "meeting.opened", {"meeting_id": row.id})
        return OpenedMeeting(MeetingId(row.id), paths)

    def _add_link(self, uow: UnitOfWork, row: MeetingRow, site: SiteInvite) -> str:
        token = links.new_token()
        uow.session.add(
            LinkRow(
                id=new_id(), meeting_id=row.id, unit_id=site.unit_id, site=site.name,
                role=site.role, token_hash=links.hash_token(token),
                valid_from=row.starts_at - VALID_BEFORE,
            )
        )  # fmt: skip
        return links.path_of(token)

    async def _renew_links(self, uow: UnitOfWork, row: MeetingRow) -> OpenedMeeting:
        paths: dict[UnitId, str] = {}
        for link in await store.links(uow, row.id):
            token = links.new_token()
            link.token_hash = links.hash_token(token)
            paths[UnitId(link.unit_id)] = links.path_of(token)
        return OpenedMeeting(MeetingId(row.id), paths)

    async def new_link(self, uow: UnitOfWork, link_id: str) -> str:
        """Replace a link's token; the old one is dead at once. Returns: the new path."""
        row = await self._link_row(uow, link_id)
        token = links.new_token()
        row.token_hash, row.wrong_pins, row.locked_at = links.hash_token(token), 0, None
        row.revoked_at = None
        return links.path_of(token)

    async def revoke_link(self, uow: UnitOfWork, link_id: str) -> None:
        """Nobody can join with this link any more; idempotent."""
        row = await self._link_row(uow, link_id)
        row.revoked_at = row.revoked_at or uow.now

    async def unlock_link(self, uow: UnitOfWork, meeting_id: str, link_id: str) -> None:
        """The chair lets a link of his meeting be tried again after five wrong PINs."""
        row = await self._link_row(uow, link_id)
        if row.meeting_id != meeting_id:
            raise NotFound("there is no such link")
        row.wrong_pins, row.locked_at = 0, None

    async def resolve(self, uow: UnitOfWork, token: str) -> Link:
        """What a token opens now.

        Raises: NotFound: unknown or revoked; NotAllowed: locked; Conflict: too early or over.
        """
        row = await store.link_by_hash(uow, links.hash_token(token))
        if row is None or row.revoked_at is not None or not links.is_token(token):
            raise NotFound("this link is not valid; ask for a new one", code="link_unknown")
        if row.locked_at is not None:
            raise NotAllowed(
                "too many wrong PINs; the chair can unlock this link", code="link_locked"
            )
        meeting = await self._row(uow, MeetingId(row.meeting_id))
        if uow.now < row.valid_from:
            raise Conflict("this link is valid from 24 hours before the meeting", code="too_early")
        if meeting.state is MeetingState.ENDED or uow.now >= meeting.ends_at:
            raise Conflict("this meeting is over", code="meeting_over")
        return Link(row.id, MeetingId(row.meeting_id), UnitId(row.unit_id), row.site, row.role)

    async def needs_pin(self, uow: UnitOfWork, unit_id: str) -> bool:
        """Whether this unit has a PIN."""
        return await store.pin(uow, unit_id) is not None

    async def check_pin(self, uow: UnitOfWork, link: Link, pin: str | None) -> bool:
        """Whether `pin` is the unit's; a wrong one counts, the fifth locks the link.

        The caller must commit before refusing, or the count is lost.
        """
        stored = await store.pin(uow, link.unit_id)
        if stored is None:
            return True
        if pin and await self._verify_pin(stored.pin_hash, pin):
            return True
        row = await self._link_row(uow, link.id)
        if pin:
            row.wrong_pins += 1
        if row.wrong_pins >= WRONG_PINS_ALLOWED:
            row.locked_at = uow.now
        return False

    async def holds_seat(self, uow: UnitOfWork, link: Link, resume: str | None) -> bool:
        """Whether `resume` is the secret of the seat this link took before."""
        if resume is None:
            return False
        row = await store.seat(uow, link.meeting_id, links.seat_key(link.id))
        return row is not None and secrets.compare_digest(links.hash_token(resume), row.resume_hash)

    async def is_removed(self, uow: UnitOfWork, meeting_id: str, link_id: str) -> bool:
        """Whether the chair has put this link's site out of the meeting."""
        row = await store.seat(uow, MeetingId(meeting_id), links.seat_key(link_id))
        return row is not None and row.removed_at is not None

    async def set_pin(self, uow: UnitOfWork, unit_id: str, pin: str | None = None) -> str:
        """Give a unit its PIN, a random one by default. Returns: the PIN, to be told once."""
        pin = pin or f"{secrets.randbelow(1_000_000):06d}"
        if not links.is_pin(pin):
            raise InvalidInput("a PIN is six digits", field="pin")
        row = await store.pin(uow, unit_id)
        if row is None:
            row = SitePinRow(unit_id=unit_id)
            uow.session.add(row)
        row.pin_hash, row.set_at = await self._hash_pin(pin), uow.now
        return pin

    async def set_caps(self, uow: UnitOfWork, unit_id: str, caps: LineCaps) -> None:
        """Hold a unit's line to these ceilings in every meeting. Raises: InvalidInput."""
        for name, bps in (("max_up_bps", caps.max_up_bps), ("max_down_bps", caps.max_down_bps)):
            if bps is not None and not LEAST_CAP_BPS <= bps <= MOST_CAP_BPS:
                raise InvalidInput("between 64 kbit/s and 100 Mbit/s", field=name)
        row = next(iter(await store.site_caps(uow, [unit_id])), None)
        if row is None:
            row = SiteCapRow(unit_id=unit_id)
            uow.session.add(row)
        row.max_up_bps, row.max_down_bps, row.set_at = caps.max_up_bps, caps.max_down_bps, uow.now

    async def caps(self, uow: UnitOfWork, unit_ids: Iterable[str]) -> dict[str, LineCaps]:
        """The ceilings of those units that have any."""
        rows = await store.site_caps(uow, unit_ids)
        return {row.unit_id: LineCaps(row.max_up_bps, row.max_down_bps) for row in rows}

    async def meeting(self, uow: UnitOfWork, meeting_id: str) -> MeetingView:
        """One meeting. Raises: NotFound."""
        return _view(await self._row(uow, MeetingId(meeting_id)))

    async def meetings(
        self, uow: UnitOfWork, scopes: tuple[str, ...], *, since: datetime, limit: int = 100
    ) -> list[MeetingView]:
        """Meetings below `scopes` that end after `since`, next first."""
        return [_view(row) for row in await store.meetings(uow, scopes, since=since, limit=limit)]

    async def invited(
        self, uow: UnitOfWork, unit_ids: tuple[str, ...], *, since: datetime
    ) -> list[MeetingView]:
        """Meetings these units are invited to."""
        return [_view(row) for row in await store.invited(uow, unit_ids, since=since)]

    async def sites(self, uow: UnitOfWork, meeting_id: str) -> list[LinkRow]:
        """The invited sites with the state of their links."""
        return await store.links(uow, meeting_id)

    async def attendance(self, uow: UnitOfWork, meeting_id: str) -> list[PresenceRow]:
        """Who was there from when to when."""
        return await store.stays(uow, meeting_id)

    async def save_room(self, uow: UnitOfWork, meeting_id: str, state: dict[str, Any]) -> None:
        """Store what the chair has ordered so far."""
        row = await self._row(uow, MeetingId(meeting_id))
        row.room_state = state

    async def end(self, uow: UnitOfWork, meeting_id: str) -> bool:
        """The meeting is over; its links open nothing any more, its room closes after the commit.

        Returns: False where it was over before.
        """
        row = await self._row(uow, MeetingId(meeting_id))
        if row.state is MeetingState.ENDED:
            return False
        row.state, row.ended_at = MeetingState.ENDED, uow.now
        for stay in await store.open_stays(uow, meeting_id):
            stay.left_at, stay.reason = uow.now, "ended"
        await events.record(uow, MeetingEnded(row.id, row.incident_id, at=uow.now))
        await changes.publish(uow, "meetings", "meeting.ended", {"meeting_id": row.id})
        return True

    async def _row(self, uow: UnitOfWork, meeting_id: MeetingId) -> MeetingRow:
        row = await store.meeting(uow, meeting_id)
        if row is None:
            raise NotFound("there is no such meeting")
        return row

    async def _link_row(self, uow: UnitOfWork, link_id: str) -> LinkRow:
        row = await store.link(uow, link_id)
        if row is None:
            raise NotFound("there is no such link")
        return row


def _check(order: MeetingOrder) -> None:
    if not order.title.strip() or len(order.title) > 120:
        raise InvalidInput("a title of 1 to 120 characters", field="title")
    if not order.sites or len(order.sites) > MAX_SITES:
        raise InvalidInput(f"1 to {MAX_SITES} sites", field="sites")
    if any(site.role is SiteRole.CAMERA for site in order.sites):
        raise InvalidInput("a camera is brought in, not invited", field="sites")
    if len({site.unit_id for site in order.sites}) != len(order.sites):
        raise InvalidInput("a unit is invited twice", field="sites")
    if not timedelta(0) < order.ends_at - order.starts_at <= LONGEST_MEETING:
        raise InvalidInput("it must end after it starts, within 24 hours", field="ends_at")


def _view(row: MeetingRow) -> MeetingView:
    return MeetingView(
        MeetingId(row.id), row.title, row.unit_path, row.incident_id, row.is_drill, row.state,
        row.starts_at, row.ends_at,
    )  # fmt: skip
