"""Who holds the roles of a plan for one incident, looked up in the directory and the roster."""

from collections.abc import Sequence
from datetime import timedelta

from command import roster
from command.drafting import RoleStaff, Staff
from command.escalation import Contact
from command.hazard import Hazard
from command.incident import Incident
from command.store import registers
from core.database import UnitOfWork
from core.errors import NotFound
from core.ids import UnitId
from directory.model import Person, Post, Unit, UnitKind
from directory.service import Directory
from plans.model import COMPANY, COUNTY, TOWNSHIP, Plan, PlanRole, Townships

_MISSING = {
    TOWNSHIP: "事发地不属于任何乡镇",
    COMPANY: "未关联危险源,不知道涉事单位",
}


class Staffing:
    """Finds people; changes nothing."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def county(self, uow: UnitOfWork, unit_path: str) -> Unit:
        """The root above `unit_path`.

        Raises: NotFound.
        """
        return await self._directory.unit_at(uow, unit_path.partition("/")[0] + "/")

    async def staff(
        self, uow: UnitOfWork, plan: Plan, incident: Incident, hazard: Hazard | None
    ) -> Staff:
        """The people and units for `plan`.

        Raises: NotFound: the county itself is not in the directory.
        """
        county = await self.county(uow, incident.unit_path)
        township = await self._township(uow, incident)
        units = await self._units(uow, plan, county, township, hazard)
        roles = [await self._role(uow, role, units.get(role.unit), county) for role in plan.roles]
        return Staff(
            county_id=county.id,
            county_path=county.path,
            county_name=county.name,
            roles=tuple(roles),
            townships=await self._invited(uow, plan, county, township),
        )

    async def _township(self, uow: UnitOfWork, incident: Incident) -> Unit | None:
        ids = [UnitId(part) for part in incident.unit_path.split("/") if part]
        above = await self._directory.units(uow, ids)
        return next((unit for unit in above if unit.kind is UnitKind.TOWNSHIP), None)

    async def _units(
        self,
        uow: UnitOfWork,
        plan: Plan,
        county: Unit,
        township: Unit | None,
        hazard: Hazard | None,
    ) -> dict[str, Unit]:
        named = {UnitId(role.unit) for role in plan.roles if not role.unit.startswith("@")}
        units = {str(unit.id): unit for unit in await self._directory.units(uow, named)}
        units[COUNTY] = county
        if township is not None:
            units[TOWNSHIP] = township
        if hazard is not None:
            try:
                units[COMPANY] = await self._directory.unit(uow, hazard.unit_id)
            except NotFound:  # the company left the directory: the preview says so
                units.pop(COMPANY, None)
        return units

    async def _role(
        self, uow: UnitOfWork, role: PlanRole, unit: Unit | None, county: Unit
    ) -> RoleStaff:
        if unit is None:
            problem = f"{role.name}:{_MISSING.get(role.unit, f'没有单位 {role.unit}')}"
            return RoleStaff(role, None, "", (), problem)
        people = await self._directory.holders(uow, role.post, unit.path)
        if not people:  # whoever heads the unit answers for what nobody is named for
            people = await self._directory.holders(uow, Post.HEAD, unit.path)
        if role.is_on_duty:
            people = [*await self._on_duty(uow, county), *people]
        return RoleStaff(role, unit.id, unit.name, _contacts(people))

    async def _on_duty(self, uow: UnitOfWork, county: Unit) -> list[Person]:
        day = timedelta(days=1)
        shifts = await registers.shifts(uow, county.path, uow.now - day, uow.now + day)
        shift = roster.on_duty(shifts, uow.now)
        return await self._directory.people(uow, [shift.leader_id]) if shift else []

    async def _invited(
        self, uow: UnitOfWork, plan: Plan, county: Unit, township: Unit | None
    ) -> tuple[tuple[UnitId, str], ...]:
        match plan.conference.townships:
            case Townships.NONE:
                return ()
            case Townships.AFFECTED:
                return ((township.id, township.name),) if township else ()
            case Townships.ALL:
                every = await self._directory.subtree(uow, county.path, [UnitKind.TOWNSHIP])
                return tuple((unit.id, unit.name) for unit in every)


def _contacts(people: Sequence[Person]) -> tuple[Contact, ...]:
    """Those with a mobile, each once, in order."""
    contacts: dict[str, Contact] = {}
    for person in people:
        if person.mobile is None or person.id in contacts:
            continue
        contacts[person.id] = Contact(
            person_id=person.id,
            name=person.name,
            title=person.title,
            unit_id=person.unit_id,
            unit_name=person.unit_name,
            number=person.mobile.number,
            is_demo=person.mobile.is_demo,
        )
    return tuple(contacts.values())
