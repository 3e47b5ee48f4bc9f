"""A plan is checked before it is put into force, and an older version can be brought back."""

from collections.abc import Callable
from typing import Any

import pytest

from support.estate import found

pytestmark = pytest.mark.timeout(60)
PLANS = "/api/v1/plans"


async def test_a_plan_is_checked_published_and_brought_back(
    backed: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    async with edge(backed()) as server:
        await found(server)
        owner = await server.signed_in("owner")
        _, first = await owner.call("GET", f"{PLANS}/flood")
        changed = {**first, "title": "防汛抗旱应急预案（修订）"}
        broken = {**first, "roles": first["roles"][:-1]}
        status, answer = await owner.call("POST", f"{PLANS}/check", broken)
        assert (status, answer["error"]["code"]) == (422, "invalid_input")
        assert answer["error"]["field"]
        status, weighed = await owner.call("POST", f"{PLANS}/check", changed)
        assert (status, weighed["newest_version"]) == (200, first["version"])
        assert weighed["plan"]["title"] == changed["title"]
        assert (await owner.call("GET", f"{PLANS}/flood"))[1] == first  # nothing was stored
        new = {**changed, "version": first["version"] + 1}
        assert (await owner.call("POST", PLANS, new))[0] == 201
        assert (await owner.call("POST", PLANS, new))[0] == 409
        _, older = await owner.call("GET", f"{PLANS}/flood?version={first['version']}")
        back = {**older, "version": first["version"] + 2}
        assert (await owner.call("POST", PLANS, back))[0] == 201
        assert (await owner.call("GET", f"{PLANS}/flood"))[1]["title"] == first["title"]
        _, versions = await owner.call("GET", f"{PLANS}/flood/versions")
        told = [(one["version"], one["is_current"]) for one in versions["items"]]
        assert told == [(first["version"] + n, n == 2) for n in (2, 1, 0)]
        assert (await owner.call("GET", f"{PLANS}/nothing/versions"))[0] == 404
