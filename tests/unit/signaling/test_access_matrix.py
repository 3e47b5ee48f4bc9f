"""Every HTTP route and every Socket.IO event × every role: only who holds the permission passes."""

import re

import pytest

from core.auth.model import (
    ROLE_PERMISSIONS,
    Grant,
    Permission,
    Principal,
    Role,
    Session,
)
from core.errors import NotAllowed
from core.ids import UserId
from signaling import routes
from signaling.application import check_permission
from signaling.edge import SocketEvent, authorize
from signaling.http import UNSAFE_METHODS, Route
from signaling.sockets import topic_events
from signaling.topics import LinkPrincipal

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


def _session(role: Role, *, must_change_password: bool = False) -> Session:
    principal = Principal(UserId("u"), "某人", None, (Grant(role, "county/"),))
    return Session("s", principal, must_change_password, "u")


def _passes(route: Route, session: Session) -> bool:
    try:
        check_permission(route, session)
    except NotAllowed:
        return False
    return True


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
@pytest.mark.parametrize("role", Role)
def test_a_route_lets_in_who_holds_its_permission(route: Route, role: Role) -> None:
    expected = route.permission in OPEN | ROLE_PERMISSIONS[role]
    assert _passes(route, _session(role)) is expected


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
@pytest.mark.parametrize("role", Role)
def test_an_event_lets_in_who_holds_its_permission(event: SocketEvent, role: Role) -> None:
    expected = event.permission in OPEN | ROLE_PERMISSIONS[role]
    try:
        authorize(event, _session(role).principal)
        passed = True
    except NotAllowed:
        passed = False
    assert passed is expected


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_a_meeting_link_opens_rooms_and_topics_only(event: SocketEvent) -> None:
    link = LinkPrincipal("l", "m", "m", "t03", "烽台镇", "site")
    if event.name.startswith(("room.", "topic.")):
        assert event.is_open_to_links
    if not event.is_open_to_links:
        with pytest.raises(NotAllowed):
            authorize(event, link)


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
    session = _session(Role.ADMIN, must_change_password=True)
    may = route.permission is Permission.PUBLIC or route.name in BEFORE_PASSWORD_CHANGE
    assert _passes(route, session) is may


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
