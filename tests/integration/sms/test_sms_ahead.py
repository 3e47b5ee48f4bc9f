"""A fast line journals its next text while one is on the air; it must cost no promise."""

import os
import time
from pathlib import Path

import pytest

from core.database import Database
from sms.air_mark import AirMark, clear_away
from sms.driver import IncomingPdu, SendOutcome, SendState
from sms.lease import this_process
from sms.ledger import Ledger
from sms.model import MessageClass, Outgoing, Recipient, Submission
from sms.numbers import demo_number
from sms.pdu.addresses import Address
from sms.pdu.status_report import encode_status_report
from sms.progress import Progress
from sms.service import SmsPlatform
from sms.settings import SmsSettings
from sms.store.turns import Taker
from tests.support.sms_world import SmsWorld, sms_world

TAKER = Taker("m1", "imsi", is_simulated=True, ready=("m1",))


async def _on_air(world: SmsWorld) -> list[str]:
    return [entry["recipient"] for entry in await world.air.on_air()]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("modems", [1, 4])
async def test_an_alert_overtakes_what_is_journaled_ahead(
    modems: int, sqlite_url: str, tmp_path: Path
) -> None:
    """After it is accepted, at most the one text in flight on each modem goes before it.

    While the first that is free journals it, each of the others may have ended one more.
    """
    alert = demo_number(999)
    async with sms_world(sqlite_url, tmp_path, modems=modems, radio_s=0.05) as world:
        await world.send("notice", *(demo_number(n) for n in range(500)))

        async def is_in_full_flow() -> bool:
            return len(await _on_air(world)) >= 6 * modems

        await world.until(is_in_full_flow)
        await world.send("alert", alert, class_=MessageClass.ALERT)
        before = len(await _on_air(world))

        async def is_out() -> bool:
            return alert in await _on_air(world)

        await world.until(is_out)
        order = await _on_air(world)
    assert order.index(alert) - before <= 2 * modems - 1


async def _claim(database: Database, ledger: Ledger) -> Outgoing:
    found = await database.at_once(lambda c, now: ledger.claim(c, now, TAKER))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("given_last", "states"),
    [
        ("first", ["unknown", "queued"]),
        ("second", ["unknown", "unknown"]),
        ("", ["unknown", "unknown"]),
    ],
)
async def test_after_a_kill_only_what_the_modem_was_given_is_of_unknown_outcome(
    given_last: str, states: list[str], database: Database
) -> None:
    platform = SmsPlatform(SmsSettings(), database)
    ledger = Ledger(SmsSettings(), Progress())
    async with database.write() as uow:
        people = tuple(Recipient(demo_number(n)) for n in range(2))
        message = Submission(MessageClass.NOTICE, "notice", people, "n")
        message_id = await platform.submit(uow, message)
    first, second = await _claim(database, ledger), await _claim(database, ledger)
    last = {"first": first.attempt_id, "second": second.attempt_id, "": ""}[given_last]
    async with database.write() as uow:
        assert await ledger.adopt_open_attempts(uow, "m1", last) == states.count("unknown")
    async with database.read() as uow:
        rows = {r.number: r for r in await platform.recipients(uow, message_id)}
    assert [rows[out.number].state.value for out in (first, second)] == states


async def test_a_report_quicker_than_its_answer_is_not_that_of_the_part_journaled_ahead(
    database: Database,
) -> None:
    """The first part's answer is stored while the second is on the air; its report came before."""
    platform, ledger = SmsPlatform(SmsSettings(), database), Ledger(SmsSettings(), Progress())
    number = demo_number(1)
    async with database.write() as uow:
        order = Submission(MessageClass.NOTICE, "长" * 100, (Recipient(number),), "long")
        message_id = await platform.submit(uow, order)
    first, second = await _claim(database, ledger), await _claim(database, ledger)
    at = database.clock.now()
    report = encode_status_report(50, Address.parse(number), at, at, 0)
    await platform.take("m1", "imsi", IncomingPdu(report, "direct", at))
    async with database.write() as uow:
        (row,) = await platform.recipients(uow, message_id)
        parts = await platform.segments(uow, message_id, row.id)
        assert [part.state.value for part in parts] == ["delivered", "sending"]
        for one, reference in ((first, 50), (second, 51)):
            outcome = SendOutcome(SendState.SENT, reference)
            await ledger.settle(uow, one.attempt_id, outcome)
    async with database.read() as uow:
        tries = await platform.attempts(uow, row.id)
        parts = await platform.segments(uow, message_id, row.id)
    assert [(one.reference, one.report_status) for one, _ in tries] == [(50, 0), (51, None)]
    assert [part.state.value for part in parts] == ["delivered", "sent"]


@pytest.mark.timeout(60)
async def test_what_waits_behind_a_silent_modem_goes_out_through_another(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Its second text is never answered; the third, journaled by then, goes out elsewhere."""
    async with sms_world(sqlite_url, tmp_path, modems=2, radio_s=0.05) as world:
        await world.air.fault("answer_late", "modem-1", seconds=60, after=1)
        await world.send("notice", *(demo_number(n) for n in range(12)))

        async def all_are_out() -> bool:
            return len(await _on_air(world)) == 12

        await world.until(all_are_out, within_s=30)
        journal = await world.journal()
        await world.air.fault("unplug", "modem-1")  # or it would be waited for
    via = [entry["modem"] for entry in journal if entry["kind"] == "submitted"]
    assert via.count("modem-1") == 2
    recipients = [entry["recipient"] for entry in journal if entry["kind"] == "submitted"]
    assert len(set(recipients)) == 12


def test_a_mark_is_believed_only_of_who_held_the_modem(tmp_path: Path) -> None:
    device = str(tmp_path / "modem")
    mark = AirMark(device, "host:1:1")
    assert mark.last_of("host:1:1") == ""
    mark.put("attempt-1")
    mark.put("attempt-22")
    later = AirMark(device, "host:2:2")
    assert later.last_of("host:2:2", "host:1:1") == "attempt-22"
    assert later.last_of("host:2:2", "host:3:3") == ""
    later.put("a")
    assert later.last_of("host:2:2") == "a"
    mark.close()
    later.close()
    assert later.last_of("host:2:2") == ""


def test_marks_of_killed_processes_are_cleared_away_at_the_next_start(tmp_path: Path) -> None:
    """Not that of a device about to be used or still there, nor that of a living process."""
    there = tmp_path / "there"
    there.touch()
    dead = this_process().rsplit(":", 2)[0] + ":999999999:1"
    left = [AirMark(str(tmp_path / "gone"), dead), AirMark(str(tmp_path / "old\x20one"), dead)]
    kept = [
        AirMark(str(there), dead), AirMark(str(tmp_path / "used"), dead),
        AirMark(str(tmp_path / "living"), this_process()), AirMark("smpp://line", dead),
        AirMark(str(tmp_path / "elsewhere"), "otherhost:1:1"),
    ]  # fmt: skip
    try:
        for mark in (*left, *kept):
            mark.put("attempt")
        assert clear_away([str(tmp_path / "used")]) >= len(left)
        assert [mark._path.exists() for mark in left] == [False, False]
        assert [mark._path.exists() for mark in kept] == [True] * len(kept)
        yesterday = time.time() - 2 * 86_400
        os.utime(kept[0]._path, (yesterday, yesterday))
        clear_away([])
        assert not kept[0]._path.exists()
    finally:
        for mark in (*left, *kept):
            mark.close()


def test_a_planted_mark_is_not_followed(tmp_path: Path) -> None:
    mark = AirMark(str(tmp_path / "modem"), "host:1:1")
    target = tmp_path / "target"
    target.write_text("host:1:1 forged")
    os.symlink(target, mark._path)
    try:
        assert mark.last_of("host:1:1") == ""
        mark.put("attempt")
        assert target.read_text() == "host:1:1 forged"
    finally:
        mark._path.unlink()
