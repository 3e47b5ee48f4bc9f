"""Every HTTP route, Socket.IO event and topic × every role, against a table written by hand.

That a running server holds to it is tests/integration/signaling/test_access_live.py.
"""

import re

import pytest

from core.auth.model import ROLE_PERMISSIONS, Permission, Role
from core.errors import NotAllowed
from signaling import routes
from signaling.edge import SocketEvent, authorize
from signaling.http import UNSAFE_METHODS, Route
from signaling.sockets import topic_events
from support.access_table import LINK_HOLDER, SCOPES, committed, differences, passes, session

ROUTES = routes.all_routes()
EVENTS = [*routes.all_events(), *topic_events()]
OPEN = {Permission.PUBLIC, Permission.SIGNED_IN}
PUBLIC = {
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",  # its handler asks for system.read or http.metrics_token
    "POST /api/v1/session",
    "GET /api/v1/links/{token}",
}
"""What anybody may ask without a session; a new entry here is a decision."""
BEFORE_PASSWORD_CHANGE = {
    "GET /api/v1/session",
    "DELETE /api/v1/session",
    "POST /api/v1/session/password",
}


@pytest.mark.holds_loop
async def test_the_gates_let_in_whom_the_committed_table_names() -> None:
    """The table is written by hand, so that a right moved by mistake contradicts it."""
    assert await differences() == "", "see python -m tests.support.access_table"


def test_every_scope_is_decided() -> None:
    assert {row.scope for row in committed().values()} <= SCOPES


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_a_meeting_link_opens_rooms_and_topics_only(event: SocketEvent) -> None:
    if event.name.startswith(("room.", "topic.")):
        assert event.is_open_to_links
    if not event.is_open_to_links:
        with pytest.raises(NotAllowed):
            authorize(event, LINK_HOLDER)


@pytest.mark.parametrize("declared", [*ROUTES, *EVENTS], ids=lambda one: one.name)
def test_each_declares_a_known_permission(declared: Route | SocketEvent) -> None:
    assert isinstance(declared.permission, Permission)
    if declared.permission not in OPEN:
        holders = [role for role, held in ROLE_PERMISSIONS.items() if declared.permission in held]
        assert holders, f"nobody can ever use {declared.name}"


def test_what_is_public_is_known_by_name() -> None:
    assert {route.name for route in ROUTES if route.permission is Permission.PUBLIC} == PUBLIC


def test_no_event_is_public() -> None:
    assert not [event.name for event in EVENTS if event.permission is Permission.PUBLIC]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_before_the_password_is_changed_little_is_open(route: Route) -> None:
    first = session(Role.ADMIN, must_change_password=True)
    may = route.permission is Permission.PUBLIC or route.name in BEFORE_PASSWORD_CHANGE
    assert passes(route, first) is may


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_is_well_formed(route: Route) -> None:
    """A GET changes nothing and has no body; what is described has a summary and a place."""
    assert route.summary, "say in a few words what it does"
    assert route.method in UNSAFE_METHODS | {"GET"}
    assert route.method != "GET" or route.body is None
    assert re.match(r"/(api/v1/[a-z]|healthz|readyz|metrics)", route.path), route.path


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_an_event_is_well_formed(event: SocketEvent) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", event.name)
    assert event.request is not None
    assert event.summary
    assert event.deadline_s <= 10
