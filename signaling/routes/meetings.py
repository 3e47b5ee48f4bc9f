"""Meetings over REST: lists, links, attendance, orders from the console."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, Field

from conf.links import is_token
from conf.model import (
    LineCaps,
    Link,
    MeetingOrder,
    MeetingState,
    Order,
    OrderKind,
    SiteInvite,
    SiteRole,
)
from conf.service import LEAST_CAP_BPS, MOST_CAP_BPS, MeetingView
from core.auth.model import Permission, Principal, allows, is_within, reach, require
from core.database import UnitOfWork
from core.errors import InvalidInput, NotAllowed, NotFound
from core.ids import ParticipantId, UnitId
from core.signals import SESSION_ENDED
from signaling.api import ApiModel, Empty
from signaling.context import AppContext
from signaling.http import Request, Route
from signaling.protocol import (
    RoomOrder,
)

_LISTED_SINCE = timedelta(days=7)


class MeetingQuery(ApiModel):
    """Meetings that end after `since` (default: seven days ago)."""

    since: AwareDatetime | None = None


class Meeting(ApiModel):
    """A meeting in a list."""

    id: str
    title: str
    incident_id: str | None
    is_drill: bool
    state: MeetingState
    starts_at: datetime
    ends_at: datetime
    may_chair: bool


class MeetingList(ApiModel):
    """Next first."""

    items: tuple[Meeting, ...]


class Caps(ApiModel):
    """Ceilings of a unit's line in every meeting, bits per second; null: only everybody's limit."""

    max_up_bps: int | None = Field(default=None, ge=LEAST_CAP_BPS, le=MOST_CAP_BPS)
    max_down_bps: int | None = Field(default=None, ge=LEAST_CAP_BPS, le=MOST_CAP_BPS)


class Site(ApiModel):
    """An invited site. `path`: its join link, only when it has just been made."""

    link_id: str
    unit_id: str
    name: str
    role: SiteRole
    is_locked: bool
    is_revoked: bool
    caps: Caps
    path: str | None = None


class Stay(ApiModel):
    """One stay in the room; `left_at` None: still there."""

    participant_id: str
    unit_id: str
    site: str
    name: str
    joined_at: datetime
    left_at: datetime | None
    reason: str | None


class MeetingDetail(ApiModel):
    """A meeting with its sites and who was there."""

    meeting: Meeting
    sites: tuple[Site, ...]
    attendance: tuple[Stay, ...]


class NewSite(ApiModel):
    """A unit to invite."""

    unit_id: str = Field(min_length=1, max_length=26)
    role: SiteRole = SiteRole.SITE


class NewMeeting(ApiModel):
    """A meeting to schedule. `key`: chosen by the page, so that a second click changes nothing."""

    key: str = Field(min_length=8, max_length=100)
    title: str = Field(min_length=1, max_length=120)
    unit_id: str = Field(min_length=1, max_length=26)
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    sites: tuple[NewSite, ...] = Field(min_length=1, max_length=200)


class NewLink(ApiModel):
    """A fresh join link; the old one is dead."""

    path: str


class LinkInfo(ApiModel):
    """What the join page shows before anybody joins."""

    title: str
    site: str
    role: SiteRole
    starts_at: datetime
    ends_at: datetime
    needs_pin: bool


class NewPin(ApiModel):
    """A unit's PIN, shown once."""

    pin: str


# -- access ------------------------------------------------------------------------------------


async def access_meeting(
    uow: UnitOfWork, app: AppContext, principal: Principal, meeting_id: str, needed: Permission
) -> MeetingView:
    """The meeting, if the principal holds `needed` where it belongs, or is of an invited unit.

    Raises: NotFound, NotAllowed.
    """
    meeting: MeetingView = await app.meetings.meeting(uow, meeting_id)
    if allows(principal, needed, meeting.unit_path):
        return meeting
    if needed in (Permission.MEETING_READ, Permission.MEETING_JOIN):
        require(principal, needed)
        own = reach(principal, needed)
        sites = await app.meetings.sites(uow, meeting_id)
        units = await app.directory.units(uow, [UnitId(site.unit_id) for site in sites])
        if any(is_within(unit.path, own) for unit in units):
            return meeting
    raise NotAllowed("this meeting is out of your reach")


def _meeting(view: MeetingView, principal: Principal) -> Meeting:
    return Meeting(
        id=view.id, title=view.title, incident_id=view.incident_id, is_drill=view.is_drill,
        state=view.state, starts_at=view.starts_at, ends_at=view.ends_at,
        may_chair=allows(principal, Permission.MEETING_CHAIR, view.unit_path),
    )  # fmt: skip


# -- REST --------------------------------------------------------------------------------------


async def list_meetings(request: Request[MeetingQuery, None]) -> MeetingList:
    """Meetings of the units in reach, and those units in reach are invited to."""
    since = request.query.since or request.app.clock.now() - _LISTED_SINCE
    scopes = reach(request.principal, Permission.MEETING_READ)
    async with request.read() as uow:
        own = await request.app.meetings.meetings(uow, scopes, since=since)
        units = await request.app.directory.units_below(uow, scopes)
        unit_ids = tuple(unit.id for unit in units)
        invited = await request.app.meetings.invited(uow, unit_ids, since=since)
    found = {view.id: view for view in (*own, *invited)}
    ordered = sorted(found.values(), key=lambda view: view.starts_at)
    return MeetingList(items=tuple(_meeting(view, request.principal) for view in ordered))


async def show_meeting(request: Request[None, None]) -> MeetingDetail:
    """One meeting with sites and attendance."""
    meeting_id = request.path["meeting_id"]
    async with request.read() as uow:
        view = await access_meeting(
            uow, request.app, request.principal, meeting_id, Permission.MEETING_READ
        )
        sites = await request.app.meetings.sites(uow, meeting_id)
        stays = await request.app.meetings.attendance(uow, meeting_id)
        caps = await request.app.meetings.caps(uow, {site.unit_id for site in sites})
    return MeetingDetail(
        meeting=_meeting(view, request.principal),
        sites=tuple(_site(site, caps.get(site.unit_id)) for site in sites),
        attendance=tuple(
            Stay(
                participant_id=stay.participant_id, unit_id=stay.unit_id, site=stay.site,
                name=stay.name, joined_at=stay.joined_at, left_at=stay.left_at, reason=stay.reason,
            )
            for stay in stays
        ),
    )  # fmt: skip


async def create_meeting(request: Request[None, NewMeeting]) -> MeetingDetail:
    """Schedule a meeting; the links are shown in this answer only."""
    body, app = request.body, request.app
    async with request.write() as uow:
        unit = await app.directory.unit(uow, UnitId(body.unit_id))
        request.require(Permission.MEETING_MANAGE, unit.path)
        units = await app.directory.units(uow, [UnitId(site.unit_id) for site in body.sites])
        names = {unit.id: unit.name for unit in units}
        missing = [site.unit_id for site in body.sites if site.unit_id not in names]
        if missing:
            raise InvalidInput(f"no such unit: {missing[0]}", field="sites")
        order = MeetingOrder(
            key=f"user:{request.principal.user_id}:{body.key}", title=body.title,
            unit_path=unit.path, starts_at=body.starts_at, ends_at=body.ends_at,
            sites=tuple(
                SiteInvite(UnitId(site.unit_id), names[UnitId(site.unit_id)], site.role)
                for site in body.sites
            ),
            opened_by=request.principal.user_id,
        )  # fmt: skip
        opened = await app.meetings.open(uow, order)
        await app.audit.append(
            uow, actor=request.principal.actor, action="meeting.create",
            target=f"meeting:{opened.meeting_id}", detail={"title": body.title},
        )  # fmt: skip
        await uow.session.flush()
        view = await app.meetings.meeting(uow, opened.meeting_id)
        sites = await app.meetings.sites(uow, opened.meeting_id)
        caps = await app.meetings.caps(uow, {site.unit_id for site in sites})
    return MeetingDetail(
        meeting=_meeting(view, request.principal),
        sites=tuple(
            _site(site, caps.get(site.unit_id), opened.paths.get(UnitId(site.unit_id)))
            for site in sites
        ),
        attendance=(),
    )


def _site(site: Any, caps: LineCaps | None, path: str | None = None) -> Site:
    held = Caps(max_up_bps=caps.max_up_bps, max_down_bps=caps.max_down_bps) if caps else Caps()
    return Site(
        link_id=site.id, unit_id=site.unit_id, name=site.site, role=site.role,
        is_locked=site.locked_at is not None, is_revoked=site.revoked_at is not None, caps=held,
        path=path,
    )  # fmt: skip


async def renew_link(request: Request[None, Empty]) -> NewLink:
    """A new join link for one site."""
    meeting_id, link_id = request.path["meeting_id"], request.path["link_id"]
    async with request.write() as uow:
        await _manage(uow, request, meeting_id, link_id)
        path = await request.app.meetings.new_link(uow, link_id)
        await _audit_link(uow, request, "meeting.renew_link", link_id)
        uow.signal(SESSION_ENDED, None)  # who sits there by the old link is put out at once
    return NewLink(path=path)


async def revoke_link(request: Request[None, None]) -> None:
    """Nobody joins with this link any more."""
    meeting_id, link_id = request.path["meeting_id"], request.path["link_id"]
    async with request.write() as uow:
        await _manage(uow, request, meeting_id, link_id)
        await request.app.meetings.revoke_link(uow, link_id)
        await _audit_link(uow, request, "meeting.revoke_link", link_id)
        uow.signal(SESSION_ENDED, None)  # who sits there by the old link is put out at once


async def _manage(
    uow: UnitOfWork, request: Request[Any, Any], meeting_id: str, link_id: str
) -> None:
    await access_meeting(uow, request.app, request.principal, meeting_id, Permission.MEETING_MANAGE)
    sites = await request.app.meetings.sites(uow, meeting_id)
    if link_id not in {site.id for site in sites}:
        raise NotFound("there is no such link")


async def _audit_link(
    uow: UnitOfWork, request: Request[Any, Any], action: str, link_id: str
) -> None:
    await request.app.audit.append(
        uow, actor=request.principal.actor, action=action, target=f"link:{link_id}"
    )


async def order_from_outside(request: Request[None, RoomOrder]) -> None:
    """A chair's order from the console."""
    meeting_id = request.path["meeting_id"]
    async with request.read() as uow:
        await access_meeting(
            uow, request.app, request.principal, meeting_id, Permission.MEETING_CHAIR
        )
    await request.app.rooms.order(
        meeting_id, order_of(request.body), request.principal.user_id, request.principal.name
    )


def order_of(data: RoomOrder) -> Order:
    """The order a message carries."""
    target = ParticipantId(data.target) if data.target else None
    return Order(OrderKind(data.order), target, data.value)


async def link_info(request: Request[None, None]) -> LinkInfo:
    """What a join link opens; tells nothing about a token that is not valid."""
    token = request.path["token"]
    async with request.read() as uow:
        link = await resolved(request.app, uow, token)
        meeting = await request.app.meetings.meeting(uow, link.meeting_id)
        needs_pin = await request.app.meetings.needs_pin(uow, link.unit_id)
    return LinkInfo(
        title=meeting.title, site=link.site, role=link.role, starts_at=meeting.starts_at,
        ends_at=meeting.ends_at, needs_pin=needs_pin,
    )  # fmt: skip


async def resolved(app: AppContext, uow: UnitOfWork, token: str) -> Link:
    if not is_token(token):
        raise NotFound("this link is not valid; ask for a new one", code="link_unknown")
    link: Link = await app.meetings.resolve(uow, token)
    return link


async def set_pin(request: Request[None, Empty]) -> NewPin:
    """Give a unit a new PIN; it is shown once."""
    async with request.write() as uow:
        unit = await request.app.directory.unit(uow, UnitId(request.path["unit_id"]))
        request.require(Permission.MEETING_MANAGE, unit.path)
        pin = await request.app.meetings.set_pin(uow, unit.id)
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="unit.set_pin", target=f"unit:{unit.id}"
        )
    return NewPin(pin=pin)


async def set_caps(request: Request[None, Caps]) -> Caps:
    """Hold a unit's line to ceilings, in meetings under way too."""
    body = request.body
    async with request.write() as uow:
        unit = await request.app.directory.unit(uow, UnitId(request.path["unit_id"]))
        request.require(Permission.LINE_MANAGE, unit.path)
        caps = LineCaps(body.max_up_bps, body.max_down_bps)
        await request.app.meetings.set_caps(uow, unit.id, caps)
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="unit.set_line_caps",
            target=f"unit:{unit.id}", detail=body.model_dump(),
        )  # fmt: skip
    request.app.rooms.recap()
    return body


_MEETINGS = "/api/v1/meetings"
ROUTES = [
    Route("GET", _MEETINGS, list_meetings, permission=Permission.MEETING_READ, query=MeetingQuery,
          response=MeetingList, summary="Meetings in reach, next first"),
    Route("POST", _MEETINGS, create_meeting, permission=Permission.MEETING_MANAGE, body=NewMeeting,
          response=MeetingDetail, status=201, summary="Schedule a meeting"),
    Route("GET", f"{_MEETINGS}/{{meeting_id}}", show_meeting, permission=Permission.MEETING_READ,
          response=MeetingDetail, summary="A meeting, its sites and attendance"),
    Route("POST", f"{_MEETINGS}/{{meeting_id}}/orders", order_from_outside, body=RoomOrder,
          permission=Permission.MEETING_CHAIR, summary="A chair's order from outside the room"),
    Route("POST", f"{_MEETINGS}/{{meeting_id}}/links/{{link_id}}", renew_link, body=Empty,
          permission=Permission.MEETING_MANAGE, response=NewLink, summary="Make a new join link"),
    Route("DELETE", f"{_MEETINGS}/{{meeting_id}}/links/{{link_id}}", revoke_link,
          permission=Permission.MEETING_MANAGE, summary="Revoke a join link"),
    Route("GET", "/api/v1/links/{token}", link_info, permission=Permission.PUBLIC,
          response=LinkInfo, rate="30/minute", summary="What a join link opens"),
    Route("POST", "/api/v1/units/{unit_id}/pin", set_pin, permission=Permission.MEETING_MANAGE,
          body=Empty, response=NewPin, summary="Give a unit a new PIN"),
    Route("PUT", "/api/v1/units/{unit_id}/line-caps", set_caps,
          permission=Permission.LINE_MANAGE, body=Caps, response=Caps,
          summary="Hold a unit's line to ceilings in every meeting"),
]  # fmt: skip
