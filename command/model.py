"""Command's values, for other packages; each lives in the file of its meaning."""

from command.activation import Activation, ActivationState, Order
from command.assignment import Assignment, AssignmentState, Callout, CalloutState
from command.grading import Grading, Holding
from command.hazard import KINDS, Hazard, HazardDraft
from command.incident import Incident, IncidentDraft, IncidentState, Source
from command.isolation import Question, SpillSize, TimeOfDay, Wind, Zone
from command.log import LogEntry, LogKind
from command.ports import Delivery, DeliveryOutcome, Reply
from command.report import Report, ReportReceived, ReportState
from command.roster import Shift, ShiftDraft
from command.task import Task, TaskAction, TaskState

__all__ = [
    "KINDS",
    "Activation",
    "ActivationState",
    "Assignment",
    "AssignmentState",
    "Callout",
    "CalloutState",
    "Delivery",
    "DeliveryOutcome",
    "Grading",
    "Hazard",
    "HazardDraft",
    "Holding",
    "Incident",
    "IncidentDraft",
    "IncidentState",
    "LogEntry",
    "LogKind",
    "Order",
    "Question",
    "Reply",
    "Report",
    "ReportReceived",
    "ReportState",
    "Shift",
    "ShiftDraft",
    "Source",
    "SpillSize",
    "Task",
    "TaskAction",
    "TaskState",
    "TimeOfDay",
    "Wind",
    "Zone",
]
