"""What /readyz and /metrics say, and to whom."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.version import VERSION

ROOT = Path(__file__).resolve().parents[3]


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


async def test_every_figure_the_alarm_rules_name_is_told(county: Any) -> None:
    """docs/prometheus-rules.yml is what docs/operations.md tells an operator to load."""
    admin = await county.signed_in("admin")
    status, text = await admin.call("GET", "/metrics")
    assert status == 200
    assert 'fengsui_component_ready{component="database"} 1' in text
    rules = (ROOT / "docs" / "prometheus-rules.yml").read_text("utf-8")
    named = set(re.findall(r"\bfengsui_\w+", rules))
    told = set(re.findall(r"^# TYPE (fengsui_\w+)", text, re.MULTILINE))
    told |= {f"{name}_{part}" for name in told for part in ("bucket", "count", "sum")}
    assert len(named) >= 5
    assert named - told == set()
