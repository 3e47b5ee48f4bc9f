"""Tasks: the plan's steps of one response, each with its owner's role and a deadline (pure)."""

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import Conflict, InvalidInput
from core.ids import ActivationId, IncidentId, TaskId
from plans.model import Evidence, Plan


class TaskState(enum.StrEnum):
    """`done` and `cancelled` are final; lateness is a flag of its own."""

    OPEN = "open"
    STARTED = "started"
    DONE = "done"
    CANCELLED = "cancelled"


class TaskAction(enum.StrEnum):
    """What moves a task."""

    START = "start"
    FINISH = "finish"
    CANCEL = "cancel"


_FIGURE = re.compile(r"[0-9０-９]")

_MOVES = {
    (TaskState.OPEN, TaskAction.START): TaskState.STARTED,
    (TaskState.OPEN, TaskAction.FINISH): TaskState.DONE,
    (TaskState.STARTED, TaskAction.FINISH): TaskState.DONE,
    (TaskState.OPEN, TaskAction.CANCEL): TaskState.CANCELLED,
    (TaskState.STARTED, TaskAction.CANCEL): TaskState.CANCELLED,
}


def transition(state: TaskState, action: TaskAction) -> TaskState:
    """Raises: Conflict: this state does not admit `action`."""
    try:
        return _MOVES[state, action]
    except KeyError:
        raise Conflict(f"a task that is {state} cannot {action}") from None


@dataclass(frozen=True)
class Task:
    """One step to be done. `on_overdue`: key of the role told when `due_at` has passed."""

    id: TaskId
    activation_id: ActivationId
    incident_id: IncidentId
    position: int
    step: str
    title: str
    role: str
    role_name: str
    evidence: Evidence
    on_overdue: str
    state: TaskState
    opens_at: datetime
    due_at: datetime
    is_overdue: bool = False
    started_at: datetime | None = None
    done_at: datetime | None = None
    done_by_name: str = ""
    result: str = ""

    @property
    def is_pending(self) -> bool:
        return self.state in (TaskState.OPEN, TaskState.STARTED)


@dataclass(frozen=True)
class Owner:
    """Whose tasks they are."""

    activation_id: ActivationId
    incident_id: IncidentId


def tasks_of(
    plan: Plan, level: int, owner: Owner, at: datetime, make_id: Callable[[], str]
) -> list[Task]:
    """The tasks of `plan` at `level`, begun at `at`, in the plan's order."""
    return [
        Task(
            id=TaskId(make_id()),
            activation_id=owner.activation_id,
            incident_id=owner.incident_id,
            position=position,
            step=step.id,
            title=step.title,
            role=step.role,
            role_name=plan.role(step.role).name,
            evidence=step.evidence,
            on_overdue=step.on_overdue,
            state=TaskState.OPEN,
            opens_at=at + timedelta(minutes=step.offset_min),
            due_at=at + timedelta(minutes=step.offset_min + step.limit_min),
        )
        for position, step in enumerate(plan.steps_at(level))
    ]


def check_result(task: Task, result: str) -> None:
    """Raises: InvalidInput: the evidence the step asks for is missing."""
    if len(result) > 1000:
        raise InvalidInput("at most 1000 characters", field="result")
    if task.evidence is Evidence.TEXT and not result.strip():
        raise InvalidInput("say what was done", field="result")
    if task.evidence is Evidence.HEADCOUNT and not _FIGURE.search(result):
        raise InvalidInput("give the number of people", field="result")
