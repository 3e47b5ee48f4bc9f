"""One response while something is done to it: its parts, its voice, its journal."""

from dataclasses import dataclass, field

from command import tables
from command.activation import Activation
from command.assignment import Callout
from command.drafting import about, first_task
from command.escalation import Contact, Link
from command.incident import Incident
from command.journal import Journal
from command.store import incidents, responses
from command.task import Task
from command.texts import Voice, voice
from command.views import Views
from core.audit import Actor
from core.database import UnitOfWork
from core.ids import IncidentId
from plans import service as plans
from plans.model import Plan


@dataclass
class Scene:
    """Everything calling needs to know about one response, read under the incident's lock."""

    uow: UnitOfWork
    journal: Journal
    activation: Activation
    plan: Plan
    voice: Voice
    tasks: list[Task] = field(default_factory=list)

    @property
    def incident(self) -> Incident:
        return self.journal.incident

    def is_live(self, callout: Callout) -> bool:
        """Whether `callout` is part of a response that runs; an answer may come long after."""
        return self.activation.is_running and callout.activation_id == self.activation.id

    def alert(self, callout: Callout, link: Link, person: Contact) -> str:
        """What `person` of `link` is told when called for `callout`."""
        task = first_task(self.tasks, callout.role)
        told = about(callout.role_name, person.name, task, self.link_of(callout, person))
        return self.voice.escalated(told) if link.is_above else self.voice.alert(told)

    def reminder(self, callout: Callout, person: Contact) -> str:
        """What `person` is told when asked again."""
        task = first_task(self.tasks, callout.role)
        return self.voice.reminder(about(callout.role_name, person.name, task, ""))

    def link_of(self, callout: Callout, person: Contact) -> str:
        """The seat of the person's own unit, else of the role's; empty where neither is invited."""
        links = self.activation.links
        own = links.get(person.unit_id)
        return own or (links.get(callout.unit_id, "") if callout.unit_id else "")


def scene(uow: UnitOfWork, journal: Journal, activation: Activation, tasks: list[Task]) -> Scene:
    """The scene of `activation`."""
    plan = plans.from_json(activation.plan)
    incident = journal.incident
    kind_name = tables.kind(incident.kind_code).name
    speaks = voice(incident, kind_name, plan, activation.level)
    return Scene(uow, journal, activation, plan, speaks, tasks)


async def scene_of(
    uow: UnitOfWork, incident_id: IncidentId, actor: Actor, views: Views
) -> Scene | None:
    """The scene of the incident's latest response, under its lock; None if there is none."""
    incident = await incidents.find(uow, incident_id, locked=True)
    if incident is None:
        return None
    activation = await responses.latest(uow, incident_id)
    if activation is None:
        return None
    journal = Journal(uow, incident, actor, views)
    tasks = await responses.tasks(uow, activation.id)
    return scene(uow, journal, activation, tasks)
