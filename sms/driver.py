"""The contract between the platform and one GSM modem, whatever code talks to it.

Two implementations pass one conformance suite (`tests/integration/sms/test_driver_conformance.py`):
`sms.at.driver.AtDriver` and `sms.gsmmodem_driver.GsmmodemDriver`. `docs/sms-drivers.md` shows what
each does under every fault.

What the platform may rely on
- **Truth of outcomes.** NOT_SENT and REFUSED: this PDU is certainly not on the air, another modem
  may send it. SENT: the network took it. UNKNOWN: it may or may not be on the air; do not send it
  again by rule, wait for its delivery report or a `LateOutcome`.
- **Bounded time.** Every call ends within its limit of `DriverLimits`, however the modem behaves.
- **Nothing incoming is lost.** A PDU is deleted from the modem only after `on_incoming` returned.
- **One owner.** All methods belong to one task, but `close()` may be called from any task of the
  loop and makes a running call end at once (a send past Ctrl-Z ends as UNKNOWN).
- **Device time.** Deadlines run on the clock passed in. Hardware does not follow a moved demo
  clock: compose drivers with `SystemClock`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType, Protocol

from core.errors import Unavailable
from sms.errors_cms import ErrorAction, ErrorClass, ErrorFamily, action_for, classify
from sms.pdu.submit import SubmitPdu
from sms.receipt_ids import IdForm

Ticket = NewType("Ticket", str)  # the caller's own id of one attempt; comes back in LateOutcome


class SendState(StrEnum):
    """What is known about one PDU after `send_pdu`."""

    SENT = "sent"  # the network accepted it; `reference` is its TP-MR
    REFUSED = "refused"  # modem or network answered with an error that means: not on the air
    NOT_SENT = "not_sent"  # no Ctrl-Z was written, or the modem gave the text up; not on the air
    UNKNOWN = "unknown"  # Ctrl-Z was written and nothing certain came back


@dataclass(frozen=True, slots=True)
class ModemError:
    """An error code a modem answered with (TS 27.005 §3.2.5, TS 27.007 §9.2)."""

    family: ErrorFamily
    code: int

    @property
    def error_class(self) -> ErrorClass:
        return classify(self.family, self.code)

    @property
    def action(self) -> ErrorAction:
        return action_for(self.error_class)

    def __str__(self) -> str:
        return f"+{self.family.upper()} ERROR: {self.code}"


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """How one `send_pdu` ended.

    `reference`: TP-MR 0..255, only with SENT (and with a duplicate refused by the network, which
    counts as SENT without a reference). `carrier_id`: instead, over SMPP, the id the carrier gave
    (canonical: `sms.receipt_ids`). `error`: what the modem answered, if it did; UNKNOWN may
    carry one (332, 500, 255 say nothing certain). `detail`: a plain sentence for the operator.
    `needs_recovery`: call `recover()` before the next send; until then sends end as NOT_SENT.
    """

    state: SendState
    reference: int | None = None
    error: ModemError | None = None
    detail: str = ""
    needs_recovery: bool = False
    carrier_id: str = ""

    @property
    def is_surely_not_sent(self) -> bool:
        """True if a second modem may send the same PDU without risk of a double."""
        return self.state in (SendState.REFUSED, SendState.NOT_SENT)


class Registration(StrEnum):
    """Network registration (TS 27.007 §7.2)."""

    NOT_SEARCHING = "not_searching"
    HOME = "home"
    SEARCHING = "searching"
    DENIED = "denied"
    UNKNOWN = "unknown"
    ROAMING = "roaming"

    @property
    def can_send(self) -> bool:
        return self in (Registration.HOME, Registration.ROAMING)


class ModemFamily(StrEnum):
    """Families whose start-up differs; GENERIC uses only 27.005 and 27.007."""

    SIM800 = "sim800"
    HUAWEI = "huawei"
    QUECTEL = "quectel"
    GENERIC = "generic"


class Reason(StrEnum):
    """Why a modem cannot be used now; stable codes for pages, logs and tests."""

    PORT_MISSING = "port_missing"  # the device path does not exist or vanished
    PORT_BUSY = "port_busy"  # another process holds the flock on the device
    PORT_DENIED = "port_denied"  # no permission on the device path
    SILENT = "silent"  # opens, but does not answer AT
    SIM_MISSING = "sim_missing"
    SIM_FAILED = "sim_failed"
    PIN_REQUIRED = "pin_required"
    PIN_WRONG = "pin_wrong"  # tried once; never tried again by itself (three tries lock the SIM)
    PUK_REQUIRED = "puk_required"
    COMMAND_FAILED = "command_failed"  # an indispensable command was refused (PDU mode)
    CLOSED = "closed"


class ModemUnavailable(Unavailable):
    """The modem cannot be used now. `reason` says why, the message how to mend it."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message, code=f"modem_{reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ModemPort:
    """Which modem, and how to reach it.

    `path`: device, best a udev by-id link; it may vanish and come back. `pin`: SIM PIN or None.
    `family`: None = recognised from +CGMI/+CGMM.
    """

    name: str
    path: str
    pin: str | None = None
    family: ModemFamily | None = None
    baud: int = 115_200


@dataclass(frozen=True, slots=True)
class DriverLimits:
    """Deadlines in seconds. Tests shrink them all alike with `scaled`."""

    wake_s: float = 10.0  # open: the modem must answer AT within this
    command_s: float = 5.0  # a plain command
    sim_command_s: float = 15.0  # commands that ask the SIM or the network (+CPIN, +COPS, +CPMS)
    prompt_s: float = 9.0  # AT+CMGS → "> ", then ESC
    silence_s: float = 8.0  # Ctrl-Z → first probe with AT
    probe_s: float = 2.0  # answer to the probe
    submit_s: float = 60.0  # Ctrl-Z → give up and reset; twice for Quectel and Huawei
    quiet_s: float = 0.3  # line noise must be quiet this long after an anomaly
    ussd_s: float = 30.0
    recover_s: float = 60.0  # one call of recover()
    reboot_s: float = 12.0  # after +CFUN=1,1 the modem must answer within this
    port_poll_s: float = 0.5  # how often recover() looks for a vanished device path

    def submit_for(self, family: ModemFamily) -> float:
        """How long `family` may take on the air: SIM800 60 s, Quectel and Huawei 120 s."""
        is_slow = family in (ModemFamily.QUECTEL, ModemFamily.HUAWEI)
        return 2 * self.submit_s if is_slow else self.submit_s

    def scaled(self, factor: float) -> "DriverLimits":
        """All limits multiplied by `factor` (0 < factor ≤ 1 in tests)."""
        return DriverLimits(*(getattr(self, name) * factor for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class ModemInfo:
    """What the modem and its SIM say about themselves; empty string = not told."""

    manufacturer: str
    model: str
    revision: str
    imei: str
    imsi: str
    iccid: str
    smsc: str  # E.164 or empty
    family: ModemFamily
    own_number: str = ""  # +CNUM; most SIMs do not know it
    memories: tuple[str, ...] = ("SM",)  # storage areas `sweep` empties; reports may lie in "SR"


@dataclass(frozen=True, slots=True)
class ModemStatus:
    """One look at the radio. `rssi_dbm` None = unknown; `operator` MCC+MNC digits or a name."""

    registration: Registration
    rssi_dbm: int | None
    operator: str


@dataclass(frozen=True, slots=True)
class CarrierReceipt:
    """What an SMPP line knows of a status report beyond the PDU.

    `form`: what the settings say of the line's ids. `answered`: the last texts it was given an id
    for, which may not be stored yet.
    """

    message_id: str
    form: IdForm | None = None
    answered: tuple[tuple[Ticket, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IncomingPdu:
    """One PDU as the modem handed it over, undecoded (`sms.pdu.decode_incoming` reads it).

    `hex` is exactly what came, even if it is no valid PDU: store it first, judge it afterwards.
    `source`: "SM:3", "SR:1" for a storage place, "direct" for +CMT / +CDS. After a crash between
    `on_incoming` and deletion the same PDU comes again: store it once by (IMSI, hex).
    """

    hex: str
    source: str
    received_at: datetime
    receipt: CarrierReceipt | None = None  # over SMPP: the report is matched by its id alone


IncomingSink = Callable[[IncomingPdu], Awaitable[None]]
"""Stores a PDU durably. Raising leaves it in the modem; it comes again with the next sweep."""


@dataclass(frozen=True, slots=True)
class LateOutcome:
    """A result for a ticket that had already been answered; the newer one is true.

    Mostly UNKNOWN → SENT. It also corrects the reference of two consecutive tickets when their
    answers turn out to be swapped.
    """

    ticket: Ticket
    outcome: SendOutcome


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    registration: Registration


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """It rings; `number` is empty if withheld. Repeated rings of one call give one event."""

    number: str


@dataclass(frozen=True, slots=True)
class ModemRestarted:
    """The modem booted by itself and has lost its settings; `recover()` is needed."""

    line: str


@dataclass(frozen=True, slots=True)
class SimChanged:
    is_present: bool
    line: str


@dataclass(frozen=True, slots=True)
class StorageFull:
    """The modem says its message storage is full; `sweep()` is needed now."""


@dataclass(frozen=True, slots=True)
class MessageWaiting:
    """The modem stored something (+CMTI, +CDSI); `sweep()` fetches it."""

    source: str


@dataclass(frozen=True, slots=True)
class PortLost:
    """The device vanished or the line broke; `recover()` waits for its return."""

    detail: str


DriverEvent = (
    LateOutcome
    | RegistrationChanged
    | IncomingCall
    | ModemRestarted
    | SimChanged
    | StorageFull
    | MessageWaiting
    | PortLost
)


@dataclass(frozen=True, slots=True)
class UssdReply:
    """`awaits_answer`: the network waits for another input in this session."""

    text: str
    awaits_answer: bool


class CallResult(StrEnum):
    """How a ring-out ended."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"  # rang until `ring_s` was over; we hung up
    REJECTED = "rejected"  # network or number refused; nothing rang
    FAILED = "failed"  # the modem failed
    INTERRUPTED = "interrupted"  # we hung up early: the modem was needed


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One line of the wire trace; `sent` True = to the modem. Secrets are already masked."""

    at: datetime
    sent: bool
    text: str


class Driver(Protocol):
    """One modem. States: closed → open (ready) ⇄ faulted → closed.

    A call in the wrong state raises ModemUnavailable, except `send_pdu`, which answers NOT_SENT.
    """

    @property
    def is_ready(self) -> bool:
        """Open, initialised and not in need of `recover()`. Says nothing about registration."""

    @property
    def info(self) -> ModemInfo:
        """From the last successful `open` or `recover`. Raises: ModemUnavailable before that."""

    async def open(self) -> ModemInfo:
        """Take the device (flock), wake, configure, unlock and read the SIM; no sweep yet.

        Does not wait for registration: see `status` and RegistrationChanged.
        Ends within wake_s + about 20 commands. Raises: ModemUnavailable; the port is closed then.
        """

    async def recover(self) -> ModemInfo:
        """Bring a faulted modem back: ESC and AT → re-open → +CFUN=1,1 → wait for the device path.

        Harmless on a ready modem (one AT). Ends within recover_s, after which the caller backs
        off and calls again; a vanished path is polled all the time, so a returned modem works
        within about 3 s. Raises: ModemUnavailable.
        """

    async def send_pdu(self, pdu: SubmitPdu, ticket: Ticket) -> SendOutcome:
        """Send one PDU with AT+CMGS; never raises for what a modem does.

        Journal the attempt before calling. Ends within prompt_s + submit_s + a few commands:
        - prompt does not come within prompt_s: ESC, NOT_SENT;
        - error instead of the prompt: REFUSED; `needs_recovery` if settings seem lost;
        - error behind Ctrl-Z: REFUSED, or UNKNOWN for 332, 500, 255, or SENT for 197 (duplicate);
        - silent for silence_s after Ctrl-Z: probe with AT. OK: UNKNOWN and the modem is ready;
          a prompt again: ESC, NOT_SENT; silence: probe on until submit_s, then UNKNOWN with
          `needs_recovery`;
        - port lost: NOT_SENT before Ctrl-Z was written, UNKNOWN after; `needs_recovery`.
        A `+CMGS` or error for `ticket` that comes later is a `LateOutcome`.
        """

    async def sweep(self) -> int:
        """Read every stored PDU, hand each to `on_incoming`, then delete it; returns how many.

        Call at start, on MessageWaiting and StorageFull, and every 10 s. Raises: ModemUnavailable,
        or what `on_incoming` raised (that PDU and the rest stay in the modem).
        """

    async def status(self) -> ModemStatus:
        """Registration, signal, operator; every 30 s or so.

        Also notices a modem that restarted without a word (text mode again): not ready then.
        Raises: ModemUnavailable (silent: recovery needed).
        """

    async def ussd(self, code: str) -> UssdReply:
        """Run a USSD code like `*100#` within ussd_s. Raises: ModemUnavailable."""

    async def dial(
        self, number: str, ring_s: float, must_end: Callable[[], bool] = lambda: False
    ) -> CallResult:
        """Ring `number` (E.164) for at most `ring_s`, hang up, say what happened.

        An answered call is hung up at once: the ring is the message. `must_end` is asked twice a
        second; True: hang up, INTERRUPTED. What the modem announces meanwhile is handed over
        between two looks at the call; what cannot be stored then stays for the next sweep.
        """

    def events(self) -> AsyncIterator[DriverEvent]:
        """Events in order, for one consumer; goes on across `recover`, ends after `close`."""

    def trace(self) -> tuple[TraceLine, ...]:
        """The last lines on the wire, oldest first, PIN masked. Holds message PDUs: no log."""

    async def close(self) -> None:
        """Release the device. Idempotent; bounded by one second."""
