"""The demo county is written once, whole or not at all, and its logins always work."""

from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher

from core.auth.model import Grant, Principal, Role
from core.auth.passwords import Passwords
from core.auth.service import Visit
from core.errors import Conflict
from core.ids import UnitId, UserId
from directory.model import UnitDraft, UnitKind
from signaling.app import build
from signaling.context import AppContext
from signaling.demo import seed
from signaling.demo.seed import DEMO_PASSWORD, DemoLogin, seed_demo_county

LEADER = Principal(UserId("l"), "leader", None, (Grant(Role.LEADER, "county/"),))


def _quick() -> Passwords:
    """Argon2id at its cheapest: dozens of passwords are made here, none is guarded."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


async def _counts(app: AppContext) -> tuple[int, int, int]:
    """Units, people, entries of the audit log."""
    async with app.database.read() as uow:
        units = await app.directory.subtree(uow, "")
        people = await app.directory.people_below(uow, "")
        return len(units), len(people), (await app.audit.verify(uow)).count


async def _signs_in(app: AppContext, login: DemoLogin) -> bool:
    signed_in = await app.auth.sign_in(login.username, login.password, None, Visit("", ""))
    return not signed_in.session.must_change_password


@pytest.mark.timeout(120)
async def test_it_is_seeded_once_and_the_printed_logins_work(
    database_url: str, make_settings: Callable[..., Any]
) -> None:
    async with build(make_settings(database_url), is_demo=True, passwords=_quick()) as app:
        first = await seed_demo_county(app, random_passwords=False)
        before = await _counts(app)
        assert before[0] > 350
        again = await seed_demo_county(app, random_passwords=False)
        assert (first, await _counts(app)) == (again, before)
        *users, pin = first
        assert {login.password for login in users} == {DEMO_PASSWORD}
        assert len(users) == len(Role)
        for login in users[:2]:
            assert await _signs_in(app, login)
        assert pin.username == "PIN"
        async with app.database.read() as uow:
            assert await app.meetings.needs_pin(uow, "t02")
            plans = await app.plans.current(uow, LEADER)
            assert len(plans) == 3
            assert (await app.audit.verify(uow)).fault is None
        folder = app.settings.data.dir
        assert {"boundaries.geojson", "places.geojson"} <= {one.name for one in folder.iterdir()}


@pytest.mark.timeout(120)
async def test_lan_replaces_every_password_that_was_printed_before(
    sqlite_url: str, make_settings: Callable[..., Any]
) -> None:
    async with build(make_settings(sqlite_url), is_demo=True, passwords=_quick()) as app:
        await seed_demo_county(app, random_passwords=False)
        lan = await seed_demo_county(app, random_passwords=True)
        again = await seed_demo_county(app, random_passwords=True)
        passwords = [login.password for login in (*lan, *again)]
        assert len(set(passwords)) == len(passwords)
        assert DEMO_PASSWORD not in passwords
        assert await _signs_in(app, again[0])


@pytest.mark.timeout(120)
async def test_a_first_run_that_dies_half_way_leaves_nothing(
    database_url: str, make_settings: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: Any) -> None:
        raise KeyError("killed here")

    async with build(make_settings(database_url), is_demo=True, passwords=_quick()) as app:
        with monkeypatch.context() as patch:
            patch.setattr(seed, "_add_users", die)
            with pytest.raises(KeyError):
                await seed_demo_county(app, random_passwords=False)
        assert await _counts(app) == (0, 0, 0)
        await seed_demo_county(app, random_passwords=False)
        assert (await _counts(app))[0] > 350


@pytest.mark.timeout(60)
async def test_another_county_is_never_touched(
    sqlite_url: str, make_settings: Callable[..., Any]
) -> None:
    admin = Principal(UserId("a"), "a", None, (Grant(Role.ADMIN, ""),))
    async with build(make_settings(sqlite_url)) as app:
        async with app.database.write() as uow:
            draft = UnitDraft("真县", UnitKind.COUNTY, None, id="county")
            await app.part("register").create_unit(uow, admin, draft)
        before = await _counts(app)
        with pytest.raises(Conflict, match="真县"):
            await seed_demo_county(app, random_passwords=False)
        assert await _counts(app) == before
        async with app.database.read() as uow:
            assert (await app.directory.unit(uow, UnitId("county"))).name == "真县"
