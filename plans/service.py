"""The face of plans: which there are, one of them, and which fit a case."""

from core.audit import SYSTEM, Actor, Audit
from core.auth.model import Permission, Principal, require
from core.database import UnitOfWork
from core.errors import Conflict, NotFound
from core.ids import PlanId
from plans import document, matching, store
from plans.model import Case, Plan, PlanVersion, Proposal


class Plans:
    """Response plans, versioned; a running activation keeps its own snapshot."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def current(self, uow: UnitOfWork, principal: Principal) -> list[Plan]:
        """The current version of every plan.

        Raises: NotAllowed.
        """
        require(principal, Permission.PLAN_READ)
        return await store.current(uow)

    async def plan(self, uow: UnitOfWork, plan_id: PlanId, version: int | None = None) -> Plan:
        """One plan; the current version unless `version` is given.

        Raises: NotFound.
        """
        found = await store.find(uow, plan_id, version)
        if found is None:
            raise NotFound(f"no plan {plan_id}", field="plan_id")
        return found

    async def versions(self, uow: UnitOfWork, plan_id: PlanId) -> list[PlanVersion]:
        """Every version there has been, the newest first.

        Raises: NotFound.
        """
        found = await store.versions(uow, plan_id)
        if not found:
            raise NotFound(f"no plan {plan_id}", field="plan_id")
        return found

    async def weighed(self, uow: UnitOfWork, content: dict[str, object]) -> tuple[Plan, int]:
        """What would be put into force, checked like it. Returns: the plan, the newest version.

        Raises: InvalidInput: not sound, names the field.
        """
        plan = document.from_json(content)
        return plan, await store.newest_version(uow, plan.id)

    async def propose(self, uow: UnitOfWork, case: Case) -> list[Proposal]:
        """The plans that fit `case`, at most three, best first."""
        return matching.rank(await store.current(uow), case)

    async def install(self, uow: UnitOfWork, plan: Plan, actor: Actor = SYSTEM) -> None:
        """Make `plan` the current version of its id.

        Raises: InvalidInput: not sound; Conflict: its version is not newer than the newest.
        """
        document.check(plan)
        newest = await store.newest_version(uow, plan.id)
        if plan.version <= newest:
            raise Conflict(f"version {newest} of this plan exists", field="version")
        await store.insert(uow, plan)
        await self._audit.append(
            uow,
            actor=actor,
            action="plan.install",
            target=f"plan:{plan.id}",
            detail={"version": plan.version, "title": plan.title},
        )

    async def write(
        self, uow: UnitOfWork, principal: Principal, content: dict[str, object]
    ) -> Plan:
        """A person puts a plan or a new version of one into force.

        Raises: NotAllowed; InvalidInput: not sound, names the field; Conflict: not newer.
        """
        require(principal, Permission.PLAN_WRITE)
        plan = document.from_json(content)
        await self.install(uow, plan, principal.actor)
        return plan

    async def install_library(self, uow: UnitOfWork) -> int:
        """Install the delivered plans that are newer than what is there. Returns: how many."""
        installed = 0
        for plan in document.library():
            if plan.version > await store.newest_version(uow, plan.id):
                await self.install(uow, plan)
                installed += 1
        return installed


def as_json(plan: Plan) -> dict[str, object]:
    """The plan as JSON values, for the wire and for an activation's snapshot."""
    return document.to_json(plan)


def from_json(content: dict[str, object]) -> Plan:
    """The plan of an activation's snapshot.

    Raises: InvalidInput.
    """
    return document.from_json(content)
