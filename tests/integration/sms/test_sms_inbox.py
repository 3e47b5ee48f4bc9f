"""What comes in: answers to one of several questions, stop words, report forms, politeness."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from core.audit import Audit, AuditQuery
from core.clock import MovableClock
from core.database import Database
from core.events import EventDispatcher
from sms import threads
from sms.driver import IncomingPdu
from sms.model import (
    AnswerUnclear,
    InboundKind,
    InboundState,
    MessageClass,
    Recipient,
    RecipientAnswered,
    ReplySpec,
    Submission,
    VillageReported,
)
from sms.numbers import demo_number, masked
from sms.pdu.addresses import Address
from sms.pdu.deliver import encode_deliver
from sms.pdu.user_data import Alphabet
from sms.polite import LATE, UNKNOWN, WHICH
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from sms.store import outbox as outbox_store

ALICE = demo_number(1)
YES_NO = ReplySpec({"1": "参加", "2": "请假"}, open_hours=24)


@dataclass
class Desk:
    """A platform whose modem is the test itself."""

    platform: SmsPlatform
    database: Database
    clock: MovableClock
    audit: Audit
    events: EventDispatcher
    facts: list[Any] = field(default_factory=list)
    seconds: "count[int]" = field(default_factory=count)

    async def ask(self, text: str, **more: Any) -> str:
        spec = more.pop("spec", YES_NO)
        class_ = more.pop("class_", MessageClass.NOTICE)
        async with self.database.write() as uow:
            return await self.platform.submit(
                uow, Submission(class_, text, (Recipient(ALICE),), text, expects_reply=spec, **more)
            )

    async def comes(self, text: str, number: str = ALICE) -> None:
        """A text arrives at modem m1."""
        at = datetime(2026, 11, 21, tzinfo=UTC).replace(second=next(self.seconds) % 60)
        pdu = encode_deliver(Address.parse(number), text, at, alphabet=Alphabet.UCS2)
        await self.platform.take("m1", "460001", IncomingPdu(pdu, "SM:1", at))
        await self.events.deliver_due()

    async def choice(self, message_id: str) -> str | None:
        async with self.database.read() as uow:
            (row,) = await self.platform.recipients(uow, message_id)
        return row.choice

    async def newest(self) -> Any:
        async with self.database.read() as uow:
            return (await self.platform.inbound(uow))[0]

    async def answers_sent(self) -> list[str]:
        """Texts we sent by ourselves, oldest first."""
        async with self.database.read() as uow:
            views = await self.platform.messages(uow, ("",))
        return [view.text for view in reversed(views) if view.class_ == "reply"]


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> Desk:
    clock = MovableClock()
    database.clock = clock
    audit = Audit(b"k" * 32, tmp_path / "head")
    platform = SmsPlatform(SmsSettings(signature=""), database, audit=audit)
    made = Desk(platform, database, clock, audit, EventDispatcher(database, clock))

    async def note(uow: Any, fact: Any) -> None:
        made.facts.append(fact)

    for kind in (RecipientAnswered, AnswerUnclear, VillageReported):
        made.events.subscribe(kind, "test", note)
    return made


async def test_several_open_questions_are_told_apart_by_code(desk: Desk) -> None:
    """Each has one; the first text says none, yet its code is taken when it is given."""
    first = await desk.ask("会议一")
    second = await desk.ask("会议二")
    async with desk.database.read() as uow:
        (plain,) = await desk.platform.recipients(uow, first)
        (coded,) = await desk.platform.recipients(uow, second)
    assert (plain.question_code, plain.text) == ("A", None)
    assert (coded.question_code, coded.text) == ("B", "会议二（本条回复前加B，如B1）")
    await desk.comes("ｂ ２")
    assert (await desk.choice(first), await desk.choice(second)) == (None, "2")
    await desk.comes("1")
    assert (await desk.choice(first), await desk.choice(second)) == ("1", "2")
    await desk.comes("a2")
    assert await desk.choice(first) == "2"
    assert [fact.choice for fact in desk.facts] == ["2", "1", "2"]


async def test_thirty_open_questions_to_one_person_are_told_apart(desk: Desk) -> None:
    """After Z come AA, AB …; each code stands for one question."""
    asked = [await desk.ask(f"会议{n}") for n in range(30)]
    async with desk.database.read() as uow:
        rows = [(await desk.platform.recipients(uow, one))[0] for one in asked]
    codes = [row.question_code for row in rows]
    assert (codes[0], codes[1], codes[23], codes[24], codes[29]) == ("A", "B", "Z", "AA", "AF")
    await desk.comes("ae2")
    assert [await desk.choice(one) for one in asked] == [None] * 28 + ["2", None]


async def test_a_bare_answer_to_two_questions_confirms_neither_and_is_asked_back_once(
    desk: Desk,
) -> None:
    """Asked back again only when a further question has come; the day's few do not hinder it."""
    for text in ("喂", "有人吗", "在吗"):
        await desk.comes(text)
    first = await desk.ask("会议一")
    second = await desk.ask("会议二，十点在县政府三楼会议室，请提前十分钟到场")
    for text in ("1", "1", "好的"):
        await desk.comes(text)
        assert (await desk.newest()).state is InboundState.UNMATCHED
    assert (await desk.choice(first), await desk.choice(second)) == (None, None)
    assert [type(fact) for fact in desk.facts] == [AnswerUnclear] * 3
    assert {(fact.message_ids, fact.is_asked_back) for fact in desk.facts} == {
        ((second, first), True)
    }
    asked_back = WHICH.format(
        count=2, ways="B1（会议二，十点在县政府三楼会议室，请提前十…）；A1（会议一）"
    )
    assert await desk.answers_sent() == [UNKNOWN, UNKNOWN, asked_back]
    await desk.comes("B1")
    assert (await desk.choice(first), await desk.choice(second)) == (None, "1")
    desk.clock.advance(60)
    await desk.ask("会议三")
    await desk.comes("1")
    assert (await desk.answers_sent())[3:] == [
        WHICH.format(count=2, ways="B1（会议三）；A1（会议一）")
    ]


async def test_a_question_asked_again_is_one_question(desk: Desk) -> None:
    """Nobody has to tell two equal texts apart: a bare 1 answers the newer one."""
    await desk.ask("会议一")
    again = await desk.ask("会议一")
    await desk.comes("1")
    assert await desk.choice(again) == "1"
    assert await desk.answers_sent() == []


async def test_late_and_unknown_texts_are_answered_politely_but_not_for_ever(desk: Desk) -> None:
    question = await desk.ask("会议")
    desk.clock.advance(25 * 3600)
    await desk.comes("1")
    late = await desk.newest()
    assert (late.kind, late.message_id, late.state) == (
        InboundKind.LATE, question, InboundState.UNMATCHED,
    )  # fmt: skip
    await desk.comes("在吗", demo_number(2))
    for text in ("喂", "有人吗"):
        await desk.comes(text, demo_number(2))
    await desk.comes("流量提醒", "10086")
    assert await desk.answers_sent() == [LATE, UNKNOWN, UNKNOWN]


async def test_a_stop_word_ends_notices_but_not_alerts_and_is_audited(desk: Desk) -> None:
    await desk.comes("ＴＤ")
    notice = await desk.ask("通知", spec=None)
    alert = await desk.ask("预警", spec=None, class_=MessageClass.ALERT)
    async with desk.database.read() as uow:
        (held,) = await desk.platform.recipients(uow, notice)
        (sent,) = await desk.platform.recipients(uow, alert)
        entries = await desk.audit.entries(uow, AuditQuery(action="sms.opt_out"))
    assert (held.state.value, held.cause) == ("cancelled", "blocked: stop_word")
    assert sent.state.value == "queued"
    assert [entry.detail for entry in entries] == [{"number": masked(demo_number(1))}]
    await desk.comes("恢复")
    again = await desk.ask("又一通知", spec=None)
    async with desk.database.read() as uow:
        (row,) = await desk.platform.recipients(uow, again)
    assert row.state.value == "queued"


async def test_a_village_report_becomes_a_typed_fact(desk: Desk) -> None:
    await desk.ask("请回复1")
    await desk.comes("水情 3.2 还在涨")
    (fact,) = desk.facts
    assert (fact.kind, fact.value, fact.note) == ("water_level", 3.2, "还在涨")
    row = await desk.newest()
    assert (row.kind, row.state) == (InboundKind.REPORT, InboundState.MATCHED)
    assert row.fields == {"kind": "water_level", "value": 3.2, "note": "还在涨"}


async def test_a_conversation_shows_both_sides_in_order(desk: Desk) -> None:
    await desk.ask("会议", spec=None)
    desk.clock.advance(60)
    await desk.comes("几点")
    async with desk.database.read() as uow:
        lines = await threads.lines(uow, ALICE)
    said = [(line.is_ours, line.text) for line in lines]
    assert said == [(True, "会议"), (False, "几点"), (True, UNKNOWN)]


async def test_a_person_answers_from_the_inbox_through_the_same_sim(desk: Desk) -> None:
    await desk.comes("几点开会", demo_number(3))
    inbound = await desk.newest()
    async with desk.database.write() as uow:
        message_id = await desk.platform.reply(
            uow, inbound.id, "八点", sender="user-1", unit_path="county/", key="k1"
        )
        (recipient,) = await desk.platform.recipients(uow, message_id)
        (segment,) = await outbox_store.segments_of(uow, recipient.id)
    assert segment.prefers_modem == "m1"
    assert (await desk.newest()).state is InboundState.HANDLED
