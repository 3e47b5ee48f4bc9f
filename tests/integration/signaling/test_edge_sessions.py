"""Sign-in and sessions over HTTP, as a browser does it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pyotp
import pytest

from core.auth.model import Grant, Principal, Role
from core.clock import MovableClock
from core.ids import UserId
from directory.model import UnitDraft, UnitKind
from directory.service import Register
from signaling.settings import Settings

PASSWORD = "汛期值班不离岗一刻钟"
NEW_PASSWORD = "灯下黑的地方也要看得见"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def town(
    backed: Callable[..., Settings], clock: MovableClock, edge: Any
) -> AsyncIterator[Any]:
    async with edge(backed(), clock=clock) as server:
        await server.add_user(
            "duty", Grant(Role.DUTY_OFFICER, "county/"), must_change_password=False
        )
        await server.add_user("boss", Grant(Role.ADMIN, "county/"), must_change_password=False)
        yield server


def _code(answer: tuple[int, Any]) -> tuple[int, str | None]:
    status, body = answer
    return status, body["error"]["code"] if isinstance(body, dict) and "error" in body else None


async def test_sign_in_hands_out_a_cookie_scripts_cannot_read(town: Any) -> None:
    browser = await town.browser()
    async with browser.http.post(
        town.url + "/api/v1/session", json={"username": "duty", "password": PASSWORD}
    ) as response:
        header = response.headers["Set-Cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Secure" not in header, "http on the loopback"


async def test_wrong_name_and_wrong_password_look_the_same(town: Any) -> None:
    browser = await town.browser()
    unknown = await browser.sign_in("nobody", "x" * 12)
    wrong = await browser.sign_in("duty", "x" * 12)
    assert unknown == wrong
    assert wrong[1]["error"]["code"] == "wrong_credentials"


async def test_five_wrong_passwords_lock_even_the_right_one_for_a_minute(
    town: Any, clock: MovableClock
) -> None:
    browser = await town.browser()
    for _ in range(5):
        assert (await browser.sign_in("duty", "x" * 12))[0] == 401
    assert _code(await browser.sign_in("duty")) == (429, "locked")
    clock.advance(61)
    assert (await browser.sign_in("duty"))[0] == 200


async def test_a_further_failure_locks_twice_as_long(town: Any, clock: MovableClock) -> None:
    browser = await town.browser()
    for _ in range(5):
        await browser.sign_in("duty", "x" * 12)
    clock.advance(61)
    await browser.sign_in("duty", "x" * 12)
    clock.advance(61)
    assert _code(await browser.sign_in("duty")) == (429, "locked")
    clock.advance(60)
    assert (await browser.sign_in("duty"))[0] == 200


async def test_an_unused_session_ends_after_half_an_hour(town: Any, clock: MovableClock) -> None:
    browser = await town.signed_in("duty")
    for _ in range(3):
        clock.advance(29 * 60)
        assert (await browser.call("GET", "/api/v1/session"))[0] == 200
    clock.advance(31 * 60)
    assert _code(await browser.call("GET", "/api/v1/session")) == (401, "not_signed_in")


async def test_a_session_ends_after_twelve_hours_however_busy(
    town: Any, clock: MovableClock
) -> None:
    browser = await town.signed_in("duty")
    for _ in range(25):
        clock.advance(28 * 60)
        assert (await browser.call("GET", "/api/v1/session"))[0] == 200
    clock.advance(28 * 60)
    assert (await browser.call("GET", "/api/v1/session"))[0] == 401


async def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(town: Any) -> None:
    browser = await town.signed_in("duty")
    stolen = browser.cookie
    assert (await browser.call("DELETE", "/api/v1/session"))[0] == 204
    thief = await town.browser()
    assert (await thief.call("GET", "/api/v1/session", Cookie=stolen))[0] == 401


async def test_a_new_user_must_choose_a_password_before_anything_else(town: Any) -> None:
    await town.add_user("fresh", Grant(Role.AUDITOR, "county/"), must_change_password=True)
    browser = await town.signed_in("fresh")
    assert _code(await browser.call("GET", "/api/v1/audit")) == (
        403, "password_change_needed",
    )  # fmt: skip
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await browser.call("POST", "/api/v1/session/password", change))[0] == 204
    assert (await browser.call("GET", "/api/v1/audit"))[0] == 200


async def test_a_new_password_ends_the_other_sessions(town: Any) -> None:
    here, there = await town.signed_in("duty"), await town.signed_in("duty")
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await here.call("POST", "/api/v1/session/password", change))[0] == 204
    assert (await here.call("GET", "/api/v1/session"))[0] == 200
    assert (await there.call("GET", "/api/v1/session"))[0] == 401


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"current_password": "wrong", "new_password": NEW_PASSWORD}, "current_password"),
        ({"current_password": PASSWORD, "new_password": "short"}, "new_password"),
        ({"current_password": PASSWORD, "new_password": PASSWORD}, "new_password"),
    ],
)
async def test_a_bad_change_of_password_names_the_field(
    town: Any, change: dict[str, str], field: str
) -> None:
    browser = await town.signed_in("duty")
    status, answer = await browser.call("POST", "/api/v1/session/password", change)
    assert (status, answer["error"]["field"]) == (422, field)


async def test_one_time_codes(town: Any, clock: MovableClock) -> None:
    """Offered, confirmed, asked for, good once, switched off with the password."""
    browser = await town.signed_in("duty")
    _, offer = await browser.call("POST", "/api/v1/session/totp", {})
    assert offer["address"].startswith("otpauth://totp/")
    code = pyotp.TOTP(offer["secret"])

    def now() -> str:
        return code.at(int(clock.now().timestamp()))

    assert (await (await town.browser()).sign_in("duty"))[0] == 200, "not yet confirmed"
    assert (await browser.call("POST", "/api/v1/session/totp/confirm", {"totp": now()}))[0] == 204
    other = await town.browser()
    assert _code(await other.sign_in("duty")) == (401, "totp_needed")
    assert _code(await other.sign_in("duty", totp=now())) == (401, "wrong_credentials"), "used"
    clock.advance(30)
    assert (await other.sign_in("duty", totp=now()))[0] == 200
    drop = {"password": PASSWORD}
    assert (await browser.call("POST", "/api/v1/session/totp/drop", drop))[0] == 204
    assert (await other.sign_in("duty"))[0] == 200


async def test_an_administrator_makes_changes_and_disables_users(town: Any) -> None:
    boss = await town.signed_in("boss")
    async with town.app.database.write() as uow:
        await _county(town, uow)
    new = {
        "username": "Wang.Fang",
        "name": "王芳",
        "grants": [{"role": "leader", "unit_path": "county/"}],
    }
    status, made = await boss.call("POST", "/api/v1/users", new)
    assert status == 201, made
    user_id, password = made["user"]["id"], made["password"]
    assert _code(await boss.call("POST", "/api/v1/users", new)) == (409, "conflict")
    wang = await town.browser()
    assert (await wang.sign_in("wang.fang", password))[0] == 200
    patch = {"is_disabled": True, "version": 1}
    assert (await boss.call("PATCH", f"/api/v1/users/{user_id}", patch))[0] == 200
    assert (await wang.call("GET", "/api/v1/session"))[0] == 401
    assert (await wang.sign_in("wang.fang", password))[0] == 401
    _, found = await boss.call("GET", "/api/v1/users?q=wang")
    assert [user["username"] for user in found["items"]] == ["wang.fang"]


async def test_the_last_administrator_stays_and_nobody_changes_their_own_roles(town: Any) -> None:
    boss = await town.signed_in("boss")
    async with town.app.database.write() as uow:
        await _county(town, uow)
    _, found = await boss.call("GET", "/api/v1/users?q=boss")
    own = f"/api/v1/users/{found['items'][0]['id']}"
    grants = [{"role": "auditor", "unit_path": "county/"}]
    assert _code(await boss.call("PATCH", own, {"grants": grants, "version": 1})) == (
        409,
        "own_account",
    )
    patch = {"is_disabled": True, "version": 1}
    assert _code(await boss.call("PATCH", own, patch)) == (409, "own_account")


async def _county(town: Any, uow: Any) -> None:
    operator = Principal(UserId("system"), "系统", None, (Grant(Role.ADMIN, ""),))
    draft = UnitDraft(name="青澜县", kind=UnitKind.COUNTY, parent_id=None, id="county")
    await Register(town.app.audit).create_unit(uow, operator, draft)
