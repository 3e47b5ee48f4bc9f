"""Which plans fit an incident, and why (pure).

Filter by kind and jurisdiction, then score: 4 the exact kind code, 3 this very hazard source,
2 its kind, 2 the place inside the plan's area, 1 the level within the plan's range, 1 drilled
within three years. Equal scores: the newer version first.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from plans.model import LEVEL_NAMES, Case, Comparison, Condition, Plan, Proposal, Reason

SHOWN = 3
_RECENT = timedelta(days=3 * 365)


def rank(plans: Iterable[Plan], case: Case) -> list[Proposal]:
    """The best `SHOWN` plans for `case`, best first; empty if none is made for it."""
    proposals = [_propose(plan, case) for plan in plans if _is_candidate(plan, case)]
    proposals.sort(key=_order)
    return proposals[:SHOWN]


def _order(proposal: Proposal) -> tuple[int, int, int, str]:
    plan = proposal.plan
    return (-proposal.score, -plan.issued_on.toordinal(), -plan.version, plan.id)


def _is_candidate(plan: Plan, case: Case) -> bool:
    fits_kind = any(case.kind_code.startswith(prefix) for prefix in plan.kind_codes)
    fits_hazard = case.hazard_id is not None and case.hazard_id in plan.hazard_ids
    return (fits_kind or fits_hazard) and _is_inside(plan, case)


def _is_inside(plan: Plan, case: Case) -> bool:
    """A plan reaches its own area; a county's plan reaches every township."""
    return case.unit_path.startswith(plan.area) or plan.area.startswith(case.unit_path)


def _propose(plan: Plan, case: Case) -> Proposal:
    reasons = tuple(_reasons(plan, case))
    level, text = response_level(plan, case.figures)
    return Proposal(plan, sum(reason.points for reason in reasons), reasons, level, text)


def _reasons(plan: Plan, case: Case) -> Iterable[Reason]:
    if case.kind_code in plan.kind_codes:
        yield Reason(4, "事件类别正是本预案所列", "kind_exact")
    elif any(case.kind_code.startswith(prefix) for prefix in plan.kind_codes):
        yield Reason(0, "事件类别属于本预案的大类", "kind_group")
    if case.hazard_id is not None and case.hazard_id in plan.hazard_ids:
        yield Reason(3, "预案点名了这处危险源", "hazard_named")
    if case.hazard_kind is not None and case.hazard_kind in plan.hazard_kinds:
        yield Reason(2, "危险源种类与预案一致", "hazard_kind")
    if case.unit_path.startswith(plan.area):
        yield Reason(2, "事发地在预案适用区域内", "in_area")
    if case.event_level is not None and _has_level(plan, case.event_level):
        text = f"事件等级{LEVEL_NAMES[case.event_level]}在预案分级范围内"
        yield Reason(1, text, "level_in_range", {"level": case.event_level})
    if plan.drilled_on is not None and _is_recent(plan.drilled_on, case.on):
        drilled = plan.drilled_on.isoformat()
        yield Reason(1, f"{drilled} 演练过", "drilled", {"on": drilled})
    if plan.review_due_on < case.on:
        due = plan.review_due_on.isoformat()
        yield Reason(0, f"注意:预案应于 {due} 前修订,已过期", "review_overdue", {"on": due})


def _has_level(plan: Plan, level: int) -> bool:
    return any(candidate.level == level for candidate in plan.levels)


def _is_recent(drilled_on: date, on: date) -> bool:
    return on - _RECENT <= drilled_on <= on


def response_level(plan: Plan, figures: dict[str, float]) -> tuple[int | None, str]:
    """The gravest response level one of whose triggers `figures` meet, and that trigger's words.

    A figure that is not known meets nothing. None: no trigger is met.
    """
    for level in sorted(plan.levels, key=lambda candidate: candidate.level):
        for condition in level.any_of:
            if meets(condition, figures):
                return level.level, condition.text
    return None, "现有数据未触及任何一级的启动条件,请人工判断"


def meets(condition: Condition, figures: dict[str, float]) -> bool:
    """Whether the known `figures` meet `condition`."""
    value = figures.get(condition.metric)
    if value is None:
        return False
    match condition.comparison:
        case Comparison.AT_LEAST:
            return value >= condition.value
        case Comparison.ABOVE:
            return value > condition.value
        case Comparison.BELOW:
            return value < condition.value
        case Comparison.EQUALS:
            return value == condition.value
