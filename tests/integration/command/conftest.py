"""A county small enough to know by heart, with the real SMS outbox and the real conference."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import func, select

from command.model import (
    Activation,
    HazardDraft,
    Holding,
    Incident,
    IncidentDraft,
    Order,
    ReportState,
    ShiftDraft,
    Source,
)
from command.service import CommandService
from conf.service import Meetings
from core import events
from core.audit import Audit, AuditQuery
from core.auth.model import Grant, Principal, Role
from core.clock import MovableClock
from core.database import Database
from core.events import EventDispatcher
from core.ids import HazardId, IncidentId, MessageId, PersonId, PlanId, UnitId, UserId, new_id
from core.timers import TimerRow, TimerRunner, TimerState
from directory.model import PersonDraft, UnitDraft, UnitKind, demo_number
from directory.service import Directory, Register
from plans.service import Plans
from services import databases
from services.session import Session
from signaling.adapters import ConferenceOpener, SmsFacts, SmsMessenger
from sms import calls as ring_out
from sms.driver import IncomingPdu
from sms.model import RecipientAnswered, RecipientDelivered, RecipientFailed
from sms.pdu.addresses import Address
from sms.pdu.deliver import encode_deliver
from sms.pdu.user_data import Alphabet
from sms.service import CallRow, SmsPlatform
from sms.settings import SmsSettings

START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
BASE_URL = "http://127.0.0.1:8080"

UNITS = [
    ("county", None, UnitKind.COUNTY, "青澜县"),
    ("t1", "county", UnitKind.TOWNSHIP, "烽台镇"),
    ("t2", "county", UnitKind.TOWNSHIP, "雁回镇"),
    ("works", "t1", UnitKind.COMPANY, "第一自来水厂"),
    *(
        (key, "county", UnitKind.DEPARTMENT, name)
        for key, name in (
            ("emergency", "应急管理局"),
            ("fire", "消防救援大队"),
            ("police", "公安局"),
            ("health", "卫生健康局"),
            ("environment", "生态环境分局"),
            ("publicity", "宣传部"),
        )
    ),
]
POSTS = {
    ("county", "head"): ["县长"],
    ("county", "emergency_lead"): ["副县长"],
    ("county", "emergency_office"): ["应急办主任"],
    ("t1", "head"): ["镇长", "副镇长"],
    ("works", "safety"): ["厂安全员"],
    ("emergency", "head"): ["应急局长", "应急副局长"],
    ("fire", "head"): ["消防队长", "消防副队长"],
    ("police", "head"): ["公安局长"],
    ("health", "head"): ["卫健局长"],
    ("environment", "head"): ["环保局长"],
    ("publicity", "head"): ["宣传部长"],
}


def principal(role: Role, path: str, user_id: str) -> Principal:
    return Principal(UserId(user_id), user_id, None, (Grant(role, path),))


OFFICER = principal(Role.DUTY_OFFICER, "county/", "officer")
LEADER = principal(Role.LEADER, "county/", "leader")
STRANGER = principal(Role.TOWNSHIP_OFFICIAL, "county/t2/", "stranger")
ADMIN = principal(Role.ADMIN, "", "admin")


async def _nothing(*_: object) -> Any:
    raise AssertionError("no PIN in these tests")


@dataclass
class Handset:
    """A text as the outbox holds it for one person."""

    message_id: MessageId
    person: str
    text: str


@dataclass
class County:
    """The running parts and a few people to act as."""

    database: Database
    clock: MovableClock
    audit: Audit
    directory: Directory
    register: Register
    plans: Plans
    sms: SmsPlatform
    meetings: Meetings
    command: CommandService
    timers: TimerRunner
    events: EventDispatcher
    people: dict[str, PersonId] = field(default_factory=dict)
    officer: Principal = OFFICER
    leader: Principal = LEADER
    stranger: Principal = STRANGER
    admin: Principal = ADMIN

    async def record(self, **changes: Any) -> Incident:
        fields: dict[str, Any] = {
            "title": "液氯泄漏",
            "kind_code": "92Z05",
            "unit_id": UnitId("t1"),
            "place": "第一自来水厂加氯间",
            "occurred_at": self.clock.now() - timedelta(minutes=5),
            "source": Source.PHONE,
            "key": new_id(),
            "reporter": "厂安全员",
            "reporter_number": "13800138000",
            "hazard_id": HazardId("hz01"),
            "figures": {"leak_is_small": 0.0, "serious_injuries": 2.0},
        }
        async with self.database.write() as uow:
            return await self.command.record(
                uow, self.officer, IncidentDraft(**{**fields, **changes})
            )

    async def activate(self, incident: Incident, level: int = 3, key: str = "") -> Activation:
        order = Order(PlanId("hazchem"), level, key)
        async with self.database.write() as uow:
            return await self.command.activate(uow, self.officer, incident.id, order)

    async def board(self, incident_id: IncidentId) -> dict[str, Any]:
        async with self.database.read() as uow:
            return await self.command.incidents.snapshot(uow, self.officer, incident_id)

    async def assignment(self, incident_id: IncidentId, person: str) -> dict[str, Any]:
        """The newest assignment of `person`."""
        board = await self.board(incident_id)
        return [each for each in board["assignments"] if each["person"] == person][-1]

    async def callout(self, incident_id: IncidentId, role: str) -> dict[str, Any]:
        board = await self.board(incident_id)
        return next(each for each in board["callouts"] if each["role"] == role)

    async def outbox(self) -> list[Handset]:
        """Every text accepted so far, oldest first, as the handset will show it."""
        handsets: list[Handset] = []
        async with self.database.read() as uow:
            for message in reversed(await self.sms.messages(uow, ("",), limit=500)):
                handsets += [
                    Handset(MessageId(message.id), row.name, row.text or message.wire_text)
                    for row in await self.sms.recipients(uow, message.id)
                ]
        return handsets

    async def texts_to(self, person: str) -> list[str]:
        return [each.text for each in await self.outbox() if each.person == person]

    async def fast_forward(self, **span: float) -> None:
        """Move the clock from timer to timer, firing each when due, as a running server would."""
        end = self.clock.now() + timedelta(**span)
        while (due_at := await self._next_due()) is not None and due_at <= end:
            self.clock.advance(max(0.0, (due_at - self.clock.now()).total_seconds()))
            await self.settle()
        self.clock.advance((end - self.clock.now()).total_seconds())

    async def _next_due(self) -> datetime | None:
        async with self.database.read() as uow:
            return await uow.session.scalar(
                select(func.min(TimerRow.due_at)).where(TimerRow.state == TimerState.PENDING)
            )

    async def settle(self) -> None:
        await self.timers.fire_due()
        while await self.events.deliver_due():
            pass

    async def _fact(self, person: str, incident_id: IncidentId, kind: type, **rest: Any) -> None:
        known = await self.assignment(incident_id, person)
        async with self.database.write() as uow:
            fact = kind(
                message_id=known["message_id"],
                recipient_id="r",
                person_id=known["person_id"],
                context={"incident_id": incident_id},
                at=self.clock.now(),
                **rest,
            )
            await events.record(uow, fact)
        await self.settle()

    async def replies(
        self, person: str, incident_id: IncidentId, text: str, choice: str | None = None
    ) -> None:
        await self._fact(
            person, incident_id, RecipientAnswered, number="+8610055500000", text=text,
            choice=choice, inbound_id=new_id(),
        )  # fmt: skip

    async def delivered_to(self, person: str, incident_id: IncidentId) -> None:
        await self._fact(person, incident_id, RecipientDelivered)

    async def number_of(self, person: str, incident_id: IncidentId) -> str:
        """Whereto the newest text for `person` about it went."""
        known = await self.assignment(incident_id, person)
        async with self.database.read() as uow:
            (row,) = await self.sms.recipients(uow, known["message_id"])
        return row.number

    async def calls(self) -> list[CallRow]:
        """Ring-outs ordered so far, oldest first."""
        async with self.database.read() as uow:
            return list(reversed(await self.sms.calls(uow)))

    async def village_writes(self, number: str, text: str) -> None:
        """A handset sends a text; a modem hands it over."""
        now = self.clock.now()
        pdu = encode_deliver(Address.parse(number), text, now, alphabet=Alphabet.UCS2)
        await self.sms.take("m1", "460001", IncomingPdu(pdu, "SM:1", now))
        await self.settle()

    async def reports(self, who: Principal, state: ReportState | None = None) -> list[Any]:
        async with self.database.read() as uow:
            return await self.command.reports.listed(uow, who, state, 50)

    async def ring_ends(self, call: CallRow, result: str) -> None:
        """A modem has rung somebody."""
        async with self.database.write() as uow:
            await ring_out.end(uow, call.id, result)
        await self.settle()

    async def audited(self, action: str) -> int:
        """How many entries of the audit log are of this kind."""
        async with self.database.read() as uow:
            return len(await self.audit.entries(uow, AuditQuery(action=action)))

    async def failed_to(self, person: str, incident_id: IncidentId) -> None:
        await self._fact(person, incident_id, RecipientFailed, cause="空号")


@pytest.fixture
def founded(service_session: Session, database_kind: str) -> Iterator[tuple[str, dict[str, str]]]:
    """A database with the county in it, and who its people are."""
    with databases.filled_copy(service_session, database_kind, "county", _filled) as copy:
        yield copy


@pytest.fixture
async def county(founded: tuple[str, dict[str, str]], tmp_path: Path) -> AsyncIterator[County]:
    url, note = founded
    async with _running(url, tmp_path) as made:
        made.people = json.loads(note["people"])
        yield made


async def _filled(url: str) -> dict[str, str]:
    with TemporaryDirectory(prefix="fengsui-county-") as folder:
        async with _running(url, Path(folder)) as made:
            await _found(made)
            return {"people": json.dumps(made.people)}


@asynccontextmanager
async def _running(url: str, folder: Path) -> AsyncIterator[County]:
    clock = MovableClock(START, frozen=True)
    async with Database(url, clock=clock) as database:
        audit = Audit(b"k" * 32, folder / "head")
        directory, plans = Directory(), Plans(audit)
        sms = SmsPlatform(SmsSettings(), database)
        meetings = Meetings(_nothing, _nothing)
        opener = ConferenceOpener(meetings, BASE_URL)
        command = CommandService(
            database, directory, plans, SmsMessenger(sms, audit), opener, audit
        )
        timers = TimerRunner(database, clock)
        command.register_timers(timers)
        dispatcher = EventDispatcher(database, clock)
        SmsFacts(command).subscribe(dispatcher)
        made = County(
            database, clock, audit, directory, Register(audit), plans, sms, meetings, command,
            timers, dispatcher,
        )  # fmt: skip
        yield made


async def _found(county: County) -> None:
    async with county.database.write() as uow:
        for key, parent, kind, name in UNITS:
            parent_id = UnitId(parent) if parent else None
            draft = UnitDraft(name, kind, parent_id, id=key)
            await county.register.create_unit(uow, county.admin, draft)
        index = 0
        for (unit, post), names in POSTS.items():
            ids = []
            for name in names:
                index += 1
                person = PersonDraft(name, UnitId(unit), title=name, phones=(demo_number(index),))
                ids.append((await county.register.create_person(uow, county.admin, person)).id)
                county.people[name] = ids[-1]
            await county.register.appoint(uow, county.admin, UnitId(unit), post, ids)
        await county.plans.install_library(uow)
        await county.command.hazards.add(
            uow,
            county.officer,
            HazardDraft(
                kind="major_hazard",
                name="第一自来水厂加氯间",
                unit_id=UnitId("works"),
                longitude=118.1,
                latitude=30.2,
                holdings=(Holding("氯", 6.0),),
                exposed_500m=86,
                id="hz01",
            ),
        )
        await county.command.roster.add(
            uow,
            county.officer,
            ShiftDraft(
                UnitId("county"),
                START - timedelta(hours=6),
                START + timedelta(hours=18),
                county.people["副县长"],
                (county.people["应急办主任"],),
            ),
        )
