"""The texts people get, from the plan's templates (pure).

The drill mark before an SMS is the messenger's own (it cannot be forgotten there); titles that
people see elsewhere get it here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from command.incident import Incident
from plans import placeholders
from plans.model import LEVEL_NAMES, Notices, Plan

DRILL_MARK = "【演练】"
LOCAL_TIME = timezone(timedelta(hours=8))
"""China Standard Time; the country has one zone and no summer time."""


@dataclass(frozen=True)
class About:
    """Whom and what one text is about; empty parts leave their section out."""

    role: str = ""
    name: str = ""
    task: str = ""
    due_at: datetime | None = None
    link: str = ""


@dataclass(frozen=True)
class Voice:
    """Speaks for one incident under one plan and level."""

    incident: Incident
    kind_name: str
    plan_title: str
    notices: Notices
    level: int

    def alert(self, about: About) -> str:
        """To a person who is called."""
        return self._say(self.notices.alert, about)

    def escalated(self, about: About) -> str:
        """To the leader above a role that nobody answers for."""
        return self._say(self.notices.escalated, about)

    def reminder(self, about: About) -> str:
        """To a person who is asked again."""
        return self._say(self.notices.reminder, about)

    def overdue(self, about: About) -> str:
        """To the role that is told of a late task."""
        return self._say(self.notices.overdue, about)

    def stood_down(self) -> str:
        """To everybody, when the response ends."""
        return self._say(self.notices.stood_down, About())

    def _say(self, template: str, about: About) -> str:
        values = {
            "incident": self.incident.title,
            "kind": self.kind_name,
            "place": place_of(self.incident),
            "time": clock_time(self.incident.occurred_at),
            "plan": self.plan_title,
            "level": LEVEL_NAMES[self.level],
            "role": about.role,
            "name": about.name,
            "task": about.task,
            "due": clock_time(about.due_at) if about.due_at else "",
            "link": about.link,
        }
        return placeholders.fill(template, values)


def voice(incident: Incident, kind_name: str, plan: Plan, level: int) -> Voice:
    """The voice for `incident` under `plan`."""
    return Voice(incident, kind_name, plan.title, plan.notices, level)


def mark(text: str, *, is_drill: bool) -> str:
    """`text` with the drill mark where it belongs to a drill; never twice."""
    plain = text.replace(DRILL_MARK, "")
    return DRILL_MARK + plain if is_drill else plain


def place_of(incident: Incident) -> str:
    """Unit and place, without saying the unit twice."""
    if incident.place.startswith(incident.unit_name):
        return incident.place
    return f"{incident.unit_name}{incident.place}"


def clock_time(at: datetime) -> str:
    """`14:05`, local time."""
    return at.astimezone(LOCAL_TIME).strftime("%H:%M")
