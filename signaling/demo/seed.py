"""Writes the demo county into an empty database, once, and keeps its logins and roster usable.

One transaction: a first run that dies half-way leaves nothing behind. The county's own root unit is
the mark that it is there; a database with another county in it is never touched.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from command.grading import Holding
from command.hazard import HazardDraft
from command.registers import DutyRoster, HazardRegister
from command.roster import ShiftDraft
from conf.service import Meetings
from core.audit import SYSTEM
from core.auth.model import Grant, Principal, Role
from core.auth.passwords import generate
from core.auth.users import NewUser
from core.database import UnitOfWork
from core.errors import Conflict
from core.ids import HazardId, PersonId, UnitId, UserId
from directory.model import GroupDraft, GroupRule, PersonDraft, UnitDraft, UnitKind
from directory.service import Foundation, Founder, Groups, Register
from signaling.context import AppContext
from signaling.demo import names, roster
from signaling.demo.county import COUNTY_ID, build
from signaling.demo.files import write_map_files
from signaling.demo.shapes import County, UserSeed

DEMO_PASSWORD = "qinglan-demo"  # noqa: S105 - printed by `make run`, on the loopback only
DEMO_PIN = "246810"
_MODE_FILE = "demo-logins.json"
_SEEDER = Principal(
    UserId(SYSTEM.id),
    SYSTEM.name,
    None,
    (Grant(Role.ADMIN, ""), Grant(Role.DUTY_OFFICER, f"{COUNTY_ID}/")),
)
_TITLES = {
    Role.ADMIN: "系统管理员",
    Role.AUDITOR: "审计员",
    Role.CHAIR: "会议主席",
    Role.MEETING_STAFF: "会务人员",
    Role.DUTY_OFFICER: "县值班员",
    Role.LEADER: "分管副县长",
    Role.TOWNSHIP_OFFICIAL: "烽台镇应急办主任",
    Role.VILLAGE_REPORTER: "村灾害信息员",
}
_SITES = {UnitKind.COUNTY, UnitKind.TOWNSHIP, UnitKind.DEPARTMENT, UnitKind.COMPANY}


@dataclass(frozen=True)
class DemoLogin:
    """One line of what `make run` prints."""

    username: str
    password: str
    title: str


async def seed_demo_county(app: AppContext, *, random_passwords: bool) -> tuple[DemoLogin, ...]:
    """Seed the county unless it is there; top up the roster; make the logins fit what is printed.

    `random_passwords`: every call gives new passwords and a new PIN (`--lan`).
    Raises: Conflict: the database holds something else.
    """
    county = build()
    await write_map_files(app.settings.data.dir, county)
    passwords = {
        user.login: generate() if random_passwords else DEMO_PASSWORD for user in county.users
    }
    hashed = {
        password: await app.auth.passwords.hash(password) for password in set(passwords.values())
    }
    encoded = {login: hashed[password] for login, password in passwords.items()}
    async with app.database.write() as uow:
        is_new = not await _is_there(app, uow)
        if is_new:
            await _found(app, uow, county)
            await app.plans.install_library(uow)
            await _add_hazards(app, uow, county)
            await _add_users(app, uow, county, encoded)
        else:
            await _refresh_logins(app, uow, passwords, encoded)
        await _top_up_roster(app, uow, county)
    pin = await _set_pins(app, county, is_new=is_new, is_random=random_passwords)
    logins = [
        DemoLogin(user.login, passwords[user.login], _TITLES[user.role]) for user in county.users
    ]
    return (*logins, DemoLogin("PIN", pin, "各单位入会口令"))


async def _is_there(app: AppContext, uow: UnitOfWork) -> bool:
    """Whether the demo county is in the database.

    Raises: Conflict: another county, or users without one, are.
    """
    roots = [unit for unit in await app.directory.subtree(uow, "") if unit.parent_id is None]
    if not roots:
        if await app.users.count(uow):
            raise Conflict("the database has users already; the demo county needs an empty one")
        return False
    if (roots[0].id, roots[0].name) != (COUNTY_ID, names.COUNTY):
        raise Conflict(f"the database holds {roots[0].name}; the demo county needs an empty one")
    return True


async def _found(app: AppContext, uow: UnitOfWork, county: County) -> None:
    register: Register = app.part("register")
    units = [
        UnitDraft(
            name=unit.name,
            kind=unit.kind,
            parent_id=UnitId(unit.parent_id) if unit.parent_id else None,
            id=unit.id,
            code=unit.code,
            longitude=unit.position[0],
            latitude=unit.position[1],
            note=f"常住人口 {unit.population} 人" if unit.population else "",
            position=position,
        )
        for position, unit in enumerate(county.units)
    ]
    people = [
        PersonDraft(one.name, UnitId(one.unit_id), id=one.id, title=one.title, phones=(one.number,))
        for one in county.people
    ]
    posts = [
        (UnitId(held.unit_id), held.post, [PersonId(one) for one in held.person_ids])
        for held in county.appointments
    ]
    await Founder(app.audit, register).lay(uow, _SEEDER, Foundation(units, people, posts))
    groups: Groups = app.part("groups")
    for group in county.groups:
        rule = GroupRule(f"{COUNTY_ID}/", group.post, group.unit_kind)
        draft = GroupDraft(group.name, UnitId(COUNTY_ID), id=group.id, rules=(rule,))
        await groups.create(uow, _SEEDER, draft)


async def _add_hazards(app: AppContext, uow: UnitOfWork, county: County) -> None:
    hazards = HazardRegister(app.directory, app.audit)
    held = {(one.unit_id, one.post): one.person_ids for one in county.appointments}
    for one in county.hazards:
        responsible = held.get((one.unit_id, "safety")) or held[one.unit_id, "head"]
        draft = HazardDraft(
            kind=one.kind,
            name=one.name,
            unit_id=UnitId(one.unit_id),
            longitude=one.position[0],
            latitude=one.position[1],
            township_id=UnitId(one.township_id),
            holdings=tuple(Holding(what.name, what.quantity_t) for what in one.substances),
            exposed_500m=one.exposed_people if one.substances else None,
            responsible_ids=tuple(PersonId(person_id) for person_id in responsible),
            attributes=dict(one.figures),
            id=HazardId(one.id),
        )
        await hazards.add(uow, _SEEDER, draft)


async def _add_users(
    app: AppContext, uow: UnitOfWork, county: County, encoded: dict[str, str]
) -> None:
    for user in county.users:
        person = await app.directory.person(uow, PersonId(user.person_id))
        new = NewUser(
            login=user.login,
            name=person.name,
            grants=await _grants(app, uow, user),
            person_id=person.id,
            must_change_password=False,
        )
        await app.users.add(uow, SYSTEM, new, encoded[user.login])


async def _grants(app: AppContext, uow: UnitOfWork, user: UserSeed) -> tuple[Grant, ...]:
    unit = await app.directory.unit(uow, UnitId(user.unit_id))
    return (Grant(user.role, unit.path),)


async def _refresh_logins(
    app: AppContext, uow: UnitOfWork, passwords: dict[str, str], encoded: dict[str, str]
) -> None:
    """What is printed must work, whatever an earlier run or somebody has set."""
    for login, password in passwords.items():
        if not await app.users.password_fits(uow, login, password):
            await app.users.give_password(uow, SYSTEM, login, encoded[login])


async def _top_up_roster(app: AppContext, uow: UnitOfWork, county: County) -> None:
    """Shifts for this month and the next, where nobody is on the roster yet."""
    duty = DutyRoster(app.directory, app.audit)
    here = uow.now.astimezone(roster.BEIJING)
    following = (here.replace(day=1) + timedelta(days=32)).replace(day=1)
    shifts = [
        shift
        for moment in (here, following)
        for shift in roster.month(county, moment.year, moment.month)
    ]
    present = await duty.between(uow, _SEEDER, shifts[0].starts_at, shifts[-1].ends_at)
    spans = [
        (datetime.fromisoformat(one["starts_at"]), datetime.fromisoformat(one["ends_at"]))
        for one in present
    ]
    for shift in shifts:
        if any(begin < shift.ends_at and shift.starts_at < end for begin, end in spans):
            continue
        spans.append((shift.starts_at, shift.ends_at))
        draft = ShiftDraft(
            UnitId(COUNTY_ID),
            shift.starts_at,
            shift.ends_at,
            PersonId(shift.leader_id),
            tuple(PersonId(one) for one in shift.officer_ids),
        )
        await duty.add(uow, _SEEDER, draft)


async def _set_pins(app: AppContext, county: County, *, is_new: bool, is_random: bool) -> str:
    """Give every site the demo's PIN; a note beside the database says which one is set."""
    note = app.settings.data.dir / _MODE_FILE
    pin = f"{secrets.randbelow(1_000_000):06d}" if is_random else DEMO_PIN
    mark = hashlib.sha256(pin.encode()).hexdigest()
    if not is_new and _noted(note) == {"pin": mark}:
        return pin
    encoded = await app.auth.passwords.hash(pin)

    async def hash_once(_pin: str) -> str:
        return encoded  # one PIN for all: hashing it for every site would take ten seconds

    meetings = Meetings(hash_once, app.auth.passwords.verify)
    async with app.database.write() as uow:
        for unit in county.units:
            if unit.kind in _SITES:
                await meetings.set_pin(uow, unit.id, pin)
    note.write_text(json.dumps({"pin": mark}))
    note.chmod(0o600)
    return pin


def _noted(note: Any) -> object:
    try:
        return json.loads(note.read_text())
    except (OSError, ValueError):
        return None
