"""Whatever bytes a stranger sends, the answer is a fault with its class, never a 500."""

from typing import Any

import pytest

LONG = "a" * 300


@pytest.mark.parametrize("path", ["/%00.js", "/assets/%00.js", f"/{LONG}.js", "/%FF%FE.js"])
async def test_an_address_no_file_can_have_is_not_found(county: Any, path: str) -> None:
    browser = await county.browser()
    async with browser.http.get(county.url + path) as response:
        assert response.status == 404
        assert "Content-Security-Policy" in response.headers


@pytest.mark.parametrize("cookie", ["a.\udcff\udcfe", "\udce4\udcb8.b", "….x", "a" * 4000])
async def test_any_cookie_is_read(county: Any, cookie: str) -> None:
    browser = await county.browser()
    sent = f"fengsui_session={cookie}"
    assert (await browser.call("GET", "/api/v1/session", Cookie=sent))[0] == 401


async def test_any_csrf_value_is_read(county: Any) -> None:
    browser = await county.signed_in("auditor")
    status, answer = await browser.call("POST", "/api/v1/audit/verify", {}, X_CSRF_Token="\udcff")
    assert (status, answer["error"]["code"]) == (403, "csrf")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/audit?before_seq=2147483648",
        "/api/v1/audit?before_seq=9223372036854775808",
        "/api/v1/audit?actor=%00",
        "/api/v1/audit?since=2026-01-01T00:00:00",
    ],
)
async def test_a_value_no_column_can_hold_is_invalid(county: Any, path: str) -> None:
    browser = await county.signed_in("auditor")
    status, answer = await browser.call("GET", path)
    assert status in {200, 422}, answer  # SQLite's numbers are wider than PostgreSQL's


async def test_an_id_with_nul_names_nothing(county: Any) -> None:
    browser = await county.signed_in("admin")
    for path in ("users/%00", "users/a%00b", "directory/units/%00/appointments"):
        assert (await browser.call("GET", f"/api/v1/{path}"))[0] == 404


async def test_a_text_with_nul_is_refused_by_name(county: Any) -> None:
    browser = await county.signed_in("admin")
    grants = [{"role": "auditor", "unit_path": "county/"}]
    body = {"username": "someone", "name": "a\0b", "grants": grants}
    status, answer = await browser.call("POST", "/api/v1/users", body)
    assert (status, answer["error"]["field"]) == (422, "name")


@pytest.mark.parametrize("text", ["\0", "\ud800"])
async def test_a_message_with_such_a_sign_is_refused(county: Any, text: str) -> None:
    line = await (await county.signed_in("auditor")).socket()
    answer = await line.ask("topic.subscribe", {"topic": "incidents", "epoch": text})
    assert answer["error"]["code"] in {"unstorable", "invalid_input"}
