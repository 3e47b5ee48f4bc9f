"""Rooms over Socket.IO: seats, orders, floor, chat; the topic `room:ID`."""

from typing import Any

from conf.media.turn import ice_servers
from conf.model import (
    Link,
    SiteRole,
)
from conf.pages import Emit
from conf.room import Room
from conf.seating import Applicant
from conf.wire import slot_wire
from core.auth.model import Permission, Principal, allows
from core.database import UnitOfWork
from core.errors import InvalidInput, NotAllowed, NotFound
from core.ids import MeetingId, ParticipantId, UnitId
from signaling.api import Empty
from signaling.context import AppContext
from signaling.edge import Connection, Message, SocketEvent
from signaling.protocol import (
    IceServer,
    RoomChat,
    RoomFloor,
    RoomJoin,
    RoomJoined,
    RoomOrder,
    RoomPublish,
    RoomRestart,
    RoomRestarted,
    RoomSlot,
    RoomStats,
)
from signaling.routes.meetings import access_meeting, order_of, resolved
from signaling.topics import LinkPrincipal, Topics, Visitor

_SEAT = "room.seat"


# -- Socket.IO ---------------------------------------------------------------------------------


async def resolve_link(app: AppContext, token: str) -> LinkPrincipal:
    """The link holder behind a token, for the handshake.

    Raises: NotFound, NotAllowed, Conflict.
    """
    async with app.database.read() as uow:
        link = await resolved(app, uow, token)
    return LinkPrincipal(
        link.id, link.meeting_id, link.meeting_id, link.unit_id, link.site, link.role.value, token
    )


async def join(message: Message[RoomJoin]) -> RoomJoined:
    """Take a seat with media."""
    data, app, connection = message.data, message.app, message.connection
    if isinstance(message.visitor, LinkPrincipal):
        meeting_id = message.visitor.meeting_id
        applicant = await _link_applicant(message, message.visitor)
    else:
        if data.meeting_id is None:
            raise InvalidInput("say which meeting", field="meeting_id")
        meeting_id = data.meeting_id
        applicant = await _user_applicant(message, message.visitor, meeting_id)
    room, joined = await app.rooms.join(
        meeting_id, applicant, data.offer, resume=data.resume,
        connection=connection, emit=_emit_of(connection, meeting_id),
    )  # fmt: skip
    connection.state[_SEAT] = (room, joined.participant_id)

    async def lost() -> None:
        room.tell(lambda: room.connection_lost(joined.participant_id, connection))

    connection.on_close(_SEAT, lost)
    await connection.enter(room.topic)
    return RoomJoined(
        participant_id=joined.participant_id, resume=joined.resume, answer=joined.answer,
        slots=tuple(RoomSlot(**slot_wire(slot)) for slot in joined.slots),
        ice_servers=_ice_servers(app, joined.participant_id), topic=room.topic, epoch=room.epoch,
        seq=room.seq, snapshot=room.snapshot(),
    )  # fmt: skip


def _emit_of(connection: Connection, meeting_id: str) -> Emit:
    """What the room tells this page; who is put out watches the room no longer."""

    async def emit(event: str, data: dict[str, Any]) -> None:
        await connection.emit(event, data)
        if event == "room.removed":
            connection.forget(_SEAT)
            connection.state.pop(_SEAT, None)
            await connection.leave(f"room:{meeting_id}")

    return emit


async def _link_applicant(message: Message[RoomJoin], holder: LinkPrincipal) -> Applicant:
    """A link holder with the unit's PIN. Raises: NotAllowed."""
    app, data = message.app, message.data
    async with app.database.write() as uow:
        sites = await app.meetings.sites(uow, holder.meeting_id)
        row = next((site for site in sites if site.id == holder.link_id), None)
        if row is None or row.revoked_at is not None:
            raise NotFound("this link is not valid any more", code="link_unknown")
        if row.locked_at is not None:
            raise NotAllowed("too many wrong PINs; the chair can unlock it", code="link_locked")
        link = Link(row.id, MeetingId(row.meeting_id), UnitId(row.unit_id), row.site, row.role)
        is_right = await app.meetings.holds_seat(
            uow, link, data.resume
        ) or await app.meetings.check_pin(uow, link, data.pin)
    if not is_right:
        raise NotAllowed("this PIN is not right", field="pin", code="wrong_pin")
    return Applicant(link.unit_id, link.site, data.name or link.site, link.role, link=link)


async def _user_applicant(
    message: Message[RoomJoin], principal: Principal, meeting_id: str
) -> Applicant:
    """A signed-in user, from an invited unit or in reach of the meeting. Raises: NotAllowed."""
    app = message.app
    async with app.database.read() as uow:
        meeting = await access_meeting(uow, app, principal, meeting_id, Permission.MEETING_JOIN)
        may_chair = allows(principal, Permission.MEETING_CHAIR, meeting.unit_path)
        unit_id, site = "", principal.name
        if principal.person_id is not None:
            person = await app.directory.person(uow, principal.person_id)
            unit = await app.directory.unit(uow, person.unit_id)
            unit_id, site = unit.id, unit.name
    role = SiteRole.CHAIR if may_chair else SiteRole.SITE
    return Applicant(
        unit_id, site, message.data.name or principal.name, role, user_id=principal.user_id
    )


def _ice_servers(app: AppContext, participant_id: str) -> tuple[IceServer, ...]:
    now_s = int(app.clock.now().timestamp())
    servers = ice_servers(app.settings.media.turn, participant_id, now_s)
    return tuple(IceServer.model_validate(server) for server in servers)


def _seat(message: Message[Any]) -> tuple[Room, ParticipantId]:
    seat: tuple[Room, ParticipantId] | None = message.connection.state.get(_SEAT)
    if seat is None:
        raise NotFound("join the room first", code="not_in_room")
    return seat


async def restart(message: Message[RoomRestart]) -> RoomRestarted:
    """ICE restart."""
    room, participant_id = _seat(message)
    answer = await room.ask(lambda: room.restart(participant_id, message.data.offer))
    return RoomRestarted(answer=answer)


async def leave(message: Message[Empty]) -> None:
    """Leave for good."""
    room, participant_id = _seat(message)
    message.connection.forget(_SEAT)
    message.connection.state.pop(_SEAT, None)
    await message.connection.leave(room.topic)
    await room.ask(lambda: room.leave(participant_id))


async def publish(message: Message[RoomPublish]) -> None:
    """Say which tracks are sent now."""
    room, participant_id = _seat(message)
    data = message.data
    await room.ask(
        lambda: room.publishing(
            participant_id, audio=data.audio, camera=data.camera, screen=data.screen
        )
    )


async def order(message: Message[RoomOrder]) -> None:
    """A chair's order from inside the room."""
    room, participant_id = _seat(message)
    await room.ask(lambda: room.order(participant_id, order_of(message.data)))


async def floor(message: Message[RoomFloor]) -> None:
    """The floor: request, withdraw, release."""
    room, participant_id = _seat(message)
    await room.ask(lambda: room.floor(participant_id, message.data.action))


async def chat(message: Message[RoomChat]) -> None:
    """One line for everybody."""
    room, participant_id = _seat(message)
    await room.ask(lambda: room.say(participant_id, message.data.text))


async def stats(message: Message[RoomStats]) -> None:
    """The page's own measurements."""
    room, participant_id = _seat(message)
    room.note_stats(participant_id, message.data.model_dump())


async def may_watch_room(uow: UnitOfWork, visitor: Visitor, key: str, app: AppContext) -> None:
    """A link opens its own room's topic, a permission those in reach. Raises: NotAllowed."""
    if isinstance(visitor, LinkPrincipal):
        if visitor.room_id != key:
            raise NotAllowed("this link is for another meeting")
        if await app.meetings.is_removed(uow, key, visitor.link_id):
            raise NotAllowed("the chair has removed this site from the meeting", code="removed")
        return
    await access_meeting(uow, app, visitor, key, Permission.MEETING_JOIN)


def register_topics(app: AppContext, topics: Topics) -> None:
    """`room:ID` lives in its owner's memory; `meetings` tells of openings and ends."""

    async def access(uow: UnitOfWork, visitor: Visitor, key: str) -> None:
        await may_watch_room(uow, visitor, key, app)

    async def no_state(uow: UnitOfWork, visitor: Visitor, key: str) -> dict[str, Any]:
        return {}  # lists are read over REST; the topic says when to read again

    topics.register_owned(
        "room", permission=Permission.MEETING_JOIN, access=access, owner=app.rooms
    )
    topics.register("meetings", permission=Permission.MEETING_READ, snapshot=no_state)
    app.rooms.deliver_with(topics.deliver)


EVENTS = [
    SocketEvent("room.join", join, permission=Permission.MEETING_JOIN, request=RoomJoin,
                response=RoomJoined, is_open_to_links=True, deadline_s=10.0,
                summary="Take a seat in a room"),
    SocketEvent("room.restart", restart, permission=Permission.MEETING_JOIN, request=RoomRestart,
                response=RoomRestarted, is_open_to_links=True, summary="ICE restart"),
    SocketEvent("room.leave", leave, permission=Permission.MEETING_JOIN, request=Empty,
                is_open_to_links=True, summary="Leave the room"),
    SocketEvent("room.publish", publish, permission=Permission.MEETING_JOIN, request=RoomPublish,
                is_open_to_links=True, summary="Say which tracks are sent"),
    SocketEvent("room.order", order, permission=Permission.MEETING_JOIN, request=RoomOrder,
                is_open_to_links=True, summary="A chair's order; the seat's role decides"),
    SocketEvent("room.floor", floor, permission=Permission.MEETING_JOIN, request=RoomFloor,
                is_open_to_links=True, summary="Request, withdraw or release the floor"),
    SocketEvent("room.chat", chat, permission=Permission.MEETING_JOIN, request=RoomChat,
                is_open_to_links=True, summary="Say one line"),
    SocketEvent("room.stats", stats, permission=Permission.MEETING_JOIN, request=RoomStats,
                is_open_to_links=True, summary="The page's own measurements"),
]  # fmt: skip
