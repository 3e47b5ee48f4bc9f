"""What an activation would do, as the browser is shown it before anybody is called."""

from typing import Any

from command import tables, wire
from command.activation import CONFIRMED_LEVELS
from command.drafting import CalloutDraft, ResponseDraft, about, first_task
from command.incident import Incident
from command.levels import response_name
from command.ports import MeetingOpener, Messenger
from command.texts import Voice, voice


def preview(
    messenger: Messenger, meetings: MeetingOpener, incident: Incident, draft: ResponseDraft
) -> dict[str, Any]:
    """The preview of `draft`; shapes in command.service."""
    kind_name = tables.kind(incident.kind_code).name
    speaks = voice(incident, kind_name, draft.plan, draft.level)
    link = meetings.sample_link()
    callouts = [_callout(messenger, speaks, link, draft, each) for each in draft.callouts]
    people = {
        person.person_id
        for each in draft.callouts
        for link_of_chain in each.chain[:1]
        for person in link_of_chain.people
    }
    return {
        "plan": {
            "id": draft.plan.id,
            "version": draft.plan.version,
            "title": draft.plan.title,
        },
        "level": draft.level,
        "level_name": response_name(draft.level),
        "needs_confirmation": draft.level in CONFIRMED_LEVELS,
        "matter": draft.matter,
        "measures": list(draft.measures),
        "expected_hours": draft.expected_hours,
        "is_drill": incident.is_drill,
        "callouts": callouts,
        "tasks": [
            {
                "step": task.step,
                "title": task.title,
                "role": task.role,
                "role_name": task.role_name,
                "opens_at": wire.moment(task.opens_at),
                "due_at": wire.moment(task.due_at),
                "evidence": task.evidence.value,
            }
            for task in draft.tasks
        ],
        "meeting": {
            "title": draft.meeting_title,
            "ends_at": wire.moment(draft.meeting_ends_at),
            "sites": [
                {"unit_id": site.unit_id, "name": site.name, "role": site.role.value}
                for site in draft.sites
            ],
        },
        "problems": list(draft.problems),
        "people": len(people),
        "segments": sum(each["segments"] for each in callouts),
    }


def _callout(
    messenger: Messenger, speaks: Voice, link: str, draft: ResponseDraft, callout: CalloutDraft
) -> dict[str, Any]:
    task = first_task(draft.tasks, callout.role.key)
    person = callout.chain[0].people[0] if callout.chain else None
    invited = {site.unit_id for site in draft.sites}
    has_seat = callout.unit_id in invited or (person is not None and person.unit_id in invited)
    text = speaks.alert(
        about(callout.role.name, person.name if person else "", task, link if has_seat else "")
    )
    measure = messenger.measure(text, is_drill=speaks.incident.is_drill)
    return {
        "role": callout.role.key,
        "role_name": callout.role.name,
        "unit_id": callout.unit_id,
        "unit": callout.unit_name,
        "is_first_alert": callout.is_first_alert or draft.level not in CONFIRMED_LEVELS,
        "problem": callout.problem or None,
        "steps": wire.chain(callout.chain, with_numbers=True),
        "tasks": [each.title for each in draft.tasks if each.role == callout.role.key],
        "text": measure.wire_text if person else "",
        "segments": measure.segments if person else 0,
        "units": measure.units if person else 0,
        "is_unicode": measure.is_unicode,
    }
