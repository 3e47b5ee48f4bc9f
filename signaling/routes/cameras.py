"""Cameras: named by an administrator, brought into meetings by those who may chair."""

from pydantic import Field

from conf.cameras.address import shown
from conf.cameras.store import CameraRow
from conf.model import Order, OrderKind
from core.auth.model import Permission, allows, reach, require
from core.ids import ParticipantId, UnitId
from signaling.api import ApiModel
from signaling.http import Request, Route
from signaling.routes.meetings import access_meeting


class Camera(ApiModel):
    """A camera. `address`: its URL without the password; empty for who may not change it."""

    id: str
    name: str
    unit_id: str
    address: str


class CameraList(ApiModel):
    """By name."""

    items: tuple[Camera, ...]


class NewCamera(ApiModel):
    """`url`: rtsp:// or rtsps:// of an H.264 stream without B-frames."""

    name: str = Field(min_length=1, max_length=80)
    unit_id: str = Field(min_length=1, max_length=26)
    url: str = Field(min_length=8, max_length=400)


class CameraChoice(ApiModel):
    """Which camera to bring in."""

    camera_id: str = Field(min_length=1, max_length=26)


class CameraSeat(ApiModel):
    """The participant a camera has become."""

    participant_id: str


def _camera(row: CameraRow, *, is_manager: bool) -> Camera:
    address = shown(row.url) if is_manager else ""
    return Camera(id=row.id, name=row.name, unit_id=row.unit_id, address=address)


async def list_cameras(request: Request[None, None]) -> CameraList:
    """Cameras of the units in reach."""
    principal = request.principal
    scopes = (
        *reach(principal, Permission.MEETING_READ), *reach(principal, Permission.SYSTEM_MANAGE),
    )  # fmt: skip
    async with request.read() as uow:
        rows = await request.app.rooms.cameras.cameras(uow, scopes)
    return CameraList(
        items=tuple(
            _camera(row, is_manager=allows(principal, Permission.SYSTEM_MANAGE, row.unit_path))
            for row in rows
        )
    )


async def add_camera(request: Request[None, NewCamera]) -> Camera:
    """Name a camera."""
    body, app, principal = request.body, request.app, request.principal
    async with request.write() as uow:
        unit = await app.directory.unit(uow, UnitId(body.unit_id))
        request.require(Permission.SYSTEM_MANAGE, unit.path)
        row = await app.rooms.cameras.add(
            uow, body.name, unit.id, unit.path, body.url, principal.user_id
        )
        await app.audit.append(
            uow, actor=principal.actor, action="camera.add", target=f"camera:{row.id}",
            detail={"name": row.name, "address": shown(row.url)},
        )  # fmt: skip
        return _camera(row, is_manager=True)


async def delete_camera(request: Request[None, None]) -> None:
    """Forget a camera."""
    app, camera_id = request.app, request.path["camera_id"]
    async with request.write() as uow:
        row = await app.rooms.cameras.camera(uow, camera_id)
        require(request.principal, Permission.SYSTEM_MANAGE, row.unit_path)
        await app.rooms.cameras.delete(uow, camera_id)
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
    Route("DELETE", f"{_CAMERAS}/{{camera_id}}", delete_camera,
          permission=Permission.SYSTEM_MANAGE, summary="Forget a camera"),
    Route("POST", _OF_MEETING, bring_in, permission=Permission.MEETING_CHAIR, body=CameraChoice,
          response=CameraSeat, status=201, summary="Bring a camera into a meeting"),
    Route("DELETE", f"{_OF_MEETING}/{{participant_id}}", take_out,
          permission=Permission.MEETING_CHAIR, summary="Take a camera out of a meeting"),
]  # fmt: skip
