"""Real parts behind the ports: what one package needs, given by another."""

from collections.abc import Sequence

from command import ports as command_ports
from command.service import CommandService
from conf import model as conf_model
from conf.links import new_token, path_of
from conf.service import Meetings
from core.audit import SYSTEM, Actor, Audit
from core.database import UnitOfWork
from core.events import EventDispatcher
from core.ids import AssignmentId, MeetingId, MessageId, PersonId
from sms import model as sms_model
from sms.pdu.user_data import Alphabet
from sms.service import CallOrder, SmsPlatform

RING_EXPIRES_MINUTES = 10


class AuditedRooms:
    """conf.ports.RoomAudit: chair orders in the audit log."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def ordered(
        self, uow: UnitOfWork, meeting_id: str, order: conf_model.Order, by: str, by_name: str
    ) -> None:
        """Append the order in the caller's transaction."""
        await self._audit.append(
            uow,
            actor=Actor(by, by_name),
            action=f"room.{order.kind.value}",
            target=f"meeting:{meeting_id}",
            detail={"target": order.target, "value": order.value},
        )


class SmsMessenger:
    """command.ports.Messenger: alerts and ring-outs through the SMS platform."""

    def __init__(self, sms: SmsPlatform, audit: Audit) -> None:
        self._sms = sms
        self._audit = audit

    async def submit(self, uow: UnitOfWork, submission: command_ports.Submission) -> MessageId:
        """Accept one alert to one person in the caller's transaction."""
        return await self._sms.submit(uow, _alert(submission))

    async def ring(self, uow: UnitOfWork, order: command_ports.RingOrder) -> None:
        """Queue a ring-out in the caller's transaction."""
        person = order.addressee
        call_id = await self._sms.ring(
            uow,
            CallOrder(
                person.number, order.key, person.name, order.unit_path, order.ring_s,
                expires_minutes=RING_EXPIRES_MINUTES,
                context={"incident_id": order.incident_id, "assignment_id": order.assignment_id},
            ),
        )  # fmt: skip
        await self._audit.append(
            uow, actor=SYSTEM, action="sms.ring", target=f"call:{call_id}",
            detail={"incident_id": order.incident_id, "assignment_id": order.assignment_id},
        )  # fmt: skip

    async def stop_ringing(self, uow: UnitOfWork, key: str) -> None:
        """Take a ring-out back that has not begun."""
        await self._sms.stop_ringing(uow, key)

    async def close_questions(self, uow: UnitOfWork, keys: Sequence[str]) -> None:
        """What was asked is over."""
        await self._sms.close_questions(uow, keys)

    def measure(self, text: str, *, is_drill: bool) -> command_ports.TextMeasure:
        """What the text costs with mark and signature."""
        asked = sms_model.Submission(
            sms_model.MessageClass.ALERT, text, (), idempotency_key="", is_drill=is_drill
        )
        cost, wire_text = self._sms.preview(asked)
        is_unicode = cost.alphabet is Alphabet.UCS2
        return command_ports.TextMeasure(wire_text, cost.segments, cost.units, is_unicode)


def _alert(submission: command_ports.Submission) -> sms_model.Submission:
    person = submission.addressee
    choices = {choice.code: choice.meaning for choice in submission.choices}
    return sms_model.Submission(
        class_=sms_model.MessageClass.ALERT,
        text=submission.text,
        recipients=(sms_model.Recipient(person.number, person.name, person.person_id),),
        idempotency_key=submission.key,
        sender="command",
        unit_path=submission.unit_path,
        expects_reply=sms_model.ReplySpec(choices) if choices else None,
        is_drill=submission.is_drill,
        expires_at=submission.expires_at,
        context={"incident_id": submission.incident_id, sms_model.SUBJECT: submission.subject},
    )


class ConferenceOpener:
    """command.ports.MeetingOpener: emergency meetings in the conference."""

    def __init__(self, meetings: Meetings, base_url: str) -> None:
        """`base_url`: how township PCs and phones reach the server, without trailing slash."""
        self._meetings = meetings
        self._base_url = base_url

    def sample_link(self) -> str:
        """As long as a real link; opens nothing."""
        return self._base_url + path_of(new_token())

    async def open(
        self, uow: UnitOfWork, order: command_ports.MeetingOrder
    ) -> command_ports.OpenedMeeting:
        """Store the meeting; its links are whole addresses."""
        sites = tuple(
            conf_model.SiteInvite(site.unit_id, site.name, conf_model.SiteRole(site.role.value))
            for site in order.sites
        )
        opened = await self._meetings.open(
            uow,
            conf_model.MeetingOrder(
                key=order.key,
                title=order.title,
                unit_path=order.unit_path,
                starts_at=order.starts_at,
                ends_at=order.ends_at,
                sites=sites,
                opened_by=order.opened_by.user_id,
                incident_id=order.incident_id,
                is_drill=order.is_drill,
            ),
        )
        links = {unit_id: self._base_url + path for unit_id, path in opened.paths.items()}
        return command_ports.OpenedMeeting(opened.meeting_id, links)

    async def end(self, uow: UnitOfWork, meeting_id: MeetingId) -> bool:
        """End the meeting; its room hears of it after commit."""
        return await self._meetings.end(uow, meeting_id)


class SmsFacts:
    """What the air reports, handed to command: answers and deliveries."""

    def __init__(self, command: CommandService) -> None:
        self._command = command

    def subscribe(self, events: EventDispatcher) -> None:
        """One stored subscriber name for each fact."""
        events.subscribe(sms_model.RecipientAnswered, "command.reply", self._answered)
        events.subscribe(sms_model.AnswerUnclear, "command.reply", self._unclear)
        events.subscribe(sms_model.RecipientSent, "command.delivery", self._sent)
        events.subscribe(sms_model.RecipientDelivered, "command.delivery", self._delivered)
        events.subscribe(sms_model.RecipientFailed, "command.delivery", self._failed)
        events.subscribe(sms_model.RecipientUnknown, "command.delivery", self._unknown)
        events.subscribe(sms_model.CallEnded, "command.ring", self._ring_ended)
        events.subscribe(sms_model.VillageReported, "command.report", self._reported)

    async def _answered(self, uow: UnitOfWork, fact: sms_model.RecipientAnswered) -> None:
        reply = command_ports.Reply(
            message_id=MessageId(fact.message_id),
            recipient_id=fact.recipient_id,
            person_id=PersonId(fact.person_id) if fact.person_id else None,
            number=fact.number,
            text=fact.text,
            choice=fact.choice,
            at=fact.at,
        )
        await self._command.on_reply(uow, reply)

    async def _unclear(self, uow: UnitOfWork, fact: sms_model.AnswerUnclear) -> None:
        ids = tuple(MessageId(key) for key in fact.message_ids)
        reply = command_ports.UnclearReply(ids, fact.text, fact.is_asked_back)
        await self._command.on_unclear_reply(uow, reply)

    async def _ring_ended(self, uow: UnitOfWork, fact: sms_model.CallEnded) -> None:
        if assignment_id := fact.context.get("assignment_id"):
            ring = command_ports.RingEnded(AssignmentId(assignment_id), fact.result, fact.at)
            await self._command.on_ring_ended(uow, ring)

    async def _reported(self, uow: UnitOfWork, fact: sms_model.VillageReported) -> None:
        await self._command.reports.take(
            uow,
            command_ports.VillageText(
                fact.inbound_id, fact.number, fact.kind, fact.value, fact.note, fact.text, fact.at
            ),
        )

    async def _sent(self, uow: UnitOfWork, fact: sms_model.RecipientSent) -> None:
        await self._pass_on(uow, fact, command_ports.DeliveryOutcome.SENT)

    async def _delivered(self, uow: UnitOfWork, fact: sms_model.RecipientDelivered) -> None:
        await self._pass_on(uow, fact, command_ports.DeliveryOutcome.DELIVERED)

    async def _failed(self, uow: UnitOfWork, fact: sms_model.RecipientFailed) -> None:
        await self._pass_on(uow, fact, command_ports.DeliveryOutcome.FAILED, fact.cause)

    async def _unknown(self, uow: UnitOfWork, fact: sms_model.RecipientUnknown) -> None:
        await self._pass_on(uow, fact, command_ports.DeliveryOutcome.UNKNOWN)

    async def _pass_on(
        self,
        uow: UnitOfWork,
        fact: sms_model.RecipientSent
        | sms_model.RecipientDelivered
        | sms_model.RecipientFailed
        | sms_model.RecipientUnknown,
        outcome: command_ports.DeliveryOutcome,
        cause: str = "",
    ) -> None:
        delivery = command_ports.Delivery(
            MessageId(fact.message_id), fact.recipient_id, outcome, fact.at, cause
        )
        await self._command.on_delivery(uow, delivery)
