"""The aiohttp application: from the route table to answers.

For each request, in this order: headers, origin, session, CSRF, rate, permission, query, body,
unit scope, handler, answer. A fault becomes {"error": …} with the status of its class.
"""

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, get_origin

import structlog
from aiohttp import web
from multidict import MultiMapping
from pydantic import BaseModel, ValidationError

from core.auth.model import Permission, Session, require, require_everywhere
from core.errors import AppError, InvalidInput, NotAllowed, NotFound, NotSignedIn, TooMany
from core.ids import new_id
from signaling.attempt import Outcome, attempt, invalid_input
from signaling.context import AppContext
from signaling.http import UNSAFE_METHODS, File, Request, Route
from signaling.limiter import Limiter
from signaling.metrics import HTTP_SECONDS
from signaling.security import (
    CSRF_HEADER,
    SESSION_COOKIE,
    check_origin,
    is_known_host,
    remote_address,
    secure,
)
from signaling.storable import check_storable, is_storable

log = structlog.get_logger(__name__)

MIB = 1024 * 1024
_Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Application:
    """Serves the routes of one AppContext."""

    def __init__(self, app: AppContext, routes: Sequence[Route]) -> None:
        self._app = app
        self._limiter = Limiter()
        self._routes = [route for route in routes if app.is_demo or not route.demo_only]

    def build(self) -> web.Application:
        """The aiohttp application, to which the edge adds Socket.IO and the pages."""
        most = max((route.max_body_mib for route in self._routes), default=1.0)
        application = web.Application(
            middlewares=[self._outermost()], client_max_size=int(most * MIB) + 1
        )
        for route in self._routes:
            application.router.add_route(route.method, route.path, self._endpoint(route))
        return application

    def _outermost(self) -> Any:
        is_https, http = self._app.settings.is_https, self._app.settings.http

        @web.middleware
        async def outermost(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            try:
                if not is_known_host(request.host, http.host, http.public_url):
                    return fault(NotAllowed("this name is not the server's", code="host"))
                response = await handler(request)
            except web.HTTPException as raised:
                response = _http_fault(request, raised)
            if not response.prepared:
                secure(response, is_https=is_https)
            return response

        return outermost

    def _endpoint(self, route: Route) -> _Endpoint:
        async def endpoint(raw: web.Request) -> web.StreamResponse:
            began = time.perf_counter()
            trace = new_id()
            outcome = await attempt(
                self._serve(route, raw), what=route.name, deadline_s=route.deadline_s, trace=trace
            )
            response = _answer(outcome)
            response.headers["X-Request-Id"] = trace
            response.headers.setdefault("Cache-Control", "no-store")
            HTTP_SECONDS.labels(route.method, route.path, str(response.status)).observe(
                time.perf_counter() - began
            )
            return response

        return endpoint

    async def _serve(self, route: Route, raw: web.Request) -> web.StreamResponse:
        settings = self._app.settings.http
        remote = remote_address(
            raw.remote, raw.headers.get("X-Forwarded-For"), settings.trusted_proxies
        )
        if route.method in UNSAFE_METHODS:
            check_origin(
                raw.headers.get("Origin"),
                raw.headers.get("Sec-Fetch-Site"),
                raw.host,
                settings.public_url,
            )
        if not all(is_storable(value) for value in raw.match_info.values()):
            raise NotFound("no such address")
        session = await self._session(route, raw)
        await self._count(route, session, remote)
        request: Request[Any, Any] = Request(
            app=self._app,
            visitor=session.principal if session else None,
            session=session,
            query=_query(route, raw.query),
            body=await _body(route, raw),
            path=dict(raw.match_info),
            remote=remote,
            raw=raw,
            limiter=self._limiter,
        )
        await check_scope(route, request)
        return _response(route, await route.handler(request))

    async def _session(self, route: Route, raw: web.Request) -> Session | None:
        """The session of the request; None only where the route is public.

        Raises: NotSignedIn, NotAllowed.
        """
        is_public = route.permission is Permission.PUBLIC
        cookie = raw.cookies.get(SESSION_COOKIE)
        if cookie is None:
            if is_public:
                return None
            raise NotSignedIn("sign in first")
        try:
            session = await self._app.auth.resolve(cookie)
        except NotSignedIn:
            if is_public:
                return None
            raise
        if route.method in UNSAFE_METHODS and not is_public:
            given = raw.headers.get(CSRF_HEADER, "")
            if not self._app.auth.tokens.is_csrf(session.id, given):
                raise NotAllowed(f"the header {CSRF_HEADER} is missing or stale", code="csrf")
        check_permission(route, session)
        return session

    async def _count(self, route: Route, session: Session | None, remote: str) -> None:
        settings = self._app.settings.http
        caller = session.principal.user_id if session else remote
        if route.rate is not None:
            await self._limiter.hit(route.rate, route.name, caller)
        rate = (
            settings.user_requests_per_minute if session else settings.visitor_requests_per_minute
        )
        await self._limiter.hit(f"{rate}/minute", "all", caller)


def check_permission(route: Route, session: Session) -> None:
    """May this session use `route` at all? The unit scope comes later.

    Raises: NotAllowed.
    """
    if route.permission is Permission.PUBLIC:
        return
    if session.must_change_password and not route.before_password_change:
        raise NotAllowed("set a new password first", code="password_change_needed")
    if route.is_county_wide:
        require_everywhere(session.principal, route.permission)
    elif route.permission is not Permission.SIGNED_IN:
        require(session.principal, route.permission)


async def check_scope(route: Route, request: Request[Any, Any]) -> None:
    """The permission must reach the unit the route names.

    Raises: NotAllowed, NotFound.
    """
    if route.unit is not None:
        require(request.principal, route.permission, await route.unit(request))


def _query(route: Route, given: "MultiMapping[str]") -> BaseModel | None:
    if route.query is None:
        if given:
            raise InvalidInput("unknown parameter", field=next(iter(given)))
        return None
    values: dict[str, Any] = {}
    for key in given:
        field = route.query.model_fields.get(key)
        is_many = field is not None and get_origin(field.annotation) in {tuple, list, set}
        values[key] = given.getall(key) if is_many else given[key]
    check_storable(values)
    try:
        return route.query.model_validate(values)
    except ValidationError as error:
        raise invalid_input(error) from error


async def _body(route: Route, raw: web.Request) -> BaseModel | bytes | None:
    if route.body is None:
        return None
    limit = int(route.max_body_mib * MIB)
    if (raw.content_length or 0) > limit:
        raise _too_large(route)
    received = bytearray()
    async for chunk in raw.content.iter_chunked(64 * 1024):
        received += chunk
        if len(received) > limit:
            raise _too_large(route)
    if route.body is bytes:
        return bytes(received)
    if raw.content_type != "application/json":
        raise InvalidInput("send application/json", field="body", code="content_type")
    assert issubclass(route.body, BaseModel)
    try:
        parsed = route.body.model_validate_json(bytes(received))
    except ValidationError as error:
        raise invalid_input(error) from error
    if b"\\u0000" in received:  # the one sign JSON can carry here that no database can
        check_storable(json.loads(received))
    return parsed


def _too_large(route: Route) -> TooMany:
    return TooMany(f"at most {route.max_body_mib:g} MiB", field="body", code="too_large")


def _response(route: Route, result: object) -> web.StreamResponse:
    if isinstance(result, web.StreamResponse):
        return result
    if result is None:
        return web.Response(status=204)
    if isinstance(result, File):
        return _download(result)
    if not isinstance(result, BaseModel):
        raise TypeError(f"{route.name} returned {type(result).__name__}")
    return web.Response(
        status=route.status, body=result.model_dump_json().encode(), content_type="application/json"
    )


def _download(file: File) -> web.Response:
    from_header = web.Response(body=file.content, content_type=file.content_type)
    disposition = "inline" if file.is_inline else "attachment"
    from_header.headers["Content-Disposition"] = (
        f"{disposition}; filename*=UTF-8''{_percent(file.name)}"
    )
    return from_header


def _percent(name: str) -> str:
    kept = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
    return "".join(chr(b) if b in kept else f"%{b:02X}" for b in name.encode())


def _answer(outcome: "Outcome[web.StreamResponse]") -> web.StreamResponse:
    if outcome.error is not None:
        return fault(outcome.error)
    assert outcome.value is not None
    return outcome.value


def fault(error: AppError) -> web.Response:
    """The answer that carries `error`."""
    response = web.Response(
        status=413 if error.wire_code == "too_large" else error.http_status,
        body=json.dumps({"error": error.as_wire()}, ensure_ascii=False).encode(),
        content_type="application/json",
    )
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = "5"
    return response


def _http_fault(request: web.Request, raised: web.HTTPException) -> web.StreamResponse:
    if raised.status < 400:
        return raised
    if raised.status == 404:
        return fault(NotFound("no such address"))
    response = fault(InvalidInput(raised.reason, code="http"))
    response.set_status(raised.status)
    if "Allow" in raised.headers:
        response.headers["Allow"] = raised.headers["Allow"]
    return response
