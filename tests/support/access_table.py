"""Who may what: the committed table (tests/unit/signaling/access.csv) beside the code's own gates.

The table is written by hand: a permission moved by mistake must contradict it. See the differences,
ready for `patch -p1`, with

    .venv/bin/python -m tests.support.access_table

`scope` says what else is asked of who holds the permission only in a township:

| open | anybody, or anybody signed in: one's own session, whether the server lives |
| all | nothing: the answer belongs to no unit (plans, arithmetic) |
| list | it shows what is in reach and no more |
| unit | the object named, in path or body, must be in reach |
| county | it belongs to the whole county: no township's role suffices |
| handler | the gate is open; the handler asks for the permission or a token itself |
"""

import asyncio
import csv
import difflib
import io
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from core.auth.model import Grant, Permission, Principal, Role, Session
from core.errors import NotAllowed
from core.ids import UserId
from signaling.app import add_components, build
from signaling.application import check_permission
from signaling.context import AppContext
from signaling.edge import SocketEvent, authorize
from signaling.http import Route
from signaling.settings import load
from signaling.topics import LinkPrincipal, TopicKind

TABLE = Path(__file__).resolve().parents[1] / "unit" / "signaling" / "access.csv"
SCOPES = {"open", "all", "list", "unit", "county", "handler"}
ANYBODY, LINK = "anybody", "link"
WHO = (ANYBODY, LINK, *(role.value for role in Role))
LINK_HOLDER = LinkPrincipal("l", "m", "m", "t03", "烽台镇", "site")


@dataclass(frozen=True)
class Row:
    """One route, event or topic: its scope, and who passes the gate."""

    name: str
    scope: str
    may: frozenset[str]


def session(role: Role, path: str = "county/", *, must_change_password: bool = False) -> Session:
    """A session of somebody with `role` at `path`."""
    principal = Principal(UserId("u"), "某人", None, (Grant(role, path),))
    return Session("s", principal, must_change_password, "u")


def passes(route: Route, held: Session) -> bool:
    """Whether the gate of `route` lets this session in."""
    try:
        check_permission(route, held)
    except NotAllowed:
        return False
    return True


def committed() -> dict[str, Row]:
    """The table as it is in the repository."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [
            Row(line["name"], line["scope"], frozenset(who for who in WHO if line[who] == "x"))
            for line in csv.DictReader(file)
        ]
    return {row.name: row for row in rows}


def of_code(app: AppContext, known: Mapping[str, Row]) -> list[Row]:
    """What the gates of a built application say; a scope they do not say is taken from `known`."""
    parts = {part.name: part for part in add_components(app)}
    server, sockets = parts["http"], parts["sockets"]
    routes = {route.name: route for route in server.routes}  # type: ignore[attr-defined]
    served = _served(server.application)  # type: ignore[attr-defined]
    rows = [_of_route(routes.get(name), name, known) for name in served]
    rows += [_of_event(event) for event in sockets.events.values()]  # type: ignore[attr-defined]
    rows += [_of_topic(kind, known) for kind in app.topics.kinds.values()]
    return sorted(rows, key=lambda row: row.name.split(" ", 1)[::-1])


def _served(application: web.Application) -> list[str]:
    """Every method and path the server really answers, in the order of its table."""
    names = []
    for route in application.router.routes():
        canonical = route.resource.canonical if route.resource is not None else ""
        if route.method != "HEAD":
            names.append(f"{route.method} {canonical}")
    return names


def _of_route(route: Route | None, name: str, known: Mapping[str, Row]) -> Row:
    if route is None:  # a page, a file, the description of the API, Socket.IO's own address
        return Row(name, "open", frozenset(WHO))
    if name in known and known[name].scope == "handler":
        return known[name]
    is_public = route.permission is Permission.PUBLIC
    roles = {role.value for role in Role if passes(route, session(role))}
    return Row(
        name, _scope(name, route.permission, known, is_county_wide=route.is_county_wide),
        frozenset(roles | ({ANYBODY, LINK} if is_public else set())),
    )  # fmt: skip


def _of_event(event: SocketEvent) -> Row:
    roles = {role.value for role in Role if _authorized(event, session(role).principal)}
    link = {LINK} if _authorized(event, LINK_HOLDER) else set()
    return Row(f"event {event.name}", "unit", frozenset(roles | link))


def _authorized(event: SocketEvent, visitor: Principal | LinkPrincipal) -> bool:
    try:
        authorize(event, visitor)
    except NotAllowed:
        return False
    return True


def _of_topic(kind: TopicKind, known: Mapping[str, Row]) -> Row:
    name = f"topic {kind.prefix}"
    route = Route("GET", "/", _nothing, kind.permission, is_county_wide=kind.is_county_wide)
    roles = {role.value for role in Role if passes(route, session(role))}
    return Row(
        name, _scope(name, kind.permission, known, is_county_wide=kind.is_county_wide),
        frozenset(roles | ({LINK} if kind.is_open_to_links else set())),
    )  # fmt: skip


async def _nothing(_request: object) -> None:
    """A handler that is never called."""


def _scope(
    name: str, permission: Permission, known: Mapping[str, Row], *, is_county_wide: bool
) -> str:
    if is_county_wide:
        return "county"
    if permission in {Permission.PUBLIC, Permission.SIGNED_IN}:
        return "open"
    return known[name].scope if name in known else "say-which"


def as_text(rows: Iterable[Row]) -> str:
    """The rows as the file holds them."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(["name", "scope", *WHO])
    for row in rows:
        writer.writerow([row.name, row.scope, *("x" if who in row.may else "-" for who in WHO)])
    return output.getvalue()


async def differences() -> str:
    """What `patch -p1` would have to change in the committed table; empty when nothing."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load({}, overrides={"data": {"dir": folder}})
        async with build(settings, is_demo=True) as app:
            now = as_text(of_code(app, committed()))
    name = TABLE.relative_to(TABLE.parents[3]).as_posix()
    lines = difflib.unified_diff(
        TABLE.read_text("utf-8").splitlines(keepends=True), now.splitlines(keepends=True),
        f"a/{name}", f"b/{name}",
    )  # fmt: skip
    return "".join(lines)


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(differences()))
