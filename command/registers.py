"""The register of hazard sources with their grading, isolation look-ups, and the duty roster."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from command import grading, hazard, isolation, roster, tables, wire
from command.grading import Grading, Holding
from command.hazard import Hazard, HazardDraft
from command.isolation import Question, Zone
from command.roster import Shift, ShiftDraft
from command.store import registers
from core.audit import Audit
from core.auth.model import Permission, Principal, is_within, reach, require
from core.database import UnitOfWork
from core.errors import Conflict, InvalidInput, NotFound, check_unchanged
from core.ids import HazardId, new_id
from directory.model import Unit
from directory.service import Directory


class HazardRegister:
    """Hazard sources of the county."""

    def __init__(self, directory: Directory, audit: Audit) -> None:
        self._directory = directory
        self._audit = audit

    async def listed(
        self, uow: UnitOfWork, principal: Principal, kind: str | None = None, q: str = ""
    ) -> list[dict[str, Any]]:
        """Hazards within the principal's reach, by name, each with its grading.

        Raises: NotAllowed.
        """
        require(principal, Permission.HAZARD_READ)
        scopes = reach(principal, Permission.HAZARD_READ)
        return [shown(each) for each in await registers.hazards(uow, scopes, kind, q)]

    async def shown(
        self, uow: UnitOfWork, principal: Principal, hazard_id: HazardId
    ) -> dict[str, Any]:
        """One hazard with its grading.

        Raises: NotFound.
        """
        return shown(await self.access_hazard(uow, principal, hazard_id))

    async def access_hazard(
        self,
        uow: UnitOfWork,
        principal: Principal,
        hazard_id: HazardId,
        permission: Permission = Permission.HAZARD_READ,
    ) -> Hazard:
        """The hazard, if the principal may do this to it.

        Raises: NotFound: none within reach; NotAllowed: may be read, but not changed.
        """
        found = await registers.hazard(uow, hazard_id)
        scopes = reach(principal, Permission.HAZARD_READ)
        if found is None or found.is_removed or not is_within(found.unit_path, scopes):
            raise NotFound("no such hazard source", field="hazard_id")
        require(principal, permission, found.unit_path)
        return found

    async def add(self, uow: UnitOfWork, principal: Principal, draft: HazardDraft) -> Hazard:
        """Enter a hazard source.

        Raises: InvalidInput, NotFound: the unit; NotAllowed; Conflict: its id is taken.
        """
        draft = hazard.checked(draft)
        unit = await self._directory.unit(uow, draft.unit_id)
        require(principal, Permission.HAZARD_WRITE, unit.path)
        return await self._insert(uow, principal, draft, unit)

    async def change(
        self,
        uow: UnitOfWork,
        principal: Principal,
        hazard_id: HazardId,
        draft: HazardDraft,
        version: int,
    ) -> Hazard:
        """Write `draft` over a hazard source.

        Raises: InvalidInput, NotFound, NotAllowed; Conflict: changed meanwhile.
        """
        found = await self.access_hazard(uow, principal, hazard_id, Permission.HAZARD_WRITE)
        check_unchanged(f"hazard:{hazard_id}", version, found.version)
        draft = hazard.checked(draft)
        unit = await self._directory.unit(uow, draft.unit_id)
        require(principal, Permission.HAZARD_WRITE, unit.path)
        changed = replace(_of(draft, unit, hazard_id), version=version + 1)
        await self._note(uow, principal, "hazard.change", changed)
        await registers.update_hazard(uow, changed)
        return changed

    async def remove(
        self, uow: UnitOfWork, principal: Principal, hazard_id: HazardId, version: int
    ) -> None:
        """Take a hazard source off the register (核销); incidents keep pointing to it.

        Raises: NotFound, NotAllowed; Stale: changed since `version`.
        """
        found = await self.access_hazard(uow, principal, hazard_id, Permission.HAZARD_WRITE)
        check_unchanged(f"hazard:{hazard_id}", version, found.version)
        await self._note(uow, principal, "hazard.remove", found)
        await registers.update_hazard(
            uow, replace(found, is_removed=True, version=found.version + 1)
        )

    async def _insert(
        self, uow: UnitOfWork, principal: Principal, draft: HazardDraft, unit: Unit
    ) -> Hazard:
        hazard_id = HazardId(draft.id or new_id())
        if await registers.hazard(uow, hazard_id) is not None:
            raise Conflict("this id is taken", field="id")
        entered = _of(draft, unit, hazard_id)
        await self._note(uow, principal, "hazard.add", entered)
        await registers.insert_hazard(uow, entered)
        return entered

    async def _note(
        self, uow: UnitOfWork, principal: Principal, action: str, value: Hazard
    ) -> None:
        await self._audit.append(
            uow,
            actor=principal.actor,
            action=action,
            target=f"hazard:{value.id}",
            detail={"name": value.name, "kind": value.kind, "unit": value.unit_path},
        )


def _of(draft: HazardDraft, unit: Unit, hazard_id: HazardId) -> Hazard:
    return Hazard(
        id=hazard_id,
        kind=draft.kind,
        name=draft.name,
        unit_id=unit.id,
        unit_path=unit.path,
        unit_name=unit.name,
        longitude=draft.longitude,
        latitude=draft.latitude,
        township_id=draft.township_id,
        address=draft.address,
        holdings=draft.holdings,
        exposed_500m=draft.exposed_500m,
        responsible_ids=draft.responsible_ids,
        attributes=draft.attributes,
    )


def shown(value: Hazard) -> dict[str, Any]:
    """The hazard on the wire, graded where it holds substances and it is known who lives near."""
    if not value.holdings or value.exposed_500m is None:
        return wire.hazard(value, None)
    try:
        return wire.hazard(value, grade(value.holdings, value.exposed_500m))
    except InvalidInput as error:  # the register may hold what the standard does not list
        return wire.hazard(value, None, error.message)


def grade(holdings: tuple[Holding, ...], exposed: int) -> Grading:
    """GB 18218-2018 for these holdings, with the arithmetic.

    Raises: InvalidInput.
    """
    return grading.grade(tables.grading(), holdings, exposed)


def isolate(question: Question) -> Zone:
    """ERG 2024 distances.

    Raises: InvalidInput: not listed, or the container is needed.
    """
    return isolation.look_up(tables.spills(), tables.large_containers(), tables.guides(), question)


class DutyRoster:
    """Who is on duty at a unit's desk."""

    def __init__(self, directory: Directory, audit: Audit) -> None:
        self._directory = directory
        self._audit = audit

    async def add(self, uow: UnitOfWork, principal: Principal, draft: ShiftDraft) -> Shift:
        """Put a shift on the roster.

        Raises: InvalidInput, NotFound: unit or person; NotAllowed; Conflict: it overlaps another.
        """
        shift = await self._checked(uow, principal, draft, new_id())
        await self._note(uow, principal, "roster.add", shift)
        await registers.insert_shift(uow, shift)
        return shift

    async def change(
        self, uow: UnitOfWork, principal: Principal, shift_id: str, draft: ShiftDraft, version: int
    ) -> Shift:
        """Write `draft` over a shift: somebody swaps, or the hours move.

        Raises: as `add`; NotFound: there is no such shift; Stale: changed since `version`.
        """
        await self._access(uow, principal, shift_id, version)
        checked = await self._checked(uow, principal, draft, shift_id)
        shift = replace(checked, version=version + 1)
        await self._note(uow, principal, "roster.change", shift)
        await registers.update_shift(uow, shift)
        return shift

    async def remove(
        self, uow: UnitOfWork, principal: Principal, shift_id: str, version: int
    ) -> None:
        """Take a shift off the roster; the audit log keeps who was on it.

        Raises: NotFound, NotAllowed; Stale: changed since `version`.
        """
        shift = await self._access(uow, principal, shift_id, version)
        await self._note(uow, principal, "roster.remove", shift)
        await registers.delete_shift(uow, shift_id)

    async def _access(
        self, uow: UnitOfWork, principal: Principal, shift_id: str, version: int
    ) -> Shift:
        found = await registers.shift(uow, shift_id)
        if found is None:
            raise NotFound("no such shift", field="shift_id")
        require(principal, Permission.INCIDENT_ACTIVATE, found.unit_path)
        check_unchanged(f"shift:{shift_id}", version, found.version)
        return found

    async def _checked(
        self, uow: UnitOfWork, principal: Principal, draft: ShiftDraft, shift_id: str
    ) -> Shift:
        """The shift as it shall be: its people exist, and no other is on at that time."""
        draft = roster.checked(draft)
        unit = await self._directory.unit(uow, draft.unit_id)
        require(principal, Permission.INCIDENT_ACTIVATE, unit.path)
        named = {draft.leader_id, *draft.officer_ids}
        if len(await self._directory.people(uow, named)) != len(named):
            raise NotFound("somebody on the shift is not in the directory", field="officer_ids")
        near = await registers.shifts(uow, unit.path, draft.starts_at, draft.ends_at)
        if roster.overlapping([each for each in near if each.id != shift_id], draft) is not None:
            raise Conflict("another shift is on at that time", field="starts_at")
        return Shift(
            shift_id, unit.id, unit.path, draft.starts_at, draft.ends_at,
            draft.leader_id, draft.officer_ids,
        )  # fmt: skip

    async def _note(self, uow: UnitOfWork, principal: Principal, action: str, shift: Shift) -> None:
        await self._audit.append(
            uow,
            actor=principal.actor,
            action=action,
            target=f"shift:{shift.id}",
            detail={
                "unit": shift.unit_path, "starts_at": shift.starts_at.isoformat(),
                "ends_at": shift.ends_at.isoformat(), "leader_id": shift.leader_id,
                "officer_ids": list(shift.officer_ids),
            },
        )  # fmt: skip

    async def current(self, uow: UnitOfWork, principal: Principal) -> dict[str, Any] | None:
        """The county's present shift with names; None if the roster has a hole.

        Raises: NotAllowed.
        """
        require(principal, Permission.INCIDENT_READ)
        county = await self._county(uow, principal)
        day = timedelta(days=1)
        near = await registers.shifts(uow, county.path, uow.now - day, uow.now + day)
        shift = roster.on_duty(near, uow.now)
        return (await self._shown(uow, [shift]))[0] if shift else None

    async def between(
        self, uow: UnitOfWork, principal: Principal, begin: datetime, end: datetime
    ) -> list[dict[str, Any]]:
        """The county's shifts that touch the span, with names.

        Raises: NotAllowed, InvalidInput: the span is empty or longer than 100 days.
        """
        require(principal, Permission.INCIDENT_READ)
        if begin.tzinfo is None or end.tzinfo is None:
            raise InvalidInput("needs a time zone", field="begin")
        if not timedelta(0) < end - begin <= timedelta(days=100):
            raise InvalidInput("a span of up to 100 days", field="end")
        county = await self._county(uow, principal)
        return await self._shown(uow, await registers.shifts(uow, county.path, begin, end))

    async def _county(self, uow: UnitOfWork, principal: Principal) -> Unit:
        root = reach(principal, Permission.INCIDENT_READ)[0].partition("/")[0]
        return await self._directory.unit_at(uow, f"{root}/")

    async def _shown(self, uow: UnitOfWork, shifts: list[Shift]) -> list[dict[str, Any]]:
        ids = {each for shift in shifts for each in (shift.leader_id, *shift.officer_ids)}
        people = {each.id: each for each in await self._directory.people(uow, ids)}

        def person(person_id: Any) -> dict[str, Any]:
            found = people.get(person_id)
            name, title = (found.name, found.title) if found else ("", "")
            number = found.mobile.masked if found and found.mobile else ""
            return {"person_id": person_id, "person": name, "title": title, "number": number}

        return [
            {
                "id": shift.id,
                "unit_id": shift.unit_id,
                "starts_at": shift.starts_at.isoformat(),
                "ends_at": shift.ends_at.isoformat(),
                "leader": person(shift.leader_id),
                "officers": [person(each) for each in shift.officer_ids],
                "version": shift.version,
            }
            for shift in shifts
        ]
