"""Every state machine: which moves are admitted, and that all others are refused."""

import enum
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import activation, assignment, incident, task
from command.activation import ActivationState, first_state
from command.assignment import (
    Answer,
    AssignmentAction,
    AssignmentState,
    CalloutAction,
    CalloutState,
    read_answer,
)
from command.task import TaskState
from core.errors import Conflict, InvalidInput
from core.ids import ActivationId, IncidentId, TaskId
from plans.model import Evidence

MACHINES: list[tuple[Callable[[Any, Any], Any], type[enum.Enum], type[enum.Enum], dict[str, str]]]
MACHINES = [
    (
        incident.transition,
        incident.IncidentState,
        incident.IncidentAction,
        {
            "reported respond": "responding",
            "responding revoke": "reported",
            "reported close": "closed",
            "responding close": "closed",
        },
    ),
    (
        activation.transition,
        activation.ActivationState,
        activation.ActivationAction,
        {
            "unconfirmed confirm": "active",
            "unconfirmed revoke": "revoked",
            "unconfirmed end": "ended",
            "active end": "ended",
        },
    ),
    (
        task.transition,
        task.TaskState,
        task.TaskAction,
        {
            "open start": "started",
            "open finish": "done",
            "started finish": "done",
            "open cancel": "cancelled",
            "started cancel": "cancelled",
        },
    ),
    (
        assignment.callout_transition,
        CalloutState,
        CalloutAction,
        {
            "held call": "calling",
            "held acknowledge": "acknowledged",
            "held exhaust": "exhausted",
            "held stop": "stopped",
            "calling acknowledge": "acknowledged",
            "calling exhaust": "exhausted",
            "calling stop": "stopped",
            "exhausted acknowledge": "acknowledged",
            "acknowledged acknowledge": "acknowledged",
            "acknowledged resume": "calling",
        },
    ),
]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine[1].__name__)
def test_exactly_these_moves_are_admitted(
    machine: tuple[Callable[[Any, Any], Any], type[enum.Enum], type[enum.Enum], dict[str, str]],
) -> None:
    transition, states, actions, moves = machine
    for state, action in product(states, actions):
        name = f"{state.value} {action.value}"
        if name in moves:
            assert transition(state, action).value == moves[name]
        else:
            with pytest.raises(Conflict):
                transition(state, action)


@given(st.lists(st.sampled_from(AssignmentAction), max_size=12))
def test_an_answer_outlives_everything_but_another_answer(actions: list[AssignmentAction]) -> None:
    state = AssignmentState.PENDING
    answered = AssignmentState.PENDING
    for action in actions:
        try:
            state = assignment.transition(state, action)
        except Conflict:
            continue
        if action in (AssignmentAction.ACKNOWLEDGE, AssignmentAction.DECLINE):
            answered = state
        elif action is AssignmentAction.ASK_AGAIN:
            answered = AssignmentState.PENDING
        if answered is not AssignmentState.PENDING:
            assert state is answered


@pytest.mark.parametrize(
    ("state", "action", "expected"),
    [
        ("pending", "submit", "submitted"),
        ("submitted", "deliver", "delivered"),
        ("submitted", "fail", "failed"),
        ("failed", "deliver", "delivered"),
        ("delivered", "fail", "delivered"),
        ("escalated", "deliver", "escalated"),
        ("escalated", "acknowledge", "acknowledged"),
        ("acknowledged", "decline", "declined"),
        ("acknowledged", "escalate", "acknowledged"),
        ("acknowledged", "ask_again", "submitted"),
        ("declined", "acknowledge", "acknowledged"),
    ],
)
def test_assignments(state: str, action: str, expected: str) -> None:
    moved = assignment.transition(AssignmentState(state), AssignmentAction(action))
    assert moved.value == expected


@pytest.mark.parametrize("state", [each for each in AssignmentState if each.value != "pending"])
def test_nobody_is_submitted_twice_by_one_step(state: AssignmentState) -> None:
    with pytest.raises(Conflict):
        assignment.transition(state, AssignmentAction.SUBMIT)


def test_grave_levels_wait_for_a_second_person() -> None:
    assert [first_state(level) for level in (1, 2, 3, 4)] == [
        ActivationState.UNCONFIRMED,
        ActivationState.UNCONFIRMED,
        ActivationState.ACTIVE,
        ActivationState.ACTIVE,
    ]


@pytest.mark.parametrize(
    ("choice", "text", "expected"),
    [
        ("1", "1", Answer.ACKNOWLEDGE),
        (None, "收到", Answer.ACKNOWLEDGE),
        (None, " 收到。 ", Answer.ACKNOWLEDGE),
        ("2", "去不了", Answer.DECLINE),
        (None, "不能到位", Answer.DECLINE),
        (None, "正在路上", Answer.FREE_TEXT),
        (None, "", Answer.FREE_TEXT),
        (None, "12", Answer.FREE_TEXT),
    ],
)
def test_what_a_reply_means(choice: str | None, text: str, expected: Answer) -> None:
    assert read_answer(choice, text) is expected


def test_final_states_are_final() -> None:
    for state in (TaskState.DONE, TaskState.CANCELLED):
        for action in task.TaskAction:
            with pytest.raises(Conflict):
                task.transition(state, action)


@pytest.mark.parametrize(
    ("evidence", "result", "is_enough"),
    [
        (Evidence.HEADCOUNT, "转移126人", True), (Evidence.HEADCOUNT, "转移１２６人", True),
        (Evidence.HEADCOUNT, "都转移了", False), (Evidence.HEADCOUNT, "转移¹²人", False),
        (Evidence.HEADCOUNT, "٣", False), (Evidence.TEXT, " ", False),
        (Evidence.TEXT, "已关阀", True), (Evidence.TEXT, "x" * 1001, False),
    ],
)  # fmt: skip
def test_a_task_ends_with_the_evidence_its_step_asks_for(
    evidence: Evidence, result: str, is_enough: bool
) -> None:
    at = datetime(2026, 11, 29, 8, tzinfo=UTC)
    step = task.Task(
        TaskId("t"), ActivationId("a"), IncidentId("i"), 0, "move", "转移群众", "head", "镇长",
        evidence, "", TaskState.STARTED, at, at,
    )  # fmt: skip
    with nullcontext() if is_enough else pytest.raises(InvalidInput):
        task.check_result(step, result)
