"""Which attempt a result belongs to, also when it comes late (pure)."""

from dataclasses import dataclass

from sms.driver import LateOutcome, ModemError, SendOutcome, SendState, Ticket
from sms.errors_cms import ErrorClass, ErrorFamily

_MAX_OUTSTANDING = 16


@dataclass(frozen=True, slots=True)
class _Answered:
    ticket: Ticket
    reference: int | None


class Tickets:
    """The running attempt, those left open, and the last one answered. Owner: one driver."""

    def __init__(self) -> None:
        self._running: Ticket | None = None
        self._open: list[Ticket] = []
        self._last: _Answered | None = None

    @property
    def has_open(self) -> bool:
        return bool(self._open)

    def begin(self, ticket: Ticket) -> None:
        self._running = ticket

    def settle(self) -> None:
        """The running attempt is over without a reference; nothing can come late for it."""
        self._running = None

    def leave_open(self) -> None:
        """The running attempt ended without an answer; it may still come."""
        if self._running is not None:
            self._open = [*self._open, self._running][-_MAX_OUTSTANDING:]
            self._running = None

    def answered(self, reference: int | None) -> None:
        """The running attempt got its +CMGS."""
        if self._running is not None:
            self._last = _Answered(self._running, reference)
            self._running = None

    def forget_open(self) -> None:
        """The modem restarted or was opened anew: no old answer can come."""
        self._open.clear()
        self._last = None

    def late_reference(self, reference: int) -> list[LateOutcome]:
        """A `+CMGS` while none is awaited: it settles the oldest open attempt.

        A modem numbers its submissions in order. If the newer attempt has been given the number
        just below, that one was the older attempt's, and both are corrected.
        """
        if not self._open:
            return []
        oldest = self._open.pop(0)
        last = self._last
        below = (reference - 1) % 256
        if last is not None and last.reference == below:
            self._last = _Answered(last.ticket, reference)
            return [_sent(oldest, below), _sent(last.ticket, reference)]
        return [_sent(oldest, reference)]

    def late_error(self, error: ModemError) -> list[LateOutcome]:
        """An error while none is awaited; one that says nothing sure changes nothing."""
        if not self._open or error.error_class is ErrorClass.UNKNOWN:
            return []
        return [LateOutcome(self._open.pop(0), outcome_of(error))]


def outcome_of(error: ModemError) -> SendOutcome:
    """What an error behind Ctrl-Z says about the PDU."""
    if error.error_class is ErrorClass.UNKNOWN:
        return SendOutcome(SendState.UNKNOWN, error=error, detail=f"{error} says nothing sure")
    if error.error_class is ErrorClass.DUPLICATE:
        return SendOutcome(SendState.SENT, error=error, detail="the network has it already")
    return SendOutcome(SendState.REFUSED, error=error, detail=str(error))


def settings_seem_lost(error: ModemError) -> bool:
    """An error instead of the prompt that a modem in text mode gives: set it up anew."""
    return error.family is ErrorFamily.PLAIN or error.error_class in (
        ErrorClass.MODEM,
        ErrorClass.MESSAGE,
    )


def _sent(ticket: Ticket, reference: int) -> LateOutcome:
    return LateOutcome(ticket, SendOutcome(SendState.SENT, reference, detail="answered late"))
