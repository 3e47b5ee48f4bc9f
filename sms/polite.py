"""Automatic answers to texts we cannot use, few per number and day, never to service numbers."""

import re
from datetime import timedelta

from core.database import UnitOfWork
from sms.model import MessageClass, Recipient, Submission
from sms.numbers import is_demo_number
from sms.outbox import Outbox
from sms.settings import SmsSettings
from sms.store import inbox as store
from sms.store.rows import InboundRow

SENDER = "system:polite"
STOPPED = "您已退订通知类短信，预警信息仍会发送。恢复接收请回复：恢复"
STARTED = "您已恢复接收通知短信。"
REPORTED = "已收到您的报送：{text}"
WHICH = "您有多条待回复事项，请在回复前加编号：{codes}"
LATE = "您的回复已超过截止时间，已转值班人员。"
UNKNOWN = "来信已收到，已转值班人员处理。"
_WITHIN = timedelta(days=1)
# Two machines that thank each other never stop; only people have such numbers.
_PERSON = re.compile(r"\+861[3-9]\d{9}")


class Polite:
    """Sends them as replies through the SIM that was written to."""

    def __init__(self, settings: SmsSettings, outbox: Outbox) -> None:
        self._settings = settings
        self._outbox = outbox

    async def say(self, uow: UnitOfWork, inbound: InboundRow, text: str) -> bool:
        """Answer `inbound`, unless the number had enough today. Returns: whether it goes out."""
        number = inbound.number
        if not (_PERSON.fullmatch(number) or is_demo_number(number)):
            return False
        sent = await store.sent_by_itself(uow, number, SENDER, uow.now - _WITHIN)
        if sent >= self._settings.polite_per_day:
            return False
        await self._outbox.accept(
            uow,
            Submission(
                MessageClass.REPLY, text, (Recipient(number),), f"polite:{inbound.id}",
                sender=SENDER, via_modem=inbound.modem,
            ),
        )  # fmt: skip
        return True
