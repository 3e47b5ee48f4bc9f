"""Cameras: named by an administrator, brought into meetings by those who may chair."""

from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from conf.cameras.address import check, shown
from conf.cameras.service import CameraDraft, Stream, StreamState
from conf.cameras.store import CameraRow
from conf.model import Order, OrderKind
from core.auth.model import Permission, Principal, allows, reach, require
from core.database import UnitOfWork
from core.ids import ParticipantId, UnitId
from signaling.api import ApiModel
from signaling.http import Request, Route
from signaling.routes.directory import VersionQuery
from signaling.routes.meetings import access_meeting


class CameraState(ApiModel):
    """How a stream does: `connecting`, `live`, `retrying`, `unusable`.

    `code`: why it shows nothing, see docs/protocol.md; `words`: the same in words, or the size.
    """

    state: str
    code: str
    words: str
    since: datetime


class CameraIn(CameraState):
    """A meeting the camera is in, and how it does there."""

    meeting_id: str
    participant_id: str


class Camera(ApiModel):
    """A camera. `address`: its URL without the password; empty for who may not change it.

    `streams`: the meetings this server reads it into; a camera in none is not read.
    """

    id: str
    name: str
    unit_id: str
    address: str
    may_edit: bool
    may_bring: bool
    version: int
    streams: tuple[CameraIn, ...]


class CameraList(ApiModel):
    """By name."""

    items: tuple[Camera, ...]


class NewCamera(ApiModel):
    """`url`: rtsp:// or rtsps:// of an H.264 stream without B-frames."""

    name: str = Field(min_length=1, max_length=80)
    unit_id: str = Field(min_length=1, max_length=26)
    url: str = Field(min_length=8, max_length=400)


class CameraChange(ApiModel):
    """The whole camera as it shall be; without `url` its address stays.

    `version`: the one that was read.
    """

    name: str = Field(min_length=1, max_length=80)
    unit_id: str = Field(min_length=1, max_length=26)
    url: str | None = Field(None, min_length=8, max_length=400)
    version: int = Field(ge=1)


class CameraTrial(ApiModel):
    """An address to be tried, or a camera's stored one."""

    url: str | None = Field(None, min_length=8, max_length=400)
    camera_id: str | None = Field(None, min_length=1, max_length=26)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.url is None) == (self.camera_id is None):
            raise ValueError("either url or camera_id")
        return self


class CameraChoice(ApiModel):
    """Which camera to bring in."""

    camera_id: str = Field(min_length=1, max_length=26)


class CameraSeat(ApiModel):
    """The participant a camera has become."""

    participant_id: str


def _state(state: StreamState) -> CameraState:
    return CameraState(state=state.state, code=state.code, words=state.words, since=state.since)


def _camera(row: CameraRow, principal: Principal, streams: list[Stream]) -> Camera:
    is_manager = allows(principal, Permission.SYSTEM_MANAGE, row.unit_path)
    return Camera(
        id=row.id, name=row.name, unit_id=row.unit_id, version=row.version,
        address=shown(row.url) if is_manager else "", may_edit=is_manager,
        may_bring=allows(principal, Permission.MEETING_CHAIR, row.unit_path),
        streams=tuple(
            CameraIn(
                **_state(one.state).model_dump(), meeting_id=one.meeting_id,
                participant_id=one.participant_id,
            )
            for one in streams
            if one.camera_id == row.id
        ),
    )  # fmt: skip


async def _draft(
    uow: UnitOfWork, request: Request[None, NewCamera] | Request[None, CameraChange]
) -> CameraDraft:
    """As typed in, on a unit the caller may manage."""
    body = request.body
    unit = await request.app.directory.unit(uow, UnitId(body.unit_id))
    request.require(Permission.SYSTEM_MANAGE, unit.path)
    return CameraDraft(body.name, unit.id, unit.path, body.url)


async def list_cameras(request: Request[None, None]) -> CameraList:
    """Cameras of the units in reach."""
    principal = request.principal
    scopes = (
        *reach(principal, Permission.MEETING_READ), *reach(principal, Permission.SYSTEM_MANAGE),
    )  # fmt: skip
    async with request.read() as uow:
        rows = await request.app.rooms.cameras.cameras(uow, scopes)
    streams = request.app.rooms.cameras.streams()
    return CameraList(items=tuple(_camera(row, principal, streams) for row in rows))


async def add_camera(request: Request[None, NewCamera]) -> Camera:
    """Name a camera."""
    app, principal = request.app, request.principal
    async with request.write() as uow:
        draft = await _draft(uow, request)
        row = await app.rooms.cameras.add(uow, draft, principal.user_id)
        await app.audit.append(
            uow, actor=principal.actor, action="camera.add", target=f"camera:{row.id}",
            detail={"name": row.name, "address": shown(row.url)},
        )  # fmt: skip
        return _camera(row, principal, [])


async def change_camera(request: Request[None, CameraChange]) -> Camera:
    """Change a camera; where it is in a meeting, it is read from its new address at once."""
    app, principal = request.app, request.principal
    cameras = app.rooms.cameras
    async with request.write() as uow:
        row = await cameras.camera(uow, request.path["camera_id"])
        require(principal, Permission.SYSTEM_MANAGE, row.unit_path)
        await cameras.change(uow, row, await _draft(uow, request), request.body.version)
        await app.audit.append(
            uow, actor=principal.actor, action="camera.change", target=f"camera:{row.id}",
            detail={"name": row.name, "address": shown(row.url)},
        )  # fmt: skip
    await cameras.reopen(row)
    return _camera(row, principal, cameras.streams())


async def try_camera(request: Request[None, CameraTrial]) -> CameraState:
    """Open the stream once and say what became of it; nothing is stored."""
    app, principal, body = request.app, request.principal, request.body
    async with request.write() as uow:
        url, target = body.url or "", "camera:new"
        if body.camera_id is not None:
            row = await app.rooms.cameras.camera(uow, body.camera_id)
            require(principal, Permission.SYSTEM_MANAGE, row.unit_path)
            url, target = row.url, f"camera:{row.id}/trial"
        await app.audit.append(
            uow, actor=principal.actor, action="camera.try", target=target,
            detail={"address": shown(check(url))},
        )  # fmt: skip
    return _state(await app.rooms.cameras.trial(url))


async def delete_camera(request: Request[VersionQuery, None]) -> None:
    """Forget a camera; a meeting it is in keeps it."""
    app, camera_id = request.app, request.path["camera_id"]
    async with request.write() as uow:
        row = await app.rooms.cameras.camera(uow, camera_id)
        require(request.principal, Permission.SYSTEM_MANAGE, row.unit_path)
        await app.rooms.cameras.delete(uow, camera_id, request.query.version)
        await app.audit.append(
            uow, actor=request.principal.actor, action="camera.delete",
            target=f"camera:{camera_id}", detail={"name": row.name},
        )  # fmt: skip


async def bring_in(request: Request[None, CameraChoice]) -> CameraSeat:
    """A camera becomes a participant of a meeting."""
    app, principal, meeting_id = request.app, request.principal, request.path["meeting_id"]
    async with request.write() as uow:
        await access_meeting(uow, app, principal, meeting_id, Permission.MEETING_CHAIR)
        row = await app.rooms.cameras.camera(uow, request.body.camera_id)
        require(principal, Permission.MEETING_CHAIR, row.unit_path)
        await app.audit.append(
            uow, actor=principal.actor, action="room.add_camera", target=f"meeting:{meeting_id}",
            detail={"camera": row.id, "name": row.name},
        )  # fmt: skip
    participant_id = await app.rooms.add_camera(meeting_id, request.body.camera_id)
    return CameraSeat(participant_id=participant_id)


async def take_out(request: Request[None, None]) -> None:
    """The camera leaves the meeting; the same as the order `remove`."""
    app, principal, meeting_id = request.app, request.principal, request.path["meeting_id"]
    async with request.read() as uow:
        await access_meeting(uow, app, principal, meeting_id, Permission.MEETING_CHAIR)
    order = Order(OrderKind.REMOVE, ParticipantId(request.path["participant_id"]))
    await app.rooms.order(meeting_id, order, principal.user_id, principal.name)


_CAMERAS = "/api/v1/cameras"
_OF_MEETING = "/api/v1/meetings/{meeting_id}/cameras"
ROUTES = [
    Route("GET", _CAMERAS, list_cameras, permission=Permission.MEETING_READ, response=CameraList,
          summary="Cameras in reach, by name"),
    Route("POST", _CAMERAS, add_camera, permission=Permission.SYSTEM_MANAGE, body=NewCamera,
          response=Camera, status=201, summary="Name a camera"),
    Route("PUT", f"{_CAMERAS}/{{camera_id}}", change_camera, body=CameraChange, response=Camera,
          permission=Permission.SYSTEM_MANAGE, summary="Change a camera"),
    Route("POST", f"{_CAMERAS}/try", try_camera, body=CameraTrial, response=CameraState,
          permission=Permission.SYSTEM_MANAGE, rate="30/minute",
          summary="Open a camera's stream once: does it fit?"),
    Route("DELETE", f"{_CAMERAS}/{{camera_id}}", delete_camera, query=VersionQuery,
          permission=Permission.SYSTEM_MANAGE, summary="Forget a camera"),
    Route("POST", _OF_MEETING, bring_in, permission=Permission.MEETING_CHAIR, body=CameraChoice,
          response=CameraSeat, status=201, summary="Bring a camera into a meeting"),
    Route("DELETE", f"{_OF_MEETING}/{{participant_id}}", take_out,
          permission=Permission.MEETING_CHAIR, summary="Take a camera out of a meeting"),
]  # fmt: skip
