"""The faults of the conformance suite, as data: one table for the tests and for the document.

Each case: one message in peace, one at the fault, one afterwards; the air says what is true.
Times are for full-size limits; tests shrink limits and faults alike.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from core.clock import SystemClock
from core.errors import Unavailable
from sms.driver import (
    Driver,
    DriverEvent,
    DriverLimits,
    IncomingPdu,
    LateOutcome,
    ModemPort,
    ModemUnavailable,
    SendOutcome,
    SendState,
    Ticket,
)
from sms.drivers import DriverKind, make_driver
from sms.segments import split, to_pdu
from tests.support.cores import waited_s
from tests.support.modem_sim import ModemSim

QUICK = DriverLimits(
    wake_s=1.5, command_s=1.0, sim_command_s=1.5, prompt_s=1.0, silence_s=0.8, probe_s=0.4,
    submit_s=6.0, quiet_s=0.05, ussd_s=2.0, recover_s=8.0, reboot_s=1.0, port_poll_s=0.05,
)  # fmt: skip
QUICK_SCALE = 0.1
SENT, REFUSED, NOT_SENT, UNKNOWN = SendState


@dataclass(frozen=True)
class FaultCase:
    """`seconds`: length of the fault, 0 = none. `expected`: outcome; `final`: after late events.

    `copies`: of the second message on the air. `gsmmodem`: why that driver cannot do it, or "".
    """

    name: str
    words: str
    fault: str
    expected: SendState
    copies: int
    seconds: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)
    final: SendState | None = None
    before_open: bool = False
    gsmmodem: str = ""


_BLOCKED = "no probe: the modem stays blocked for the full limit of 60 s"
_BY_CODE = [
    (500, UNKNOWN), (38, REFUSED), (21, REFUSED), (331, REFUSED), (322, REFUSED), (512, REFUSED),
]  # fmt: skip

CASES = [
    *(
        FaultCase(f"cms_{code}", f"CMS {code}, not sent", "cms_error", state, 0,
                  options={"code": code})
        for code, state in _BY_CODE
    ),
    FaultCase("cms_515", "CMS 515 (busy) after the text, not sent", "cms_error", REFUSED, 0,
              options={"code": 515}),
    FaultCase("cms_197", "CMS 197: duplicate refused, the network has it", "cms_error", SENT, 1,
              options={"code": 197, "is_sent": True}),
    FaultCase("cms_at_prompt", "CMS 302 instead of the prompt", "cms_at_prompt", REFUSED, 0,
              options={"code": 302}),
    FaultCase("false_error", "false error 500 (sent)", "cms_error", UNKNOWN, 1,
              options={"code": 500, "is_sent": True}),
    FaultCase("network_lost", "network gone 15 s", "network_lost", REFUSED, 0, 15),
    FaultCase("sim_removed", "SIM taken out for 5 s", "sim_removed", REFUSED, 0, 5),
    FaultCase("prompt_late", "prompt 8 s late", "prompt_late", SENT, 1, 8),
    FaultCase("no_prompt", "no prompt; it waits for the text all the same", "no_prompt", NOT_SENT,
              0),
    FaultCase("deaf_at_prompt", "no prompt, deaf 15 s", "deaf_at_prompt", NOT_SENT, 0, 15),
    FaultCase("pdu_swallowed", "text swallowed, deaf 15 s (not sent)", "pdu_swallowed", UNKNOWN, 0,
              15, gsmmodem=_BLOCKED),
    FaultCase("ctrl_z_lost", "Ctrl-Z lost: it collects on (not sent)", "ctrl_z_lost", NOT_SENT, 0,
              gsmmodem="it cannot see a second prompt: UNKNOWN after the full limit"),
    FaultCase("answer_late", "answer 20 s late, deaf to others meanwhile (sent)", "answer_late",
              SENT, 1, 20),
    FaultCase("answer_late_alive", "answer 20 s late, others are answered (sent)",
              "answer_late_alive", UNKNOWN, 1, 20, final=SENT,
              gsmmodem="its write() blocks until the answer: no probe, SENT only after 20 s"),
    FaultCase("answer_lost", "answer lost (sent)", "answer_lost", UNKNOWN, 1,
              gsmmodem=_BLOCKED),
    FaultCase("deaf_after_send", "deaf 15 s after sending", "deaf_after_send", UNKNOWN, 1, 15,
              gsmmodem=_BLOCKED),
    FaultCase("port_away_unsent", "port away 5 s, not sent", "port_away", UNKNOWN, 0, 5),
    FaultCase("port_away_sent", "port away 5 s, sent", "port_away", UNKNOWN, 1, 5,
              options={"is_sent": True}),
    FaultCase("reboot_unsent", "modem restarts with the text, back after 6 s, not sent", "reboot",
              UNKNOWN, 0, 6, gsmmodem="a restart is not noticed inside an answer: full limit"),
    FaultCase("reboot_sent", "modem restarts with the text, back after 6 s, sent", "reboot",
              UNKNOWN, 1, 6, options={"is_sent": True},
              gsmmodem="a restart is not noticed inside an answer: full limit"),
    FaultCase("echo_stuck", "echo that never goes off", "echo_stuck", SENT, 1, before_open=True),
    FaultCase("line_crcrlf", "lines end in CR CR LF", "line_ends", SENT, 1, before_open=True,
              options={"mode": "crcrlf"},
              gsmmodem="it cannot connect: leaves a CR in every line"),
    FaultCase("line_lf", "lines end in LF", "line_ends", SENT, 1, before_open=True,
              options={"mode": "lf"}, gsmmodem="it cannot connect: looks for CR LF only"),
    FaultCase("noise", "RING, RSSI, CREG lines inside every answer", "noise", SENT, 1,
              before_open=True, options={"share": 1.0}),
    FaultCase("garbage", "bytes that are no UTF-8 before every answer", "garbage", SENT, 1,
              before_open=True, options={"share": 1.0},
              gsmmodem="its reader thread dies on the first such byte"),
    FaultCase("garbage_later", "the same, from the second message on", "garbage", SENT, 1,
              options={"share": 1.0}, gsmmodem="its reader thread dies on the first such byte"),
    FaultCase("reference_zero", "every TP-MR is 0", "reference_zero", SENT, 1, before_open=True),
]  # fmt: skip


@dataclass
class Run:
    """What happened. Times in seconds from the start of the second message.

    `waited_s`: so long driver or modem had no core meanwhile.
    """

    outcome: SendOutcome
    outcome_s: float
    final: SendState
    resumed_s: float | None  # third message SENT; None = never
    copies: tuple[int, int, int]
    waited_s: float = 0.0


class Bench:
    """One modem, one driver, one collector of events."""

    def __init__(
        self, sim: ModemSim, kind: DriverKind, limits: DriverLimits, number: int = 1,
        pin: str | None = None,
    ) -> None:  # fmt: skip
        self.sim = sim
        self.modem = f"modem-{number}"
        self.incoming: list[IncomingPdu] = []
        self.cannot_store = 0  # how many PDUs are refused from now on
        self.events: list[DriverEvent] = []
        self._listener: asyncio.Task[None] | None = None
        port = ModemPort(self.modem, sim.path(number), pin=pin)
        self.driver: Driver = make_driver(kind, port, self._keep, SystemClock(), limits)

    async def _keep(self, pdu: IncomingPdu) -> None:
        if self.cannot_store > 0:
            self.cannot_store -= 1
            raise Unavailable("the database is away")
        self.incoming.append(pdu)

    async def __aenter__(self) -> "Bench":
        async def listen() -> None:
            async for event in self.driver.events():
                self.events.append(event)

        self._listener = asyncio.create_task(listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.driver.close()
        assert self._listener is not None
        async with asyncio.timeout(10):
            await self._listener

    async def send(self, text: str, number: str, ticket: str = "") -> SendOutcome:
        """One segment."""
        (segment,) = split(text, 1)
        return await self.driver.send_pdu(to_pdu(segment, number), Ticket(ticket or text))

    def late(self, ticket: str) -> SendOutcome | None:
        """The last late outcome of `ticket`."""
        found = [
            e.outcome for e in self.events if isinstance(e, LateOutcome) and e.ticket == ticket
        ]
        return found[-1] if found else None

    async def until_late(self, ticket: str, limit_s: float) -> SendOutcome | None:
        """The late outcome of `ticket`, waited for at most `limit_s`."""
        until = time.monotonic() + limit_s
        while (late := self.late(ticket)) is None and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return late


async def run_case(
    bench: Bench, case: FaultCase, number: str, scale: float, patience_s: float | None = None
) -> Run:
    """Open, send three, the second at the fault; recover as the platform would.

    `patience_s`: how long to try for the third, from the second on; None: ten times any fault.
    Given where the driver is known to fall short: nor is a late answer waited for any longer.
    """
    options = dict(case.options)
    if case.seconds:
        options["seconds"] = case.seconds * scale
    if case.before_open:
        await bench.sim.fault(case.fault, bench.modem, **options)
    await bench.driver.open()
    assert (await bench.send("one", number)).state is SENT
    if not case.before_open:
        await bench.sim.fault(case.fault, bench.modem, **options)
    started, waited = time.monotonic(), waited_s(bench.sim.pid)
    outcome = await bench.send("two", number)
    outcome_s = time.monotonic() - started
    give_up = started + (100 * scale + 20 if patience_s is None else patience_s)
    resumed_s = await _until_third(bench, number, started, give_up, scale)
    waited = waited_s(bench.sim.pid) - waited
    late = None
    if case.final is not None:  # the late answer may still be on its way
        limit_s = case.seconds * scale + (10.0 if patience_s is None else 1.0)
        late = await bench.until_late("two", limit_s)
    air = [entry["text"] for entry in await bench.sim.on_air(number)]
    copies = (air.count("one"), air.count("two"), air.count("three"))
    final = late.state if late else outcome.state
    return Run(outcome, outcome_s, final, resumed_s, copies, waited)


async def _until_third(
    bench: Bench, number: str, started: float, give_up: float, scale: float
) -> float | None:
    """Send the third until it is SENT, as the platform would: recover, wait out refusals."""
    while time.monotonic() < give_up:
        if not bench.driver.is_ready:
            try:
                await bench.driver.recover()
            except ModemUnavailable:
                await asyncio.sleep(0.5 * scale)
                continue
        outcome = await bench.send("three", number)
        if outcome.state is SENT:
            return time.monotonic() - started
        if outcome.state is UNKNOWN:
            return None
        await asyncio.sleep(0.5 * scale)
    return None


def shortcomings(run: Run, case: FaultCase, scale: float, resume_s: float) -> list[str]:
    """Where `run` falls short of what the case states; truth is `is_true`'s matter."""
    found: list[str] = []
    if run.outcome.state is not case.expected:
        found.append(f"outcome {run.outcome.state}, not {case.expected}")
    if run.final is not (case.final or case.expected):
        found.append(f"in the end {run.final}, not {case.final or case.expected}")
    if run.copies != (1, case.copies, 1):
        found.append(f"copies on the air {run.copies}")
    allowed_s = case.seconds * scale + resume_s + run.waited_s
    if run.resumed_s is None or run.resumed_s > allowed_s:
        found.append(f"resumed after {run.resumed_s} s")
    return found


def is_true(run: Run) -> bool:
    """Does the outcome agree with the air?"""
    copies = run.copies[1]
    if run.outcome.is_surely_not_sent:
        return copies == 0
    return copies == 1 if SENT in (run.outcome.state, run.final) else copies <= 1
