"""A plan as a document: from TOML or JSON to a checked `Plan` and back.

What the types cannot say is checked here: every role named exists, every step's owner is called,
steps depend on earlier ones only, placeholders are known.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.errors import InvalidInput
from plans import placeholders
from plans.model import Plan

LIBRARY = Path(__file__).parent / "library"
_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)


def library() -> list[Plan]:
    """The plans delivered with the product, by file name."""
    return [parse(path.read_text(encoding="utf-8")) for path in sorted(LIBRARY.glob("*.toml"))]


def parse(text: str) -> Plan:
    """The plan written in TOML `text`.

    Raises: InvalidInput: not TOML, or not a sound plan; names the field.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"not TOML: {error}") from error
    return from_json(content)


def from_json(content: dict[str, Any]) -> Plan:
    """The plan in `content`, as `to_json` wrote it.

    Raises: InvalidInput: not a sound plan; names the field.
    """
    try:
        plan = _PLAN.validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"plan: {first['msg']}", field=field) from error
    check(plan)
    return plan


def to_json(plan: Plan) -> dict[str, Any]:
    """`plan` as JSON values: the frozen snapshot of an activation."""
    content: dict[str, Any] = _PLAN.dump_python(plan, mode="json")
    return content


def check(plan: Plan) -> None:
    """Raises: InvalidInput: the first fault found, with its field."""
    for field, fault in _faults(plan):
        raise InvalidInput(f"plan {plan.id}: {fault}", field=field)


def _faults(plan: Plan) -> Iterator[tuple[str, str]]:
    yield from _doubled("levels", [str(level.level) for level in plan.levels])
    yield from _doubled("roles", [role.key for role in plan.roles])
    yield from _doubled("steps", [step.id for step in plan.steps])
    yield from _step_faults(plan)
    yield from _level_faults(plan)
    yield from _escalation_faults(plan)
    for name, text in vars(plan.notices).items():
        for unknown in placeholders.unknown(text):
            yield f"notices.{name}", f"no placeholder is called {unknown}"
    yield from _missing_roles(plan, "conference.roles", plan.conference.roles)


def _doubled(field: str, keys: list[str]) -> Iterator[tuple[str, str]]:
    if not keys:
        yield field, "must not be empty"
    for key, times in Counter(keys).items():
        if times > 1:
            yield field, f"{key} is there {times} times"


def _missing_roles(plan: Plan, field: str, keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    known = {role.key for role in plan.roles}
    for key in keys:
        if key not in known:
            yield field, f"no role is called {key}"


def _level_faults(plan: Plan) -> Iterator[tuple[str, str]]:
    for index, level in enumerate(plan.levels):
        field = f"levels.{index}"
        if level.level not in (1, 2, 3, 4):
            yield f"{field}.level", "a level is 1, 2, 3 or 4"
        if not level.calls:
            yield f"{field}.calls", "nobody is called"
        yield from _missing_roles(plan, f"{field}.calls", level.calls)
        for key in set(level.first_alert) - set(level.calls):
            yield f"{field}.first_alert", f"{key} is not among those called"
        if level.level <= 2 and not level.first_alert:
            yield f"{field}.first_alert", "levels Ⅰ and Ⅱ wait for a second person: name the first"
        for step in plan.steps_at(level.level):
            if step.role not in level.calls:
                yield f"{field}.calls", f"step {step.id} belongs to {step.role}, who is not called"


def _step_faults(plan: Plan) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for index, step in enumerate(plan.steps):
        field = f"steps.{index}"
        yield from _missing_roles(plan, f"{field}.role", (step.role,))
        if step.on_overdue:
            yield from _missing_roles(plan, f"{field}.on_overdue", (step.on_overdue,))
        if step.offset_min < 0 or step.limit_min <= 0:
            yield f"{field}.limit_min", "a step begins at T+0 or later and has a limit"
        for earlier in set(step.depends_on) - seen:
            yield f"{field}.depends_on", f"{earlier} is not an earlier step"
        seen.add(step.id)


def _escalation_faults(plan: Plan) -> Iterator[tuple[str, str]]:
    policy = plan.escalation
    if not policy.links:
        yield "escalation.links", "must not be empty"
    if any(link.wait_min <= 0 for link in policy.links):
        yield "escalation.links", "every link waits at least a minute"
    if not 1 <= policy.rounds <= 5:
        yield "escalation.rounds", "from 1 to 5 rounds"
    if policy.ring_s != 0 and not 5 <= policy.ring_s <= 60:
        yield "escalation.ring_s", "0, or from 5 to 60 seconds"
    yield from _missing_roles(plan, "escalation.leader_role", (policy.leader_role,))
