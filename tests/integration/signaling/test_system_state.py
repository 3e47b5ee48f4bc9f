"""What /readyz and /metrics say, and to whom."""

from collections.abc import Callable
from typing import Any

from core.version import VERSION


async def test_a_disk_that_fills_is_told_before_it_is_full(
    sqlite_url: str, make_settings: Callable[..., Any], edge: Callable[..., Any]
) -> None:
    settings = make_settings(sqlite_url)
    data = settings.data.model_copy(update={"min_free_mib": 10**9})
    async with edge(settings.model_copy(update={"data": data})) as server:
        status, answer = await (await server.browser()).call("GET", "/readyz")
        (disk,) = [one for one in answer["components"] if one["name"] == "disk"]
        assert disk["is_ready"] is True
        assert "free some space" in disk["note"]
        assert status == 200


async def test_figures_are_for_who_may_see_them(county: Any) -> None:
    stranger = await county.browser()
    assert (await stranger.call("GET", "/metrics"))[0] == 401
    for header in ("Bearer ", "Bearer x", "Bearer \udcff"):
        assert (await stranger.call("GET", "/metrics", Authorization=header))[0] == 401
    assert (await (await county.signed_in("leader")).call("GET", "/metrics"))[0] == 403


async def test_alive_and_status_name_the_same_version(county: Any) -> None:
    """The one that `server.py --version` prints: see test_command_line."""
    admin = await county.signed_in("admin")
    assert (await admin.call("GET", "/healthz"))[1] == {"status": "ok", "version": VERSION}
    assert (await admin.call("GET", "/api/v1/system"))[1]["version"] == VERSION
