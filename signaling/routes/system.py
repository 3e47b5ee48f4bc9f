"""Is it alive, is it ready, what does it measure, who is online."""

import asyncio
import hmac
import shutil
from datetime import datetime

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from core.auth.model import Permission
from core.errors import Unavailable
from core.settings import DataSettings
from core.version import VERSION
from signaling.api import ApiModel
from signaling.http import AnyRequest, File, Request, Route
from signaling.selftest import service as selftest
from signaling.settings import Settings
from sms.modem_view import ModemState


class Health(ApiModel):
    """The process answers."""

    status: str
    version: str


class ComponentInfo(ApiModel):
    """One component; `note`: what is wrong, for the operator."""

    name: str
    is_ready: bool
    note: str


class Readiness(ApiModel):
    """`is_ready`: every component is."""

    is_ready: bool
    components: list[ComponentInfo]


class SystemStatus(ApiModel):
    """What the status page shows."""

    version: str
    started_at: datetime
    now: datetime
    is_demo: bool
    database: str
    connections: int
    components: list[ComponentInfo]


class FindingInfo(ApiModel):
    """One result of the self-test. `code`: stable; `mend`: what to do, empty where nothing is.

    `fact`, `values`: what `text` says of a good one, for a page in another language.
    """

    subject: str
    is_good: bool
    code: str
    text: str
    mend: str
    fact: str
    values: dict[str, str]


class SelfTest(ApiModel):
    """All findings, in the order in which they are best mended."""

    findings: list[FindingInfo]


class Online(ApiModel):
    """User ids connected now; on other nodes as of at most 10 s ago."""

    user_ids: list[str]


_MIB = 1024 * 1024
_LAST_MIB = 10
"""Below this the next write may fail."""


async def healthz(_request: Request[None, None]) -> Health:
    """Alive."""
    return Health(status="ok", version=VERSION)


async def readyz(request: Request[None, None]) -> web.StreamResponse:
    """Each component's state; 503 until all are ready."""
    components = await _components(request)
    is_ready = all(component.is_ready for component in components)
    readiness = Readiness(is_ready=is_ready, components=components)
    return web.Response(
        status=200 if is_ready else 503,
        body=readiness.model_dump_json().encode(),
        content_type="application/json",
    )


async def metrics(request: Request[None, None]) -> web.StreamResponse:
    """Prometheus text format; with the permission system.read, or with http.metrics_token."""
    if not _bears_token(request):
        request.require(Permission.SYSTEM_READ)
    body = generate_latest() + request.app.rooms.metrics().encode() + await _states(request)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _states(request: AnyRequest) -> bytes:
    """Components, modems and disk as gauges: what an operator's alarms go by."""
    data = request.app.settings.data.dir
    free = (await asyncio.to_thread(shutil.disk_usage, data)).free
    ready = {f'component="{one.name}"': one.is_ready for one in await _components(request)}
    modems = {
        f'modem="{view.name}"': view.state is ModemState.READY for view in request.app.sms.modems()
    }
    lines = ["# TYPE fengsui_disk_free_bytes gauge", f"fengsui_disk_free_bytes {free}"]
    for name, found in (("component_ready", ready), ("modem_ready", modems)):
        lines.append(f"# TYPE fengsui_{name} gauge")
        lines += [f"fengsui_{name}{{{label}}} {value:d}" for label, value in found.items()]
    return "\n".join([*lines, ""]).encode()


def _bears_token(request: AnyRequest) -> bool:
    token = request.app.settings.http.metrics_token
    given = request.raw.headers.get("Authorization", "")
    expected = f"Bearer {token.get_secret_value()}" if token is not None else ""
    return bool(expected) and hmac.compare_digest(
        given.encode("utf-8", "surrogateescape"), expected.encode()
    )


async def status(request: Request[None, None]) -> SystemStatus:
    """Version, uptime, components."""
    app = request.app
    return SystemStatus(
        version=VERSION,
        started_at=app.started_at,
        now=app.clock.now(),
        is_demo=app.is_demo,
        database="PostgreSQL" if app.database.is_postgresql else "SQLite",
        connections=len(app.sockets.connections) if app.sockets else 0,
        components=await _components(request),
    )


async def self_test(request: Request[None, None]) -> SelfTest:
    """What `server.py check` says, on this node; in a thread, one at a time."""
    one_at_a_time: asyncio.Lock = request.app.extra.setdefault("self_test", asyncio.Lock())
    async with one_at_a_time:
        findings = await asyncio.to_thread(_findings, request.app.settings)
    return SelfTest(findings=findings)


def _findings(settings: Settings) -> list[FindingInfo]:
    return [
        FindingInfo(
            subject=one.subject,
            is_good=one.is_good,
            code=one.code,
            text=one.text,
            mend=one.mend,
            fact=one.fact,
            values=dict(one.values),
        )
        for one in asyncio.run(selftest.run(settings))
    ]


async def online(request: Request[None, None]) -> Online:
    """Who has a page open."""
    presence = request.app.presence
    return Online(user_ids=sorted(presence.online()) if presence else [])


async def _components(request: AnyRequest) -> list[ComponentInfo]:
    try:
        await request.app.database.ping()
        database = ComponentInfo(name="database", is_ready=True, note="")
    except Unavailable as error:
        database = ComponentInfo(name="database", is_ready=False, note=error.message)
    return [
        database,
        await asyncio.to_thread(_disk, request.app.settings.data),
        *(
            ComponentInfo(name=name, is_ready=state.is_ready, note=state.note)
            for name, state in request.app.states.all().items()
        ),
    ]


def _disk(data: DataSettings) -> ComponentInfo:
    """Low is told in time; so low that nothing can be written is not ready."""
    free = shutil.disk_usage(data.dir).free // _MIB
    note = f"{free} MiB free: free some space" if free < data.min_free_mib else ""
    return ComponentInfo(name="disk", is_ready=free >= _LAST_MIB, note=note)


ROUTES = [
    Route("GET", "/healthz", healthz, permission=Permission.PUBLIC, response=Health,
          summary="Alive, and which version"),
    Route("GET", "/readyz", readyz, permission=Permission.PUBLIC, response=Readiness,
          summary="Each component's state; 503 until all are ready"),
    Route("GET", "/metrics", metrics, permission=Permission.PUBLIC, response=File,
          summary="Prometheus metrics, by permission or token"),
    Route("GET", "/api/v1/system", status, permission=Permission.SYSTEM_READ,
          response=SystemStatus, summary="Version, uptime, components"),
    Route("GET", "/api/v1/system/check", self_test, permission=Permission.SYSTEM_READ,
          response=SelfTest, summary="The self-test: what is wrong, and how to mend it"),
    Route("GET", "/api/v1/presence", online, permission=Permission.SIGNED_IN, response=Online,
          summary="Who is online"),
]  # fmt: skip
