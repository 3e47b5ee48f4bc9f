"""One outgoing call of a simulated modem."""

from collections.abc import Callable
from dataclasses import dataclass

from sms.simulator.handsets import CallMode

DIALING, ALERTING, ACTIVE = 2, 3, 0
_ALERT_S, _ANSWER_S, _BUSY_S, _GIVE_UP_S = 0.3, 1.0, 0.8, 45.0


@dataclass(slots=True)
class OutgoingCall:
    """`state` as in +CLCC."""

    number: str
    state: int = DIALING
    is_over: bool = False


def place(
    call: OutgoingCall,
    mode: CallMode,
    plan: Callable[[float, Callable[[], None]], None],
    end: Callable[[OutgoingCall, str], None],
) -> None:
    """Let the call take its course; `end(call, line)` ends it with an unsolicited line."""

    def become(state: int) -> Callable[[], None]:
        def change() -> None:
            if not call.is_over:
                call.state = state

        return change

    if mode is CallMode.UNREACHABLE:
        plan(_ALERT_S, lambda: end(call, "NO CARRIER"))
        return
    if mode is CallMode.BUSY:
        plan(_BUSY_S, lambda: end(call, "BUSY"))
        return
    plan(_ALERT_S, become(ALERTING))
    if mode is CallMode.ANSWER:
        plan(_ANSWER_S, become(ACTIVE))
    else:
        plan(_GIVE_UP_S, lambda: end(call, "NO ANSWER"))
