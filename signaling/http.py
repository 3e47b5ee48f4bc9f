"""The HTTP framework: a table of routes per area, typed requests, one way for errors.

How to write the routes of an area (`signaling/routes/<area>.py`)
-----------------------------------------------------------------
    class IncidentQuery(ApiModel):                    # from signaling.api; unknown keys are refused
        state: IncidentState | None = None
        limit: int = Field(50, ge=1, le=500)

    async def list_incidents(request: Request[IncidentQuery, None]) -> IncidentList:
        async with request.read() as uow:             # request.write() to change something
            found = await request.app.command.incidents(uow, request.principal, request.query.state)
        return IncidentList(items=[…])

    ROUTES = [
        Route("GET", "/api/v1/incidents", list_incidents, permission=Permission.INCIDENT_READ,
              query=IncidentQuery, response=IncidentList, summary="Incidents, newest first"),
    ]

A module in signaling/routes with a list ROUTES is served; nothing else is to be registered. In the
same way `EVENTS` (list of signaling.edge.SocketEvent) and `register_topics(app, topics)`
(signaling.topics) are found there.

- `permission` is compulsory. PUBLIC: no session needed (`request.visitor` may be None). SIGNED_IN:
  any user. Otherwise the user must hold it: *somewhere* when `unit` is None, and then the handler
  itself must call its area's `access_…(uow, principal, id)`, which raises NotAllowed for objects
  out of reach; or on the unit whose path `unit` finds: `unit=path_of("unit_id")`; or on the whole
  county, `is_county_wide=True`, for what belongs to no unit.
- Path parameters: `/api/v1/incidents/{incident_id}` → `request.path["incident_id"]`.
- `query` and `body` are pydantic models; `body=bytes` hands over the raw body of an upload (set
  `max_body_mib`; take the file name from the query). Models are frozen, extra="forbid".
- Return a pydantic model (200), None (204), or `File(content, name, content_type)` for a download.
  `status=201` in the Route for a creation.
- Raise core.errors.* ; they become {"error": {"code", "message", "field"}} with their status. Never
  catch what you cannot handle. A handler that runs longer than `deadline_s` (30 s) gets 503.
- Unsafe methods need the header X-CSRF-Token; the framework checks it. Sign-in, rate limits, size
  limits and the audit of sign-ins are done here; what a handler changes it audits itself with
  `request.app.audit.append(uow, actor=request.principal.actor, …)`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel

from core.auth.model import Permission, Principal, Session, require
from core.database import UnitOfWork
from core.errors import NotSignedIn, Stale
from core.ids import UnitId
from signaling.context import AppContext
from signaling.limiter import Limiter

Q = TypeVar("Q")
B = TypeVar("B")

UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Request(Generic[Q, B]):
    """One request, already checked: session, permission, query and body."""

    app: AppContext
    visitor: Principal | None
    query: Q
    body: B
    path: Mapping[str, str]
    remote: str
    session: Session | None
    raw: web.Request
    limiter: Limiter

    async def limit(self, rate: str, name: str, caller: str) -> None:
        """Count this request against a limit of the handler's own, as `20/minute`.

        Raises: TooMany.
        """
        await self.limiter.hit(rate, name, caller)

    @property
    def principal(self) -> Principal:
        """Who asks.

        Raises: NotSignedIn: the route is PUBLIC and nobody is signed in.
        """
        if self.visitor is None:
            raise NotSignedIn("sign in first")
        return self.visitor

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A reading unit of work."""
        return self.app.database.read()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[UnitOfWork]:
        """A writing unit of work; commits at the end of the block.

        Raises: Stale, with who changed the object meanwhile, and when.
        """
        try:
            async with self.app.database.write() as uow:
                yield uow
        except Stale as error:
            async with self.read() as uow:
                entry = await self.app.audit.writer(uow, error)
            if entry is not None:
                error.changed_by, error.changed_at = entry.actor_name, entry.at
            raise

    def require(self, permission: Permission, unit_path: str | None = None) -> None:
        """A further check inside a handler.

        Raises: NotAllowed.
        """
        require(self.principal, permission, unit_path)


@dataclass(frozen=True)
class File:
    """A download; what must be streamed returns an aiohttp StreamResponse instead."""

    content: bytes
    name: str
    content_type: str = "application/octet-stream"
    is_inline: bool = False


AnyRequest = Request[Any, Any]
Handler = Callable[[Any], Awaitable[Any]]
UnitFinder = Callable[[AnyRequest], Awaitable[str]]


@dataclass(frozen=True)
class Route:
    """One row of an area's table; see the module's docstring.

    `rate`: limit of its own, as `10/minute`, per user (per address without a session).
    `demo_only`: exists only in a demo. `before_password_change`: open to a first sign-in.
    """

    method: str
    path: str
    handler: Handler
    permission: Permission
    query: type[BaseModel] | None = None
    body: type[BaseModel] | type[bytes] | None = None
    response: type[BaseModel] | type[File] | None = None
    summary: str = ""
    unit: UnitFinder | None = None
    status: int = 200
    rate: str | None = None
    max_body_mib: float = 1.0
    deadline_s: float = 30.0
    before_password_change: bool = False
    demo_only: bool = False
    is_county_wide: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def path_of(parameter: str) -> UnitFinder:
    """The path of the unit whose id is the path parameter `parameter`.

    Raises (when called): NotFound: no such unit.
    """

    async def find(request: AnyRequest) -> str:
        async with request.read() as uow:
            unit = await request.app.directory.unit(uow, UnitId(request.path[parameter]))
        return unit.path

    return find
