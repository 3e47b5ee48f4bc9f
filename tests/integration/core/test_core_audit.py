"""The audit log: what verify must find, on both databases."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from core.audit import SYSTEM, Actor, Audit, AuditQuery, Fault, Verdict, load_or_create_key
from core.clock import MovableClock
from core.database import Database

Write = Callable[[int], Awaitable[None]]


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(load_or_create_key(tmp_path / "keys" / "audit.key"), tmp_path / "head.json")


@pytest.fixture
def write(database: Database, audit: Audit) -> Write:
    async def entries(count: int) -> None:
        for n in range(count):
            async with database.write() as uow:
                await audit.append(
                    uow,
                    actor=Actor("u1", "王芳"),
                    action="incident.activate",
                    target=f"incident:{n}",
                    detail={
                        "级别": "III",
                        "n": n,
                        "shares": [0.1, 1e-7, 1.0, 1e16, -0.0],
                        "x": None,
                    },
                    reason="水厂氯气泄漏",
                )

    return entries


async def _note_head(database: Database, audit: Audit) -> None:
    async with database.read() as uow:
        await audit.write_head_file(uow)


async def _verify(database: Database, audit: Audit) -> Verdict:
    async with database.read() as uow:
        return await audit.verify(uow)


async def _tamper(database: Database, *statements: str) -> None:
    async with database.write() as uow:
        for statement in statements:
            await uow.session.execute(text(statement))


async def test_an_untouched_log_is_whole(database: Database, audit: Audit, write: Write) -> None:
    assert await _verify(database, audit) == Verdict(0, None)
    await write(5)
    await _note_head(database, audit)
    await write(3)
    assert await _verify(database, audit) == Verdict(8, None)


@pytest.mark.parametrize(
    "change",
    [
        "actor_name = '别人'",
        "action = 'incident.close'",
        "reason = NULL",
        "at = '2020-01-01 00:00:00+00'",
        "detail = '{}'",
        "target = 'incident:x'",
    ],
)
async def test_an_altered_row_is_found(
    database: Database, audit: Audit, write: Write, change: str
) -> None:
    await write(5)
    await _tamper(database, f"UPDATE audit_entry SET {change} WHERE seq = 3")
    verdict = await _verify(database, audit)
    assert (verdict.fault, verdict.seq) == (Fault.ALTERED, 3)


async def test_a_removed_row_is_found(database: Database, audit: Audit, write: Write) -> None:
    await write(5)
    await _tamper(database, "DELETE FROM audit_entry WHERE seq = 3")
    verdict = await _verify(database, audit)
    assert (verdict.fault, verdict.seq) == (Fault.GAP, 3)


async def test_a_removed_and_renumbered_row_is_found(
    database: Database, audit: Audit, write: Write
) -> None:
    await write(3)
    await _tamper(
        database,
        "DELETE FROM audit_entry WHERE seq = 2",
        "UPDATE audit_entry SET seq = 2 WHERE seq = 3",
        "UPDATE audit_head SET count = 2",
    )
    assert (await _verify(database, audit)).fault is Fault.ALTERED


async def test_reordered_rows_are_found(database: Database, audit: Audit, write: Write) -> None:
    await write(4)
    await _tamper(
        database,
        "UPDATE audit_entry SET seq = 100 WHERE seq = 2",
        "UPDATE audit_entry SET seq = 2 WHERE seq = 3",
        "UPDATE audit_entry SET seq = 3 WHERE seq = 100",
    )
    assert (await _verify(database, audit)).fault is Fault.ALTERED


async def test_a_cut_off_end_is_found_by_the_head_row(
    database: Database, audit: Audit, write: Write
) -> None:
    await write(5)
    await _tamper(database, "DELETE FROM audit_entry WHERE seq > 3")
    verdict = await _verify(database, audit)
    assert (verdict.fault, verdict.seq) == (Fault.CUT_OFF, 4)


async def test_a_cut_off_end_with_a_mended_head_row_is_found_by_the_second_file(
    database: Database, audit: Audit, write: Write
) -> None:
    await write(5)
    await _note_head(database, audit)
    await _tamper(
        database,
        "DELETE FROM audit_entry WHERE seq > 3",
        "UPDATE audit_head SET count = 3, hash = (SELECT hash FROM audit_entry WHERE seq = 3)",
    )
    verdict = await _verify(database, audit)
    assert verdict.fault is Fault.CUT_OFF


async def test_a_log_emptied_with_its_head_is_found_by_the_second_file(
    database: Database, audit: Audit, write: Write
) -> None:
    await write(5)
    await _note_head(database, audit)
    await _tamper(database, "DELETE FROM audit_entry", "DELETE FROM audit_head")
    assert (await _verify(database, audit)).fault is Fault.CUT_OFF


async def test_a_cut_off_end_passed_off_as_another_chain_is_found(
    database: Database, audit: Audit, write: Write
) -> None:
    await write(5)
    await _note_head(database, audit)
    await _tamper(
        database,
        "DELETE FROM audit_entry WHERE seq > 3",
        "UPDATE audit_head SET count = 3, chain = 'another', "
        "hash = (SELECT hash FROM audit_entry WHERE seq = 3)",
    )
    assert (await _verify(database, audit)).fault is Fault.CUT_OFF


async def test_a_log_written_anew_with_another_key_is_found(
    database: Database, audit: Audit, write: Write, tmp_path: Path
) -> None:
    await write(5)
    await _note_head(database, audit)
    await _tamper(database, "DELETE FROM audit_entry", "DELETE FROM audit_head")
    forger = Audit(b"f" * 32, tmp_path / "other.json")
    for _ in range(6):
        async with database.write() as uow:
            await forger.append(uow, actor=SYSTEM, action="x.y", target="z:1")
    assert (await _verify(database, audit)).fault is Fault.ALTERED


async def test_a_server_started_over_a_cut_log_does_not_paper_over_it(
    database: Database, audit: Audit, write: Write
) -> None:
    """Housekeeping writes the second file at each start: it must not take the evidence away."""
    await write(5)
    await _note_head(database, audit)
    await _tamper(
        database,
        "DELETE FROM audit_entry WHERE seq > 3",
        "UPDATE audit_head SET count = 3, hash = (SELECT hash FROM audit_entry WHERE seq = 3)",
    )
    await _note_head(database, audit)
    await write(4)
    await _note_head(database, audit)
    assert (await _verify(database, audit)).fault is Fault.ALTERED


async def test_a_damaged_second_file_is_found(
    database: Database, audit: Audit, write: Write, tmp_path: Path
) -> None:
    await write(2)
    await _note_head(database, audit)
    file = tmp_path / "head.json"
    file.write_text(file.read_text().replace('"count": 2', '"count": 1'))
    assert (await _verify(database, audit)).fault is Fault.HEAD_FILE


async def test_a_second_file_taken_away_is_found_and_stays_told(
    database: Database, audit: Audit, write: Write, tmp_path: Path
) -> None:
    """Else whoever cuts the log off deletes the file and waits for the next hour."""
    clock = database.clock = MovableClock()
    await write(5)
    await _note_head(database, audit)
    clock.advance(3 * 3600)
    (tmp_path / "head.json").unlink()
    assert (await _verify(database, audit)).fault is Fault.HEAD_FILE
    async with database.write() as uow:
        await audit.note_missing_head_file(uow)
    await _note_head(database, audit)
    assert (await _verify(database, audit)).fault is None
    async with database.read() as uow:
        told = await audit.entries(uow, AuditQuery(action="audit.head_file_missing"))
    assert told


async def test_after_a_restore_a_new_chain_links_to_the_old_one(
    database: Database, audit: Audit, write: Write
) -> None:
    """The database is older than the second file: that is told by the chain, not hidden."""
    await write(3)
    async with database.read() as uow:
        kept = await audit.entries(uow, AuditQuery())
    await write(4)
    await _note_head(database, audit)
    await _tamper(
        database,
        "DELETE FROM audit_entry WHERE seq > 3",
        "UPDATE audit_head SET count = 3, hash = (SELECT hash FROM audit_entry WHERE seq = 3)",
    )
    async with database.write() as uow:
        await audit.begin_new_chain(uow, actor=SYSTEM, reason="restored")
    assert await _verify(database, audit) == Verdict(4, None), "the chain says what it replaces"
    await _note_head(database, audit)
    await write(10)
    assert await _verify(database, audit) == Verdict(14, None)
    async with database.read() as uow:
        (begun,) = await audit.entries(uow, AuditQuery(action="audit.begin_chain"))
    assert begun.detail["head_file"]["count"] == 7
    assert begun.seq == len(kept) + 1


async def test_entries_are_read_newest_first_and_filtered(
    database: Database, audit: Audit, write: Write
) -> None:
    await write(12)
    async with database.read() as uow:
        page = await audit.entries(uow, AuditQuery(limit=3))
        older = await audit.entries(uow, AuditQuery(before_seq=page[-1].seq, limit=2))
        of_one = await audit.entries(uow, AuditQuery(target="incident:11"))
        none = await audit.entries(uow, AuditQuery(actor="u2"))
    assert [entry.seq for entry in page] == [12, 11, 10]
    assert [entry.seq for entry in older] == [9, 8]
    assert [entry.target for entry in of_one] == ["incident:11"]
    assert none == []


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "audit.key"
    key = load_or_create_key(path)
    assert len(key) == 32
    assert load_or_create_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
