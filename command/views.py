"""What is shown of incidents, read from the database in one unit of work."""

from typing import Any

from command import figures, levels, tables, wire
from command.hazard import Hazard
from command.incident import Incident, IncidentState
from command.store import incidents, registers, responses
from core.database import UnitOfWork
from plans.model import Case, Proposal
from plans.service import Plans


class Views:
    """Puts together the shapes of command.service."""

    def __init__(self, plans: Plans) -> None:
        self._plans = plans

    async def snapshot(self, uow: UnitOfWork, incident: Incident) -> dict[str, Any]:
        """The snapshot of topic `incident:ID`."""
        snapshot = await self.incident(uow, incident)
        activation = await responses.latest(uow, incident.id)
        snapshot["activation"] = wire.activation(activation) if activation else None
        snapshot["meeting"] = wire.meeting(activation)
        tasks, callouts, assignments = [], [], []
        if activation is not None:
            tasks = await responses.tasks(uow, activation.id)
            callouts = await responses.callouts(uow, activation.id)
            assignments = await responses.assignments(uow, activation.id)
        snapshot["tasks"] = [wire.task(each) for each in tasks]
        snapshot["callouts"] = [wire.callout(each) for each in callouts]
        snapshot["assignments"] = wire.assignments(assignments, callouts)
        log = await incidents.log_of(uow, incident.id)
        snapshot["log"] = [wire.log_entry(each) for each in log]
        return snapshot

    async def incident(self, uow: UnitOfWork, incident: Incident) -> dict[str, Any]:
        """The incident, what level it suggests, and the plans that fit."""
        hazard = await self.hazard_of(uow, incident)
        kind = tables.kind(incident.kind_code)
        suggested = suggestion(incident)
        proposals: list[Proposal] = []
        if incident.state is not IncidentState.CLOSED:
            proposals = await self._plans.propose(uow, case_of(incident, suggested, hazard, uow))
        return {
            "incident": wire.incident(incident, kind, hazard.name if hazard else None),
            "suggestion": wire.suggestion(suggested),
            "proposals": [wire.proposal(each) for each in proposals],
        }

    async def summary(self, uow: UnitOfWork, incident: Incident) -> dict[str, Any]:
        """One row of the list."""
        return (await self.summaries(uow, [incident]))[0]

    async def summaries(self, uow: UnitOfWork, found: list[Incident]) -> list[dict[str, Any]]:
        """Rows of the list, in the given order."""
        tallies = await responses.tallies(uow, [each.id for each in found])
        return [
            wire.summary(each, tables.kind(each.kind_code), tallies.get(each.id)) for each in found
        ]

    async def hazard_of(self, uow: UnitOfWork, incident: Incident) -> Hazard | None:
        """The hazard source the incident points to."""
        if incident.hazard_id is None:
            return None
        return await registers.hazard(uow, incident.hazard_id)


def suggestion(incident: Incident) -> levels.Suggestion:
    """The event level the incident's figures suggest."""
    domain = tables.kind(incident.kind_code).criteria_domain
    return levels.suggest(tables.criteria(), domain, figures.derived(incident.figures))


def case_of(
    incident: Incident, suggested: levels.Suggestion, hazard: Hazard | None, uow: UnitOfWork
) -> Case:
    """The incident as matching looks at it."""
    return Case(
        kind_code=incident.kind_code,
        unit_path=incident.unit_path,
        hazard_id=incident.hazard_id,
        hazard_kind=hazard.kind if hazard else None,
        event_level=incident.event_level or suggested.level,
        figures=figures.derived(incident.figures),
        on=uow.now.date(),
    )
