"""The audit log's head is in the second file at each activation, so that a cut-off end shows."""

import json
from pathlib import Path
from typing import Any

from sqlalchemy import text

from core.audit import AuditHeadRow, Fault


async def _heads(county: Any, folder: Path) -> tuple[tuple[int, str], tuple[int, str]]:
    """Count and hash: as the database has them, and as the second file has them."""
    async with county.database.read() as uow:
        row = await uow.session.get(AuditHeadRow, 1)
    noted = json.loads((folder / "head").read_text())
    return (row.count, row.hash), (noted["count"], noted["hash"])


async def test_an_activation_writes_the_head(county: Any, tmp_path: Path) -> None:
    incident = await county.record()
    assert not (tmp_path / "head").exists()
    await county.activate(incident)
    of_chain, of_file = await _heads(county, tmp_path)
    assert of_file == of_chain


async def test_a_confirmation_writes_it_again(county: Any, tmp_path: Path) -> None:
    """Level Ⅱ: the order and the second person's word are each in the file."""
    incident = await county.record()
    await county.activate(incident, level=2)
    ordered, of_file = await _heads(county, tmp_path)
    assert of_file == ordered
    async with county.database.write() as uow:
        await county.command.responses.confirm(uow, county.leader, incident.id)
    confirmed, of_file = await _heads(county, tmp_path)
    assert of_file == confirmed
    assert confirmed[0] > ordered[0]


async def test_what_followed_the_activation_cannot_be_cut_off_with_it(
    county: Any, tmp_path: Path
) -> None:
    """Somebody who can write the database removes the activation and mends the head row."""
    incident = await county.record()
    async with county.database.read() as uow:
        before = await uow.session.get(AuditHeadRow, 1)
    await county.activate(incident)
    async with county.database.write() as uow:
        cut = {"count": before.count, "hash": before.hash}
        await uow.session.execute(text("DELETE FROM audit_entry WHERE seq > :count"), cut)
        await uow.session.execute(text("UPDATE audit_head SET count = :count, hash = :hash"), cut)
    async with county.database.read() as uow:
        assert (await county.audit.verify(uow)).fault in {Fault.CUT_OFF, Fault.HEAD_FILE}


async def test_a_disk_that_takes_no_head_does_not_stop_the_response(
    county: Any, tmp_path: Path
) -> None:
    (tmp_path / "head.partial").mkdir()  # whatever is written there fails
    incident = await county.record()
    await county.activate(incident)
    assert (await county.board(incident.id))["activation"]["state"] == "active"
