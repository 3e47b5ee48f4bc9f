"""How each site's line does, for the chair; media workers, for the administrator."""

import socket
from typing import Any

from conf.media.model import StatsReport
from conf.rooms import WorkerLoad
from core.auth.model import Permission
from core.errors import NotFound
from signaling.api import ApiModel, Empty
from signaling.http import Request, Route
from signaling.routes.meetings import access_meeting


class SlotQuality(ApiModel):
    """One filled down slot. `layer`: 0 smallest, -1 nothing yet; `loss`: 0..1."""

    mid: str
    kind: str
    participant_id: str
    source: str
    layer: int
    bps: float
    loss: float
    jitter_s: float
    repaired_total: int


class PageQuality(ApiModel):
    """What the page itself has measured."""

    rtt_ms: float | None
    freezes: int
    frames_decoded: int
    concealed_ratio: float | None


class SiteQuality(ApiModel):
    """One participant's line; null where it is not in the media now."""

    participant_id: str
    site: str
    quality: str
    up_bps: float | None
    down_bps: float | None
    estimate_bps: float | None
    up_loss: float | None
    down_loss: float | None
    round_trip_s: float | None
    up_jitter_s: float | None
    main_layer: float | None
    page: PageQuality | None
    slots: tuple[SlotQuality, ...]


class MeetingQuality(ApiModel):
    """Worst first."""

    items: tuple[SiteQuality, ...]


class MediaWorkerInfo(ApiModel):
    """One media worker process of this node.

    `rooms`, `sites`: how many are there now; `lag_p99_s`: how late its loop is, None: not told yet;
    `may_drain`: there is another to take its rooms.
    """

    index: int
    port: int
    restarts: int
    is_draining: bool
    may_drain: bool
    rooms: int
    sites: int
    lag_p99_s: float | None
    figures: dict[str, float]


class MediaWorkers(ApiModel):
    """By index. `node`: the server they belong to; another node shows its own."""

    node: str
    items: tuple[MediaWorkerInfo, ...]


class Drained(ApiModel):
    """How many rooms have moved; `left`: meetings whose rooms could not, to be tried again."""

    moved: int
    left: tuple[str, ...]


async def meeting_quality(request: Request[None, None]) -> MeetingQuality:
    """Each site's line, worst first."""
    app, meeting_id = request.app, request.path["meeting_id"]
    async with request.read() as uow:
        await access_meeting(uow, app, request.principal, meeting_id, Permission.MEETING_CHAIR)
    rows: list[dict[str, Any]] = await app.rooms.quality(meeting_id)
    return MeetingQuality(items=tuple(SiteQuality.model_validate(row) for row in rows))


async def media_workers(request: Request[None, None]) -> MediaWorkers:
    """The worker processes and their figures."""
    rooms = request.app.rooms
    loads = rooms.worker_loads()
    willing = {load.index for load in loads if not load.is_draining}
    return MediaWorkers(
        node=socket.gethostname(),
        items=tuple(
            _worker(load, rooms.stats.get(load.index), may_drain=bool(willing - {load.index}))
            for load in loads
        ),
    )


def _worker(load: WorkerLoad, report: StatsReport | None, *, may_drain: bool) -> MediaWorkerInfo:
    figures = dict(report.worker) if report is not None else {}
    return MediaWorkerInfo(
        index=load.index, port=load.port, restarts=load.restarts, rooms=load.rooms,
        sites=load.sites, is_draining=load.is_draining, may_drain=may_drain, figures=figures,
        lag_p99_s=figures.get("loop_lag_p99_s"),
    )  # fmt: skip


def _index(request: Request[None, Any]) -> int:
    text = request.path["index"]
    if not (text.isascii() and text.isdigit()) or len(text) > 3:
        raise NotFound("there is no such media worker")
    return int(text)


async def drain_worker(request: Request[None, Empty]) -> Drained:
    """Move a worker's rooms to the others; pages join anew by themselves."""
    index = _index(request)
    async with request.write() as uow:
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="media.drain", target=f"worker:{index}"
        )
    drained = await request.app.rooms.drain_worker(index)
    return Drained(moved=drained.moved, left=drained.left)


async def undrain_worker(request: Request[None, None]) -> None:
    """The worker takes new rooms again."""
    index = _index(request)
    async with request.write() as uow:
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="media.undrain", target=f"worker:{index}"
        )
    request.app.rooms.undrain_worker(index)


async def restart_worker(request: Request[None, Empty]) -> None:
    """A new process for a drained worker, which stays drained."""
    index = _index(request)
    async with request.write() as uow:
        await request.app.audit.append(
            uow, actor=request.principal.actor, action="media.restart", target=f"worker:{index}"
        )
    request.app.rooms.restart_worker(index)


_WORKERS = "/api/v1/system/media"
ROUTES = [
    Route("GET", "/api/v1/meetings/{meeting_id}/quality", meeting_quality,
          permission=Permission.MEETING_CHAIR, response=MeetingQuality,
          summary="Each site's line, worst first"),
    Route("GET", _WORKERS, media_workers, permission=Permission.SYSTEM_READ,
          response=MediaWorkers, summary="Media workers and their figures"),
    Route("POST", f"{_WORKERS}/{{index}}/drain", drain_worker, body=Empty, response=Drained,
          permission=Permission.SYSTEM_MANAGE, is_county_wide=True,
          summary="Move a media worker's rooms elsewhere"),
    Route("DELETE", f"{_WORKERS}/{{index}}/drain", undrain_worker,
          permission=Permission.SYSTEM_MANAGE, is_county_wide=True,
          summary="Let a media worker take rooms again"),
    Route("POST", f"{_WORKERS}/{{index}}/restart", restart_worker, body=Empty,
          permission=Permission.SYSTEM_MANAGE, is_county_wide=True,
          summary="Start a drained media worker anew"),
]  # fmt: skip
