"""Tables of meetings, links, PINs, seats, presence, orders; the only file here with SQLAlchemy."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from conf.model import MeetingState, SiteRole
from core.database import Base, Json, UnitOfWork, UtcDateTime, enum_column


class MeetingRow(Base):
    """A meeting. `room_state`: what the chair has ordered, so that a restart keeps it."""

    __tablename__ = "meeting"
    __table_args__ = (
        Index(None, "state", "starts_at"),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_has_time"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    key: Mapped[str] = mapped_column(String(120), unique=True)
    title: Mapped[str] = mapped_column(String(120))
    unit_path: Mapped[str] = mapped_column(String(200))
    incident_id: Mapped[str | None] = mapped_column(String(26))
    is_drill: Mapped[bool]
    state: Mapped[MeetingState] = mapped_column(enum_column(MeetingState, "state"))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(60))
    room_state: Mapped[dict[str, Any]] = mapped_column(Json)
    node: Mapped[str | None] = mapped_column(String(26))
    node_url: Mapped[str | None] = mapped_column(String(200))
    node_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LinkRow(Base):
    """A join link: the token's hash, bound to meeting × site × role."""

    __tablename__ = "meeting_link"
    __table_args__ = (UniqueConstraint("meeting_id", "unit_id"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id", ondelete="CASCADE"))
    unit_id: Mapped[str] = mapped_column(String(26))
    site: Mapped[str] = mapped_column(String(80))
    role: Mapped[SiteRole] = mapped_column(enum_column(SiteRole, "role"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    valid_from: Mapped[datetime] = mapped_column(UtcDateTime)
    wrong_pins: Mapped[int] = mapped_column(default=0)
    locked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SitePinRow(Base):
    """A unit's own PIN, as an Argon2id hash; never part of an SMS with a link."""

    __tablename__ = "site_pin"

    unit_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    pin_hash: Mapped[str] = mapped_column(String(200))
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SiteCapRow(Base):
    """The ceilings of a unit's line, in every meeting; None: only everybody's limit."""

    __tablename__ = "site_cap"

    unit_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    max_up_bps: Mapped[int | None]
    max_down_bps: Mapped[int | None]
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SeatRow(Base):
    """A seat in a meeting: who may return to it, proven by the resume secret."""

    __tablename__ = "meeting_seat"
    __table_args__ = (UniqueConstraint("meeting_id", "seat_key"),)

    participant_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id", ondelete="CASCADE"))
    seat_key: Mapped[str] = mapped_column(String(60))
    unit_id: Mapped[str] = mapped_column(String(26))
    site: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[SiteRole] = mapped_column(enum_column(SiteRole, "role"))
    resume_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PresenceRow(Base):
    """One stay in the room: attendance is read from these, and survives everything."""

    __tablename__ = "meeting_presence"
    __table_args__ = (Index(None, "meeting_id", "joined_at"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id", ondelete="CASCADE"))
    participant_id: Mapped[str] = mapped_column(String(26))
    unit_id: Mapped[str] = mapped_column(String(26))
    site: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(80))
    joined_at: Mapped[datetime] = mapped_column(UtcDateTime)
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(40))


class OrderRow(Base):
    """Every chair order, stored before it is sent to the forwarder."""

    __tablename__ = "meeting_order"
    __table_args__ = (Index(None, "meeting_id", "version"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id", ondelete="CASCADE"))
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(30))
    target: Mapped[str | None] = mapped_column(String(26))
    value: Mapped[str | None] = mapped_column(String(60))
    ordered_by: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ChatRow(Base):
    """One line said in a meeting."""

    __tablename__ = "meeting_chat"
    __table_args__ = (Index(None, "meeting_id", "at"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id", ondelete="CASCADE"))
    participant_id: Mapped[str] = mapped_column(String(26))
    name: Mapped[str] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(String(1000))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


async def meeting(uow: UnitOfWork, meeting_id: str) -> MeetingRow | None:
    """One meeting, locked when the unit of work writes."""
    return await uow.session.get(MeetingRow, meeting_id, with_for_update=uow.writes or None)


async def renew_lease(
    uow: UnitOfWork, node: str, meeting_ids: Iterable[str], until: datetime
) -> None:
    """Hold these rooms for `node` until `until`."""
    await uow.session.execute(
        update(MeetingRow)
        .where(MeetingRow.id.in_(list(meeting_ids)), MeetingRow.node == node)
        .values(node_until=until)
    )


async def overdue(uow: UnitOfWork, before: datetime) -> list[str]:
    """Meetings that should have ended before then, and that no node holds a room of."""
    ids = await uow.session.scalars(
        select(MeetingRow.id).where(
            MeetingRow.state != MeetingState.ENDED,
            MeetingRow.ends_at < before,
            or_(MeetingRow.node_until.is_(None), MeetingRow.node_until < uow.now),
        )
    )
    return list(ids)


async def meeting_by_key(uow: UnitOfWork, key: str) -> MeetingRow | None:
    """The meeting ordered with this key."""
    found: MeetingRow | None = await uow.session.scalar(
        select(MeetingRow).where(MeetingRow.key == key)
    )
    return found


async def meetings(
    uow: UnitOfWork, scopes: Iterable[str], *, since: datetime, limit: int
) -> list[MeetingRow]:
    """Meetings of the units below `scopes` that end after `since`, next first."""
    reach = or_(*[MeetingRow.unit_path.startswith(scope, autoescape=True) for scope in scopes])
    rows = await uow.session.scalars(
        select(MeetingRow)
        .where(reach, MeetingRow.ends_at > since)
        .order_by(MeetingRow.starts_at)
        .limit(limit)
    )
    return list(rows)


async def invited(uow: UnitOfWork, unit_ids: Iterable[str], *, since: datetime) -> list[MeetingRow]:
    """Meetings these units are invited to."""
    rows = await uow.session.scalars(
        select(MeetingRow)
        .join(LinkRow, LinkRow.meeting_id == MeetingRow.id)
        .where(LinkRow.unit_id.in_(list(unit_ids)), MeetingRow.ends_at > since)
        .order_by(MeetingRow.starts_at)
        .limit(200)
    )
    return list(rows.unique())


async def links(uow: UnitOfWork, meeting_id: str) -> list[LinkRow]:
    """All links of a meeting, chair first, then by site."""
    rows = await uow.session.scalars(
        select(LinkRow).where(LinkRow.meeting_id == meeting_id).order_by(LinkRow.site)
    )
    return sorted(rows, key=lambda row: (not row.role.may_order, row.site))


async def link(uow: UnitOfWork, link_id: str) -> LinkRow | None:
    """One link, locked when the unit of work writes."""
    return await uow.session.get(LinkRow, link_id, with_for_update=uow.writes or None)


async def link_by_hash(uow: UnitOfWork, token_hash: str) -> LinkRow | None:
    """The link whose token has this hash."""
    found: LinkRow | None = await uow.session.scalar(
        select(LinkRow).where(LinkRow.token_hash == token_hash)
    )
    return found


async def pin(uow: UnitOfWork, unit_id: str) -> SitePinRow | None:
    """A unit's PIN."""
    return await uow.session.get(SitePinRow, unit_id)


async def site_caps(uow: UnitOfWork, unit_ids: Iterable[str]) -> list[SiteCapRow]:
    """The ceilings of those units that have any."""
    rows = await uow.session.scalars(select(SiteCapRow).where(SiteCapRow.unit_id.in_(unit_ids)))
    return list(rows)


async def seat(uow: UnitOfWork, meeting_id: str, seat_key: str) -> SeatRow | None:
    """The seat of a link or a user in a meeting."""
    found: SeatRow | None = await uow.session.scalar(
        select(SeatRow).where(SeatRow.meeting_id == meeting_id, SeatRow.seat_key == seat_key)
    )
    return found


async def seat_by_id(uow: UnitOfWork, participant_id: str) -> SeatRow | None:
    """One seat."""
    return await uow.session.get(SeatRow, participant_id)


async def open_stays(
    uow: UnitOfWork, meeting_id: str, participant_id: str | None = None
) -> list[PresenceRow]:
    """Stays without an end: of one participant, or of the whole meeting."""
    statement = select(PresenceRow).where(
        PresenceRow.meeting_id == meeting_id, PresenceRow.left_at.is_(None)
    )
    if participant_id is not None:
        statement = statement.where(PresenceRow.participant_id == participant_id)
    return list(await uow.session.scalars(statement))


async def stays(uow: UnitOfWork, meeting_id: str) -> list[PresenceRow]:
    """The attendance of a meeting, in order of joining."""
    rows = await uow.session.scalars(
        select(PresenceRow)
        .where(PresenceRow.meeting_id == meeting_id)
        .order_by(PresenceRow.joined_at)
    )
    return list(rows)


async def chat(uow: UnitOfWork, meeting_id: str, limit: int = 200) -> list[ChatRow]:
    """The last lines said, oldest first."""
    rows = await uow.session.scalars(
        select(ChatRow)
        .where(ChatRow.meeting_id == meeting_id)
        .order_by(ChatRow.at.desc())
        .limit(limit)
    )
    return list(rows)[::-1]
