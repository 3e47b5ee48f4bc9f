"""The one way by which a person's text leaves: who may, who confirms, who approves, when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.auth.model import Permission
from core.database import UnitOfWork
from core.errors import InvalidInput
from signaling.api import ApiModel
from signaling.http import Request
from sms.audience import Audience
from sms.model import ORDERS_PEOPLE, MessageClass, Submission
from sms.planning import needs_approval

CONFIRM_ABOVE = 100
"""Above so many recipients the sender types their number to confirm."""


class Accepted(ApiModel):
    """The message is stored; what happens to it is on the topic `message:ID`.

    With a time, or above the number that needs an approval, it is an order instead.
    """

    message_id: str = ""
    order_id: str = ""


@dataclass(frozen=True)
class Terms:
    """What the sender says beside the text. `confirmed_count`: typed where many get it."""

    confirmed_count: int | None = None
    due_at: datetime | None = None
    repeat: str | None = None
    repeat_until: datetime | None = None


def require_class(request: Request[Any, Any], class_: MessageClass, unit_path: str) -> None:
    """Raise NotAllowed unless the person may send, or take back, texts of this class."""
    request.require(Permission.SMS_SEND, unit_path)
    if class_ in ORDERS_PEOPLE:
        request.require(Permission.INCIDENT_ACTIVATE, unit_path)


async def send(
    uow: UnitOfWork,
    request: Request[Any, Any],
    submission: Submission,
    terms: Terms,
    audience: Audience | None = None,
) -> Accepted:
    """Send a person's text now, at its time, or once a second person has agreed.

    Every route by which a text reaches more than the one who wrote to us ends here. `audience`:
    whom an order looks up again at each run; None: the submission's recipients.
    Raises: NotAllowed: not this class, not from this unit; InvalidInput.
    """
    require_class(request, submission.class_, submission.unit_path)
    count = len(submission.recipients)
    if count > CONFIRM_ABOVE and terms.confirmed_count != count:
        raise InvalidInput(
            f"this goes to {count} people; type that number to confirm", field="confirmed_count"
        )
    sms, above = request.app.sms, request.app.settings.sms.approval_above
    must_wait = needs_approval(submission.class_, count, above)
    if terms.due_at is None and terms.repeat is None and not must_wait:
        return Accepted(message_id=await sms.submit(uow, submission))
    if terms.due_at is not None and terms.due_at.tzinfo is None:
        raise InvalidInput("a time needs its zone", field="due_at")
    order = await sms.orders.place(
        uow, submission, due_at=terms.due_at, repeat=terms.repeat,
        repeat_until=terms.repeat_until, needs_approval=must_wait, audience=audience,
    )  # fmt: skip
    return Accepted(order_id=order.id)
