"""Activations with their tasks, call-outs and assignments in the database."""

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, case, func, select

from command.activation import Activation, ActivationState
from command.assignment import Assignment, AssignmentState, Callout, CalloutState
from command.store.rows import add, save, value_of
from command.store.tables import ActivationRow, AssignmentRow, CalloutRow, TaskRow
from command.task import Task
from core.database import Base, UnitOfWork
from core.ids import ActivationId, AssignmentId, IncidentId, MessageId, TaskId

Stored = Activation | Task | Callout | Assignment
T = TypeVar("T", Activation, Task, Callout, Assignment)

_TABLES: dict[type[Stored], type[Base]] = {
    Activation: ActivationRow,
    Task: TaskRow,
    Callout: CalloutRow,
    Assignment: AssignmentRow,
}


async def insert(uow: UnitOfWork, values: Iterable[Stored]) -> None:
    """Store new values, in this order."""
    for value in values:
        add(uow, _TABLES[type(value)], value)
    await uow.session.flush()  # the session does not know which table refers to which


async def update(uow: UnitOfWork, value: Stored) -> None:
    await save(uow, _TABLES[type(value)], value)


async def activation(uow: UnitOfWork, activation_id: ActivationId) -> Activation | None:
    row = await uow.session.get(ActivationRow, activation_id)
    return None if row is None else value_of(Activation, row)


async def by_key(uow: UnitOfWork, incident_id: IncidentId, key: str) -> Activation | None:
    row = await uow.session.scalar(
        select(ActivationRow).where(
            ActivationRow.incident_id == incident_id, ActivationRow.key == key
        )
    )
    return None if row is None else value_of(Activation, row)


async def latest(uow: UnitOfWork, incident_id: IncidentId) -> Activation | None:
    """The incident's newest activation, running or not."""
    row = await uow.session.scalar(
        select(ActivationRow)
        .where(ActivationRow.incident_id == incident_id)
        .order_by(ActivationRow.ordered_at.desc(), ActivationRow.id.desc())
        .limit(1)
    )
    return None if row is None else value_of(Activation, row)


async def task(uow: UnitOfWork, task_id: TaskId) -> Task | None:
    row = await uow.session.get(TaskRow, task_id)
    return None if row is None else value_of(Task, row)


async def tasks(uow: UnitOfWork, activation_id: ActivationId) -> list[Task]:
    """By opening, then in the plan's order."""
    rows = await uow.session.scalars(
        select(TaskRow)
        .where(TaskRow.activation_id == activation_id)
        .order_by(TaskRow.opens_at, TaskRow.position)
    )
    return [value_of(Task, row) for row in rows]


async def callout(uow: UnitOfWork, callout_id: str) -> Callout | None:
    row = await uow.session.get(CalloutRow, callout_id)
    return None if row is None else value_of(Callout, row)


async def callouts(uow: UnitOfWork, activation_id: ActivationId) -> list[Callout]:
    """In the plan's order."""
    rows = await uow.session.scalars(
        select(CalloutRow)
        .where(CalloutRow.activation_id == activation_id)
        .order_by(CalloutRow.position)
    )
    return [value_of(Callout, row) for row in rows]


async def assignment(uow: UnitOfWork, assignment_id: AssignmentId) -> Assignment | None:
    row = await uow.session.get(AssignmentRow, assignment_id)
    return None if row is None else value_of(Assignment, row)


async def assignments(uow: UnitOfWork, activation_id: ActivationId) -> list[Assignment]:
    """In order of calling."""
    rows = await uow.session.scalars(
        select(AssignmentRow)
        .where(AssignmentRow.activation_id == activation_id)
        .order_by(AssignmentRow.created_at, AssignmentRow.id)
    )
    return [value_of(Assignment, row) for row in rows]


async def called_for(uow: UnitOfWork, callout_id: str) -> list[Assignment]:
    """The assignments of one call-out, in order of calling."""
    rows = await uow.session.scalars(
        select(AssignmentRow)
        .where(AssignmentRow.callout_id == callout_id)
        .order_by(AssignmentRow.step, AssignmentRow.id)
    )
    return [value_of(Assignment, row) for row in rows]


async def by_message(
    uow: UnitOfWork, message_id: MessageId
) -> tuple[IncidentId, AssignmentId] | None:
    """Whom `message_id` asked last. Only ids: the caller first locks the incident, then reads."""
    found = await uow.session.execute(
        select(AssignmentRow.incident_id, AssignmentRow.id).where(
            AssignmentRow.message_id == message_id
        )
    )
    row = found.first()
    return None if row is None else (IncidentId(row[0]), AssignmentId(row[1]))


async def incident_of(
    uow: UnitOfWork, kind: type[Task] | type[Assignment], value_id: str
) -> IncidentId | None:
    """Which incident a task or assignment belongs to; only the id, as in `by_message`."""
    table = TaskRow if kind is Task else AssignmentRow
    found = await uow.session.scalar(select(table.incident_id).where(table.id == value_id))
    return None if found is None else IncidentId(found)


async def tallies(
    uow: UnitOfWork, incident_ids: Collection[IncidentId]
) -> dict[IncidentId, tuple[int, int, int, int]]:
    """For each running response: (level, roles called, acknowledged, nobody reached)."""
    if not incident_ids:
        return {}
    found = await uow.session.execute(
        select(
            ActivationRow.incident_id,
            ActivationRow.level,
            func.count(CalloutRow.id),
            _count(CalloutState.ACKNOWLEDGED),
            _count(CalloutState.EXHAUSTED),
        )
        .outerjoin(CalloutRow, CalloutRow.activation_id == ActivationRow.id)
        .where(
            ActivationRow.incident_id.in_(incident_ids),
            ActivationRow.state.in_((ActivationState.UNCONFIRMED, ActivationState.ACTIVE)),
        )
        .group_by(ActivationRow.incident_id, ActivationRow.level)
    )
    return {
        IncidentId(row[0]): (row[1], row[2], int(row[3] or 0), int(row[4] or 0)) for row in found
    }


def _count(state: CalloutState) -> ColumnElement[int]:
    return func.sum(case((CalloutRow.state == state, 1), else_=0))


def unanswered(assignments: Sequence[Assignment]) -> list[Assignment]:
    """Those who were asked and have neither acknowledged nor declined nor been given up."""
    waiting = (
        AssignmentState.PENDING,
        AssignmentState.SUBMITTED,
        AssignmentState.DELIVERED,
        AssignmentState.FAILED,
    )
    return [each for each in assignments if each.state in waiting]
