"""Who came by a meeting link: nothing but the room, and only as long as the link stands."""

from datetime import timedelta
from typing import Any

import pytest
from socketio.exceptions import ConnectionError as Refused

from conf.model import MeetingOrder, SiteInvite, SiteRole
from core.auth.model import Grant, Principal, Role
from core.ids import UnitId, UserId
from directory.model import UnitDraft, UnitKind
from signaling import routes

SYSTEM = Principal(UserId("system"), "system", None, (Grant(Role.ADMIN, ""),))


async def _open(county: Any, *, key: str = "meeting-one") -> tuple[str, str, str]:
    """A meeting of the county. Returns: its id, its link's id, the link's token."""
    app = county.app
    async with app.database.write() as uow:
        if not await app.directory.subtree(uow, ""):
            draft = UnitDraft("青澜县", UnitKind.COUNTY, None, id="county")
            await app.part("register").create_unit(uow, SYSTEM, draft)
        site = SiteInvite(UnitId("county"), "青澜县", SiteRole.SITE)
        opened = await app.meetings.open(
            uow,
            MeetingOrder(
                key=key, title="会商", unit_path="county/", starts_at=uow.now,
                ends_at=uow.now + timedelta(hours=1), sites=(site,), opened_by="u",
            ),
        )  # fmt: skip
        await uow.session.flush()
        (row,) = await app.meetings.sites(uow, opened.meeting_id)
    return opened.meeting_id, row.id, opened.paths[UnitId("county")].rpartition("/")[2]


async def test_a_link_opens_no_event_and_no_topic_but_its_room(county: Any) -> None:
    _, _, token = await _open(county)
    other, _, _ = await _open(county, key="meeting-two")
    line = await (await county.browser()).socket({"protocol": 1, "join": token})
    for topic in (*county.app.topics.kinds, "incident:x", "message:x", f"room:{other}"):
        answer = await line.ask("topic.subscribe", {"topic": topic})
        assert answer["error"]["code"] in {"not_allowed", "not_found"}, topic
    for event in routes.all_events():
        if not event.is_open_to_links:
            answer = await line.ask(event.name, {})
            assert answer["error"]["code"] == "not_allowed", event.name


async def test_a_link_is_no_session(county: Any) -> None:
    """A link holder's browser has no cookie: every route but the public ones refuses it."""
    _, _, token = await _open(county)
    guest = await county.browser()
    assert (await guest.call("GET", f"/api/v1/links/{token}"))[0] == 200
    for route in routes.all_routes():
        if "{" not in route.path and route.permission != "public" and not route.demo_only:
            assert (await guest.call(route.method, route.path))[0] == 401, route.name


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_who_sits_by_an_old_link_is_put_out(county: Any, method: str) -> None:
    """Renewed or revoked: a leaked link must not keep what it opened before."""
    meeting_id, link_id, token = await _open(county)
    guest = await county.browser()
    line = await guest.socket({"protocol": 1, "join": token})
    staff = await county.signed_in("meeting_staff")
    path = f"/api/v1/meetings/{meeting_id}/links/{link_id}"
    assert (await staff.call(method, path, {} if method == "POST" else None))[0] in {200, 204}
    await line.client.wait()
    assert not line.client.connected
    with pytest.raises(Refused, match="link_unknown"):
        await guest.socket({"protocol": 1, "join": token})
