"""The face of command: incidents, responses, hazards, roster; and what the browser is shown.

Wire shapes (JSON; times ISO 8601 with offset, UTC; levels 1..4 = Ⅰ..Ⅳ, 1 the gravest; ids strings;
full phone numbers never leave, `number` is masked like 138****5678).

Snapshot of topic `incident:ID`, also `GET /api/v1/incidents/{id}`::

    {incident, suggestion, proposals, activation, tasks, callouts, assignments, log, meeting}

    incident    {id, number "2026-0007", title, description, state "reported|responding|closed",
                 is_drill, kind {code, name, category}, unit_id, unit, place, longitude, latitude,
                 occurred_at, reported_at, reporter, reporter_number, source, hazard {id, name}|null,
                 figures {deaths: 0, serious_injuries: 3, …}, event_level 1..4|null,
                 recorded_by, recorded_at, closed_at, closed_by, summary, version}
    suggestion  {domain|null, level 1..4|null, level_name, note,
                 deciding {metric, name, value, unit, threshold, source, is_verified}|null,
                 criteria: [{metric, name, value, unit, level, level_name, threshold, source,
                             next: {level, level_name, threshold, distance}|null}]}
    proposals   [{plan_id, version, title, score, reasons: [{points, text}],
                  response_level 1..4|null, response_reason, levels: [{level, name, authority,
                  measures, expected_hours, needs_confirmation}]}]            at most 3, best first
    activation  null | {id, state "unconfirmed|active|ended|revoked", plan {id, version, title},
                 level, level_name, matter, expected_hours, ends_expected_at, measures [str],
                 needs_confirmation, ordered_by, ordered_at, confirmed_by, confirmed_at, ended_at}
    tasks       [{id, step "s1", title, role, role_name, state "open|started|done|cancelled",
                  evidence "none|text|photo|ack|headcount", opens_at, due_at, is_overdue,
                  started_at, done_at, done_by, result}]                      by opens_at
    callouts    [{id, role, role_name, unit_id, unit, state "held|calling|acknowledged|exhausted|
                  stopped", step, steps: [{name, wait_s, people: [{person_id, person, title}]}],
                  next_escalation_at|null, acknowledged_at}]  one row of the board each
    assignments [{id, callout_id, role, role_name, person_id, person, title, unit_id, unit, number,
                  step 0.., step_name "主责|副职|领导", state "pending|submitted|delivered|
                  acknowledged|declined|escalated|failed", state_name "未发|已提交|已送达|已确认|
                  已拒绝|已升级|失败", message_id, submitted_at, delivered_at, acknowledged_at,
                  acknowledged_how "sms|phone|console"|null, acknowledged_by, answer, failure,
                  next_escalation_at|null}]       one for each person called, in order of calling
    log         [{id, at, kind, actor, text, data {}}]                        oldest first
    meeting     null | {meeting_id, title, ends_at, sites: [{unit_id, name, role "chair|site"}]}

Changes of `incident:ID` (`change {topic, epoch, seq, kind, data, at}`); `data` is one whole object
as above, replace it by `id`: `incident.changed` {incident, suggestion, proposals},
`activation.changed` activation, `task.changed` task, `callout.changed` callout,
`assignment.changed` assignment, `log.added` log entry, `meeting.opened` meeting.

Topic `incidents` (and `GET /api/v1/incidents` → {items: […]}): snapshot {items: [summary]},
changes `incident.added` and `incident.changed` with a summary: {id, number, title, state, is_drill,
kind {code, name, category}, unit_id, unit, place, longitude, latitude, occurred_at, event_level,
response_level|null, called, acknowledged, unreached, recorded_at, closed_at}.

Preview `POST /api/v1/incidents/{id}/preview` (nothing is stored or sent) → {plan {id, version,
title}, level, level_name, needs_confirmation, matter, measures, expected_hours, is_drill,
callouts: [{role, role_name, unit_id, unit, is_first_alert, problem|null,
  steps: [{name, wait_s, people: [{person_id, person, title, number}]}], tasks: [title],
  text, segments, units, is_unicode}],
tasks: [{step, title, role, role_name, opens_at, due_at, evidence}], meeting {title, ends_at,
sites}, problems: [str], people, segments}. In `text` a link stands as https://…/j/ + 17 `x`.
"""
