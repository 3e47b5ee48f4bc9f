"""What one operation changes: lines of the log at once, objects shown to browsers at the end.

An object changed twice in one transaction is published once, in its last state. Owner: the
operation that made it; never kept beyond the unit of work.
"""

from dataclasses import dataclass, field
from typing import Any

from command import wire
from command.activation import Activation
from command.assignment import Assignment, Callout
from command.incident import Incident
from command.log import LogEntry, LogKind
from command.store import incidents, responses
from command.task import Task
from command.views import Views
from core import changes
from core.audit import Actor
from core.database import UnitOfWork
from core.ids import new_id

Touched = Activation | Task | Callout | Assignment
_KINDS = {Activation: "activation", Task: "task", Callout: "callout", Assignment: "assignment"}


@dataclass
class Journal:
    """One operation on one incident. `incident`: its present state; `actor`: whose lines follow."""

    uow: UnitOfWork
    incident: Incident
    actor: Actor
    views: Views
    _entries: list[LogEntry] = field(default_factory=list)
    _touched: dict[str, Touched] = field(default_factory=dict)
    _is_incident_touched: bool = False

    async def note(self, kind: LogKind, text: str, **data: Any) -> LogEntry:
        """Add a line to the log."""
        if self._entries:  # nobody else writes: the incident is locked
            number = self._entries[-1].number + 1
        else:
            number = await incidents.next_entry(self.uow, self.incident.id)
        entry = LogEntry(
            id=new_id(),
            incident_id=self.incident.id,
            number=number,
            at=self.uow.now,
            kind=kind,
            actor=self.actor.id,
            actor_name=self.actor.name,
            text=text,
            data=data,
        )
        await incidents.append(self.uow, entry)
        self._entries.append(entry)
        return entry

    async def change_incident(self, changed: Incident) -> None:
        """Store the incident's new state."""
        await incidents.update(self.uow, changed)
        self.incident = changed
        self._is_incident_touched = True

    async def insert(self, *values: Touched) -> None:
        """Store new objects."""
        await responses.insert(self.uow, values)
        self._touch(*values)

    async def change(self, *values: Touched) -> None:
        """Store the new states of objects."""
        for value in values:
            await responses.update(self.uow, value)
        self._touch(*values)

    def _touch(self, *values: Touched) -> None:
        for value in values:
            self._touched[value.id] = value

    async def publish(self, *, is_new: bool = False) -> None:
        """Show browsers what changed. `is_new`: the incident has just been recorded."""
        topic = wire.topic(self.incident.id)
        if self._is_incident_touched:
            data = await self.views.incident(self.uow, self.incident)
            await changes.publish(self.uow, topic, "incident.changed", data)
        for value in self._touched.values():
            await changes.publish(self.uow, topic, *await self._shown(value))
        for entry in self._entries:
            await changes.publish(self.uow, topic, "log.added", wire.log_entry(entry))
        if self._touched or self._is_incident_touched or is_new:
            await self._publish_summary("incident.added" if is_new else "incident.changed")

    async def publish_whole(self) -> None:
        """Show browsers the whole incident anew: after an activation nearly all of it changed."""
        snapshot = await self.views.snapshot(self.uow, self.incident)
        await changes.publish(self.uow, wire.topic(self.incident.id), "snapshot.replaced", snapshot)
        await self._publish_summary("incident.changed")

    async def _publish_summary(self, kind: str) -> None:
        summary = await self.views.summary(self.uow, self.incident)
        for topic in wire.lists(self.incident.unit_path):
            await changes.publish(self.uow, topic, kind, summary)

    async def _shown(self, value: Touched) -> tuple[str, dict[str, Any]]:
        kind = f"{_KINDS[type(value)]}.changed"
        match value:
            case Activation():
                return kind, wire.activation(value)
            case Task():
                return kind, wire.task(value)
            case Callout():
                return kind, wire.callout(value)
            case Assignment():
                of_callout = self._touched.get(value.callout_id)
                if not isinstance(of_callout, Callout):
                    of_callout = await responses.callout(self.uow, value.callout_id)
                assert of_callout is not None, "an assignment belongs to a call-out"
                return kind, wire.assignment(value, of_callout)
