"""Automatic answers to texts we cannot use, few per number and day, never to service numbers."""

import re
from datetime import datetime, timedelta

from core.database import UnitOfWork
from sms.model import MessageClass, Recipient, Submission
from sms.numbers import is_demo_number
from sms.outbox import Outbox
from sms.settings import SmsSettings
from sms.store import inbox as store
from sms.store.rows import InboundRow

SENDER = "system:polite"
ASKS_BACK = "system:which"
STOPPED = "您已退订通知类短信，预警信息仍会发送。恢复接收请回复：恢复"
STARTED = "您已恢复接收通知短信。"
REPORTED = "已收到您的报送：{text}"
WHICH = "您有{count}条待回复事项，不知您答复哪一条，请带编号回复：{ways}"
LATE = "您的回复已超过截止时间，已转值班人员。"
OVER = "您答复的事项已经结束，不必再回复；来信已转值班人员。"
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
        sent = await store.sent_by_itself(uow, inbound.number, SENDER, uow.now - _WITHIN)
        if sent >= self._settings.polite_per_day:
            return False
        return await self._send(uow, inbound, text, SENDER)

    async def ask_back(
        self, uow: UnitOfWork, inbound: InboundRow, text: str, asked_at: datetime
    ) -> bool:
        """Ask which question is meant, unless that was done since the newest one, of `asked_at`.

        Apart from the day's few: an alarm's confirmation may hang on it. Our own questions bound
        it. Returns: whether it was asked, now or before.
        """
        if not self._settings.polite_per_day:
            return False
        if await store.sent_by_itself(uow, inbound.number, ASKS_BACK, asked_at):
            return True
        return await self._send(uow, inbound, text, ASKS_BACK)

    async def _send(self, uow: UnitOfWork, inbound: InboundRow, text: str, sender: str) -> bool:
        number = inbound.number
        if not (_PERSON.fullmatch(number) or is_demo_number(number)):
            return False
        await self._outbox.accept(
            uow,
            Submission(
                MessageClass.REPLY, text, (Recipient(number),), f"polite:{inbound.id}",
                sender=sender, via_modem=inbound.modem,
            ),
        )  # fmt: skip
        return True
