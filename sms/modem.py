"""One modem of the pool: opened, kept alive, fed from the outbox, brought back after every fault.

One task owns the driver. Each turn is one transaction: the outcome of the last attempt is stored
and the next attempt journaled together, then the PDU goes to the modem.
"""

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from core import changes
from core.clock import Clock
from core.database import Database
from core.errors import AppError
from sms import segments
from sms.driver import (
    Driver,
    LateOutcome,
    MessageWaiting,
    ModemInfo,
    ModemRestarted,
    ModemUnavailable,
    PortLost,
    Reason,
    Registration,
    RegistrationChanged,
    SendOutcome,
    SendState,
    StorageFull,
    Ticket,
)
from sms.errors_cms import ErrorAction
from sms.model import Outgoing
from sms.outbox import Outbox
from sms.settings import ModemSettings, SmsSettings

log = structlog.get_logger(__name__)

_RETRY_FIRST_S, _RETRY_LONGEST_S = 1.0, 5.0
_STATUS_EVERY_S = 30.0
_STATUS_WHILE_OFFLINE_S = 3.0
_REST_AFTER_REFUSAL_S = 1.0
_QUARANTINE_S = 300.0


class ModemState(enum.StrEnum):
    """What the modem page shows."""

    STARTING = "starting"
    READY = "ready"
    OFFLINE = "offline"  # works, but is not registered in a network
    FAULTED = "faulted"  # being brought back
    QUARANTINED = "quarantined"  # its SIM refuses; tried again after a while
    STOPPED = "stopped"


@dataclass(frozen=True)
class ModemView:
    """One modem as people see it. `since`: when it came into this state (wall time)."""

    name: str
    path: str
    is_simulated: bool
    state: ModemState
    since: datetime
    reason: str = ""
    operator: str = ""
    rssi_dbm: int | None = None
    registration: str = Registration.UNKNOWN
    imsi: str = ""
    model: str = ""
    own_number: str = ""
    smsc: str = ""
    sent: int = 0
    failed: int = 0
    counters_since: datetime | None = None


@dataclass
class _Errands:
    """What the event reader asks the owner to do; written by one task, read by the other."""

    sweep_wanted: bool = True
    recovery_wanted: bool = False
    late: list[LateOutcome] = field(default_factory=list)


class ModemOwner:
    """Feeds one modem. `stop` lets the segment on the air finish."""

    def __init__(
        self,
        settings: ModemSettings,
        sms: SmsSettings,
        driver: Driver,
        outbox: Outbox,
        database: Database,
        device_clock: Clock,
        wake: asyncio.Event,
        is_alone: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._sms = sms
        self._driver = driver
        self._outbox = outbox
        self._database = database
        self._clock = device_clock
        self._wake = wake
        self._is_alone = is_alone
        self._errands = _Errands()
        self._stopping = False
        self._swept_at = self._looked_at = float("-inf")
        self.view = ModemView(
            name=settings.name, path=settings.path, is_simulated=settings.is_simulated,
            state=ModemState.STARTING, since=database.clock.now(),
            counters_since=database.clock.now(),
        )  # fmt: skip

    def stop(self) -> None:
        """Ask `run` to end after the segment on the air."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Own the driver until stopped. Faults of the modem are states, not exceptions."""
        try:
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(self._read_events())
                await self._own()
                reader.cancel()
        finally:
            await asyncio.shield(self._driver.close())
            await self._show(ModemState.STOPPED)

    async def _own(self) -> None:
        retry_s = _RETRY_FIRST_S
        is_open = False
        while not self._stopping:
            try:
                info = await (self._driver.recover() if is_open else self._driver.open())
                is_open = True
                await self._take_over(info)
                retry_s = _RETRY_FIRST_S
                await self._work()
            except ModemUnavailable as fault:
                is_open = is_open and fault.reason is not Reason.CLOSED
                if fault.reason in (Reason.PORT_BUSY, Reason.PORT_DENIED):
                    is_open = False
                await self._show(ModemState.FAULTED, fault.message)
                await self._nap(retry_s)
                retry_s = min(retry_s * 2, _RETRY_LONGEST_S)
            except AppError as fault:  # the database blinked; what is on the air stays journaled
                log.warning("modem_waits_for_database", modem=self.view.name, cause=fault.message)
                await self._nap(_RETRY_FIRST_S)

    async def _take_over(self, info: ModemInfo) -> None:
        """After (re)opening: settle what a crash left open, fetch what waits, look around."""
        self.view = replace(
            self.view, imsi=info.imsi, model=f"{info.manufacturer} {info.model}".strip(),
            own_number=info.own_number, smsc=info.smsc,
        )  # fmt: skip
        async with self._database.write() as uow:
            adopted = await self._outbox.adopt_open_attempts(uow, self._settings.name)
        if adopted:
            log.warning("attempts_of_unknown_outcome", modem=self.view.name, count=adopted)
        self._errands.recovery_wanted = False
        self._errands.sweep_wanted = True
        self._looked_at = float("-inf")

    async def _work(self) -> None:
        """Send until stopped or until the modem needs recovery."""
        settled: tuple[Outgoing, SendOutcome] | None = None
        while True:
            self._wake.clear()
            if settled is None:
                await self._look_after()
            can_send = self.view.state is ModemState.READY and not self._stopping
            outgoing = await self._turn(settled, may_claim=can_send and self._driver.is_ready)
            settled = None
            if outgoing is not None:
                outcome = await self._send(outgoing)
                settled = (outgoing, outcome)
                continue
            if self._stopping:
                return
            if not self._driver.is_ready or self._errands.recovery_wanted:
                return  # _own calls recover()
            await self._nap(self._nap_s())

    async def _turn(
        self, settled: tuple[Outgoing, SendOutcome] | None, *, may_claim: bool
    ) -> Outgoing | None:
        """One transaction: store the last outcome and late ones, journal the next attempt."""
        late, self._errands.late = self._errands.late, []
        if settled is None and not late and not may_claim:
            return None
        if settled is not None:
            may_claim = may_claim and await self._after(settled[1])
        async with self._database.write() as uow:
            for correction in late:
                await self._outbox.settle(uow, correction.ticket, correction.outcome)
            if settled is not None:
                await self._outbox.settle(uow, settled[0].attempt_id, settled[1])
            if not may_claim:
                return None
            return await self._outbox.claim(
                uow,
                modem=self._settings.name,
                imsi=self.view.imsi,
                is_simulated=self._settings.is_simulated,
                is_alone=self._is_alone(),
            )

    async def _send(self, outgoing: Outgoing) -> SendOutcome:
        parts = segments.split(outgoing.text, outgoing.concat_reference)
        left = outgoing.expires_at - self._database.clock.now()
        pdu = segments.to_pdu(
            parts[outgoing.part - 1],
            outgoing.number,
            validity=max(left, timedelta(minutes=5)),
            rejects_duplicates=outgoing.is_extra_copy,
        )
        return await self._driver.send_pdu(pdu, Ticket(outgoing.attempt_id))

    async def _after(self, outcome: SendOutcome) -> bool:
        """Draw the consequences for this modem. Returns: whether it may go on at once."""
        if outcome.state is SendState.SENT:
            self.view = replace(self.view, sent=self.view.sent + 1)
            return True
        self.view = replace(self.view, failed=self.view.failed + 1)
        if outcome.needs_recovery:
            self._errands.recovery_wanted = True
            await self._show(ModemState.FAULTED, outcome.detail)
            return False
        action = outcome.error.action if outcome.error else None
        if action is ErrorAction.TAKE_SIM_OUT:
            await self._show(ModemState.QUARANTINED, str(outcome.error))
            return False
        if action is ErrorAction.SWEEP_AND_RETRY:
            self._errands.sweep_wanted = True
        if action is ErrorAction.BACK_OFF:
            self._looked_at = float("-inf")
        return outcome.state is not SendState.NOT_SENT

    async def _look_after(self) -> None:
        """Sweep and look at the radio when it is time. Raises: ModemUnavailable."""
        now = self._clock.monotonic()
        if self._errands.sweep_wanted or now - self._swept_at >= self._sms.sweep_every_s:
            self._errands.sweep_wanted = False
            await self._driver.sweep()
            self._swept_at = self._clock.monotonic()
        every_s = (
            _STATUS_EVERY_S if self.view.state is ModemState.READY else _STATUS_WHILE_OFFLINE_S
        )
        quarantined = self.view.state is ModemState.QUARANTINED
        if quarantined and self._database.clock.now() - self.view.since < timedelta(
            seconds=_QUARANTINE_S
        ):
            return
        if now - self._looked_at >= every_s:
            self._looked_at = now
            status = await self._driver.status()
            self.view = replace(
                self.view, operator=status.operator, rssi_dbm=status.rssi_dbm,
                registration=status.registration.value,
            )  # fmt: skip
            if status.registration.can_send:
                await self._show(ModemState.READY)
            else:
                await self._show(ModemState.OFFLINE, f"network: {status.registration.value}")

    def _nap_s(self) -> float:
        if self.view.state is ModemState.READY:
            return 1.0
        return _STATUS_WHILE_OFFLINE_S

    async def _nap(self, seconds: float) -> None:
        """Rest until the queue, an event or the time calls."""
        if self._stopping or self._errands.late:
            return
        nap = asyncio.create_task(self._clock.sleep(seconds))
        wake = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait({nap, wake}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            wake.cancel()

    async def _read_events(self) -> None:
        async for event in self._driver.events():
            match event:
                case LateOutcome():
                    self._errands.late.append(event)
                case MessageWaiting() | StorageFull():
                    self._errands.sweep_wanted = True
                case ModemRestarted() | PortLost():
                    self._errands.recovery_wanted = True
                case RegistrationChanged():
                    self._looked_at = float("-inf")
                case _:
                    continue
            self._wake.set()

    async def _show(self, state: ModemState, reason: str = "") -> None:
        if (state, reason) == (self.view.state, self.view.reason):
            return
        if state is not self.view.state:
            log.info("modem_state", modem=self.view.name, state=state.value, reason=reason)
        since = self._database.clock.now() if state is not self.view.state else self.view.since
        self.view = replace(self.view, state=state, reason=reason, since=since)
        try:
            async with self._database.write() as uow:
                data = {"name": self.view.name, "state": state.value, "reason": reason}
                await changes.publish(uow, "modems", "modem.changed", data)
        except AppError as fault:
            log.warning("modem_state_not_shown", modem=self.view.name, cause=fault.message)
