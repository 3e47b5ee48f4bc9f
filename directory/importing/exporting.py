"""Export of people as a table that the import understands again."""

import asyncio
import json

from core.audit import Audit
from core.auth.model import Permission, Principal, require
from core.database import Database
from core.ids import UnitId
from directory import validation
from directory.importing.reader import annotate
from directory.model import Person, PhoneKind, Unit
from directory.register import Register
from directory.store import people, units

HEADER = ["编号", "姓名", "手机", "电话", "单位", "职务", "备注"]
_TIMEOUT_S = 60.0
_BREATHE_EVERY = 100


class Exports:
    """Writes everybody of a subtree into an xlsx; no cell is ever run as a formula."""

    def __init__(self, database: Database, audit: Audit, register: Register) -> None:
        self._database = database
        self._audit = audit
        self._register = register

    async def people(
        self, principal: Principal, unit_id: UnitId, *, is_full: bool = False, reason: str = ""
    ) -> tuple[str, bytes]:
        """File name and xlsx of the people in and below a unit.

        Numbers are masked unless `is_full`, which needs `directory.reveal` there and a `reason`.
        Every export is audited. Raises: NotFound, NotAllowed; InvalidInput: no reason.
        """
        async with self._database.write() as uow:
            unit = await self._register.access_unit(uow, principal, unit_id)
            if is_full:
                require(principal, Permission.DIRECTORY_REVEAL, unit.path)
                reason = validation.text(reason, "reason", 200, required=True)
            found = await people.below(uow, [unit.path])
            names = _places(await units.listed(uow, scopes=[unit.path]), unit)
            await self._audit.append(
                uow,
                actor=principal.actor,
                action="directory.export",
                target=f"unit:{unit.id}",
                detail={"people": len(found), "is_full": is_full},
                reason=reason or None,
            )
        lines = [json.dumps(HEADER)]
        for person in found:
            row = _row(person, names[person.unit_id], is_full=is_full)
            lines.append(json.dumps([row, []]))
            if len(lines) % _BREATHE_EVERY == 0:
                await asyncio.sleep(0)
        content = await annotate("\n".join(lines).encode(), _TIMEOUT_S)
        return f"{unit.name}人员.xlsx", content


def _places(below: list[Unit], home: Unit) -> dict[UnitId, str]:
    """For each unit its name, behind those of the units between it and `home`."""
    names: dict[UnitId, str] = {}
    for unit in below:  # parents come first
        parent = names.get(unit.parent_id) if unit.parent_id and unit.parent_id != home.id else None
        names[unit.id] = f"{parent}/{unit.name}" if parent else unit.name
    return names


def _row(person: Person, place: str, *, is_full: bool) -> list[str]:
    def numbers(*, mobiles: bool) -> str:
        return "、".join(
            _dialled(phone.number, phone.extension) if is_full else phone.masked
            for phone in person.phones
            if (phone.kind is PhoneKind.MOBILE) is mobiles
        )

    return [
        person.id,
        person.name,
        numbers(mobiles=True),
        numbers(mobiles=False),
        place,
        person.title,
        person.note,
    ]


def _dialled(number: str, extension: str) -> str:
    """A mainland number as people write it: no sign in front that a spreadsheet would compute."""
    national = number.removeprefix("+86")
    if number.startswith("+86") and not (len(national) == 11 and national.startswith("1")):
        national = national if national.startswith(("400", "800")) else f"0{national}"
    return f"{national}转{extension}" if extension else national
