"""What every HTTP request goes through, whatever its route."""

import io
from typing import Any

import pytest
from yarl import URL

from core.auth.model import Grant, Role


async def test_what_changes_something_needs_the_csrf_header(county: Any) -> None:
    browser = await county.signed_in("auditor")
    path = "/api/v1/audit/verify"
    assert (await browser.call("POST", path, {}))[0] == 200
    for wrong in ("", "0" * 32):
        status, answer = await browser.call("POST", path, {}, X_CSRF_Token=wrong)
        assert (status, answer["error"]["code"]) == (403, "csrf")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
async def test_another_sites_page_can_neither_change_nor_sign_in(
    county: Any, headers: dict[str, str]
) -> None:
    browser = await county.signed_in("auditor")
    status, answer = await browser.call("POST", "/api/v1/audit/verify", {}, **headers)
    assert (status, answer["error"]["code"]) == (403, "origin")
    credentials = {"username": "auditor", "password": "x"}
    status, answer = await browser.call("POST", "/api/v1/session", credentials, **headers)
    assert (status, answer["error"]["code"]) == (403, "origin")


async def test_a_name_pointed_at_the_loopback_is_not_taken_for_us(county: Any) -> None:
    """DNS rebinding: evil.example resolves to 127.0.0.1, so Origin and Host agree."""
    browser = await county.browser()
    for path in ("/", "/api/v1/session", "/socket.io/?EIO=4&transport=polling"):
        status, answer = await browser.call("GET", path, Host="evil.example:8080")
        assert (status, answer["error"]["code"]) == (403, "host")


async def test_our_own_page_may(county: Any) -> None:
    browser = await county.signed_in("auditor")
    own = {"Origin": county.url, "Sec_Fetch_Site": "same-origin"}
    assert (await browser.call("POST", "/api/v1/audit/verify", {}, **own))[0] == 200


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/audit?limit=0", "limit"),
        ("/api/v1/audit?limit=many", "limit"),
        ("/api/v1/audit?colour=red", "colour"),
        ("/api/v1/system?x=1", "x"),
    ],
)
async def test_a_bad_parameter_is_named(county: Any, path: str, field: str) -> None:
    browser = await county.signed_in("auditor")
    status, answer = await browser.call("GET", path)
    assert (status, answer["error"]["code"], answer["error"]["field"]) == (
        422, "invalid_input", field,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "a"}, "password"),
        ({"username": "a", "password": "b", "admin": True}, "admin"),
        ({"username": ["a"], "password": "b"}, "username"),
        ([], None),
        (None, None),
    ],
)
async def test_a_bad_body_is_named(county: Any, body: Any, field: str | None) -> None:
    browser = await county.browser()
    status, answer = await browser.call("POST", "/api/v1/session", body)
    assert status == 422
    assert field is None or answer["error"]["field"] == field


async def test_a_body_that_is_not_json_or_too_large_is_refused(county: Any) -> None:
    browser = await county.browser()
    url = county.url + "/api/v1/session"
    async with browser.http.post(url, data={"username": "a", "password": "b"}) as response:
        assert response.status == 422
        assert (await response.json())["error"]["code"] == "content_type"
    headers = {"Content-Type": "application/json"}
    async with browser.http.post(
        url, data=io.BytesIO(b" " * (2 << 20)), headers=headers
    ) as response:
        assert response.status == 413
        assert (await response.json())["error"]["code"] == "too_large"


async def test_unknown_addresses_and_methods_answer_in_the_same_form(county: Any) -> None:
    browser = await county.browser()
    status, answer = await browser.call("GET", "/api/v1/nothing")
    assert (status, answer["error"]["code"]) == (404, "not_found")
    status, answer = await browser.call("PUT", "/api/v1/session", {})
    assert status == 405
    assert "error" in answer


async def test_every_answer_carries_the_security_headers(county: Any) -> None:
    browser = await county.browser()
    for path in (
        "/",
        "/healthz",
        "/api",
        "/api/v1/session",
        "/api/v1/nothing",
        "/j/abcdefghijklmnopq",
    ):
        async with browser.http.get(county.url + path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self'" in policy
            assert "unsafe-eval" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer", "a join link is secret"
            assert response.headers["X-Frame-Options"] == "DENY"


async def test_answers_of_the_api_are_not_kept_by_caches(county: Any) -> None:
    browser = await county.browser()
    async with browser.http.get(county.url + "/api/v1/session") as response:
        assert response.headers["Cache-Control"] == "no-store"


async def test_health_needs_no_sign_in_and_metrics_do(county: Any) -> None:
    browser = await county.browser()
    status, health = await browser.call("GET", "/healthz")
    assert (status, health["status"]) == (200, "ok")
    status, ready = await browser.call("GET", "/readyz")
    assert status == 200, ready
    assert {"database", "events", "timers", "relay", "http"} <= {
        component["name"] for component in ready["components"]
    }
    assert (await browser.call("GET", "/metrics"))[0] == 401
    auditor = await county.signed_in("auditor")
    status, text = await auditor.call("GET", "/metrics")
    assert status == 200
    assert "fengsui_http_request_seconds" in text
    assert "fengsui_loop_lag_p99_seconds" in text


async def test_metrics_need_the_permission_or_the_token(
    sqlite_url: str, make_settings: Any, edge: Any
) -> None:
    settings = make_settings(sqlite_url, http={"metrics_token": "prometheus-reads"})
    async with edge(settings) as server:
        await server.add_user(
            "boss", Grant(Role.VILLAGE_REPORTER, "x/"), must_change_password=False
        )
        browser = await server.browser()
        good, bad = "Bearer prometheus-reads", "Bearer something-else"
        assert (await browser.call("GET", "/metrics", Authorization=good))[0] == 200
        assert (await browser.call("GET", "/metrics", Authorization=bad))[0] == 401
        reporter = await server.signed_in("boss")
        assert (await reporter.call("GET", "/metrics"))[0] == 403


async def test_the_description_is_served_and_readable(county: Any) -> None:
    browser = await county.browser()
    status, document = await browser.call("GET", "/api/openapi.json")
    assert (status, document["openapi"]) == (200, "3.1.0")
    status, page = await browser.call("GET", "/api")
    assert status == 200
    assert "/api/v1/session" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    "path", ["/../server.py", "/assets/../../pyproject.toml", "/%2e%2e/server.py"]
)
async def test_no_file_outside_the_pages_is_served(county: Any, path: str) -> None:
    browser = await county.browser()
    async with browser.http.get(URL(county.url + path, encoded=True)) as response:
        text = await response.text()
    assert "Fengsui's command line" not in text
    assert "[project]" not in text


async def test_a_bug_tells_the_caller_only_where_to_look(
    county: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(county.app.audit, "entries", broken)
    browser = await county.signed_in("auditor")
    status, answer = await browser.call("GET", "/api/v1/audit")
    assert (status, answer["error"]["code"]) == (500, "internal")
    assert "hunter2" not in str(answer)


async def test_too_many_sign_ins_from_one_address_are_slowed(county: Any) -> None:
    browser = await county.browser()
    seen = [(await browser.sign_in("nobody", "x" * 12))[0] for _ in range(25)]
    assert seen[:10] == [401] * 10
    assert seen[-1] == 429
