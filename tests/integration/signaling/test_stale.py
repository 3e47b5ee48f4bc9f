"""Two people change the same thing: the second is told who was first, and nothing is lost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.auth.model import Grant, Role
from support.estate import estate_of, found

pytestmark = pytest.mark.timeout(60)
_DIRECTORY = "/api/v1/directory"
CHANGES = (
    ("PUT", f"{_DIRECTORY}/units/{{unit_id}}"),
    ("PUT", f"{_DIRECTORY}/people/{{person_id}}"),
    ("PUT", f"{_DIRECTORY}/groups/{{group_id}}"),
    ("PUT", "/api/v1/hazards/{hazard_id}"),
    ("PUT", "/api/v1/roster/{shift_id}"),
    ("PUT", "/api/v1/sms/templates"),
    ("PUT", "/api/v1/cameras/{camera_id}"),
    ("PATCH", "/api/v1/users/{user_id}"),
    ("PATCH", "/api/v1/incidents/{incident_id}"),
)
REMOVALS = (
    f"{_DIRECTORY}/people/{{person_id}}", f"{_DIRECTORY}/groups/{{group_id}}",
    "/api/v1/hazards/{hazard_id}", "/api/v1/roster/{shift_id}",
    "/api/v1/sms/templates/{template_id}", "/api/v1/cameras/{camera_id}",
)  # fmt: skip


async def test_the_second_writer_learns_who_was_first_and_when(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(backed()) as server:
        await found(server)
        roles = [Grant(role, "county/") for role in Role]
        await server.add_user("second", *roles, must_change_password=False)
        first, second = [await server.signed_in(login) for login in ("owner", "second")]
        estate = await estate_of(server, first)

        def told(answer: Any) -> None:
            error = answer["error"]
            assert error["code"] == "stale", error
            assert error["changed_by"] == "owner", error
            at = datetime.fromisoformat(error["changed_at"])
            assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)

        for method, path in CHANGES:
            body = estate.bodies[f"{method} {path}"]
            address = path.format(**estate.ids)
            assert (await first.call(method, address, body))[0] in {200, 204}, path
            status, answer = await second.call(method, address, body)
            assert status == 409, (path, answer)
            told(answer)
        for path in REMOVALS:
            status, answer = await second.call("DELETE", f"{path.format(**estate.ids)}?version=1")
            assert status == 409, (path, answer)
            told(answer)


async def test_the_holders_of_a_post_are_not_written_over_unseen(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(backed()) as server:
        await found(server)
        first = await server.signed_in("owner")
        post = f"{_DIRECTORY}/units/t2/appointments/head"
        vacant = {"person_ids": [], "seen_ids": ["zhao"]}
        assert (await first.call("PUT", post, vacant))[0] == 200
        status, answer = await first.call("PUT", post, {"person_ids": [], "seen_ids": ["zhao"]})
        assert (status, answer["error"]["code"]) == (409, "stale")
        assert answer["error"]["changed_by"] == "owner"
        status, held = await first.call("PUT", post, {"person_ids": ["zhao"], "seen_ids": []})
        assert (status, [one["person"]["id"] for one in held["items"]]) == (200, ["zhao"])


async def test_a_new_template_does_not_replace_one_of_the_same_name(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(backed()) as server:
        await found(server)
        first = await server.signed_in("owner")
        draft = {"unit_id": "t2", "name": "集合", "text": "请到镇政府集合"}
        assert (await first.call("PUT", "/api/v1/sms/templates", draft))[1]["version"] == 1
        status, answer = await first.call("PUT", "/api/v1/sms/templates", {**draft, "text": "散会"})
        assert (status, answer["error"]["code"]) == (409, "name_taken")
        gone = {**draft, "name": "散会", "version": 3}
        assert (await first.call("PUT", "/api/v1/sms/templates", gone))[0] == 404
