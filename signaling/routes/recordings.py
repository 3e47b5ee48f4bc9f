"""Recordings of meetings: lists and downloads, for those who may chair."""

from datetime import datetime
from pathlib import PurePath

from aiohttp import web

from conf.recording.store import RecordingRow
from core.auth.model import Permission
from core.errors import NotFound
from signaling.api import ApiModel
from signaling.http import AnyRequest, File, Request, Route
from signaling.routes.meetings import access_meeting

_TYPES = {".webm": "video/webm", ".mkv": "video/x-matroska", ".json": "application/json"}


class SegmentFile(ApiModel):
    """One file of a track; `started_at`: Unix time of its first frame, to line tracks up."""

    file: str
    codec: str
    width: int
    height: int
    started_at: float
    length_ms: int
    frames: int
    bytes: int


class RecordedTrack(ApiModel):
    """What one participant sent of one kind."""

    participant_id: str
    site: str
    source: str
    segments: tuple[SegmentFile, ...]


class Recording(ApiModel):
    """One recording. `end_cause`: ordered, ended, disk_full; null while it goes on."""

    id: str
    started_at: datetime
    ended_at: datetime | None
    end_cause: str | None
    is_deleted: bool
    tracks: tuple[RecordedTrack, ...]


class RecordingList(ApiModel):
    """Oldest first."""

    items: tuple[Recording, ...]


async def list_recordings(request: Request[None, None]) -> RecordingList:
    """The recordings of a meeting with their files."""
    app, meeting_id = request.app, request.path["meeting_id"]
    async with request.read() as uow:
        await access_meeting(uow, app, request.principal, meeting_id, Permission.MEETING_CHAIR)
        rows = await app.rooms.recordings.of_meeting(uow, meeting_id)
        stays = await app.meetings.attendance(uow, meeting_id)
    sites = {stay.participant_id: stay.site for stay in stays}
    return RecordingList(items=tuple([await _recording(request, row, sites) for row in rows]))


async def _recording(request: AnyRequest, row: RecordingRow, sites: dict[str, str]) -> Recording:
    tracks = await request.app.rooms.recordings.index(row)
    return Recording(
        id=row.id, started_at=row.started_at, ended_at=row.ended_at, end_cause=row.end_cause,
        is_deleted=row.deleted_at is not None,
        tracks=tuple(
            RecordedTrack(site=sites.get(track["participant_id"], ""), **track) for track in tracks
        ),
    )  # fmt: skip


async def download(request: Request[None, None]) -> web.StreamResponse:
    """One file; ranges are served. Who took it is in the audit log."""
    app, name = request.app, request.path["file"]
    async with request.write() as uow:
        row = await app.rooms.recordings.recording(uow, request.path["recording_id"])
        if row.meeting_id != request.path["meeting_id"]:
            raise NotFound("there is no such recording")
        await access_meeting(uow, app, request.principal, row.meeting_id, Permission.MEETING_CHAIR)
        path = app.rooms.recordings.file(row, name)
        await app.audit.append(
            uow, actor=request.principal.actor, action="recording.download",
            target=f"recording:{row.id}", detail={"file": name},
        )  # fmt: skip
    return web.FileResponse(
        path,
        headers={
            "Content-Type": _TYPES[PurePath(name).suffix],
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )


_RECORDINGS = "/api/v1/meetings/{meeting_id}/recordings"
ROUTES = [
    Route("GET", _RECORDINGS, list_recordings, permission=Permission.MEETING_CHAIR,
          response=RecordingList, summary="Recordings of a meeting, oldest first"),
    Route("GET", f"{_RECORDINGS}/{{recording_id}}/{{file}}", download, response=File,
          permission=Permission.MEETING_CHAIR, summary="One file of a recording"),
]  # fmt: skip
