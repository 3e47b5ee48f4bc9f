"""What a modem needs between two texts: its lease, its storage emptied, a look at the radio."""

from datetime import timedelta

from sms.credit import Credit
from sms.driver import Driver
from sms.lease import Lease
from sms.modem_view import ModemState
from sms.panel import Panel
from sms.pauses import Pauses
from sms.settings import ModemSettings
from sms.surroundings import Errands, Surroundings

STATUS_WHILE_OFFLINE_S = 3.0
_STATUS_EVERY_S = 30.0
_SWEEP_APART_S = 0.5
_NEVER = float("-inf")


class Housework:
    """Owner: the modem it sits in."""

    def __init__(
        self, settings: ModemSettings, driver: Driver, around: Surroundings, panel: Panel
    ) -> None:
        self._sms = around.sms
        self._around = around
        self._clock = around.clock
        self._driver = driver
        self._panel = panel
        self.lease = Lease(around.database, settings.path, around.sms.lease_s, around.fleet.node)
        self.errands = Errands()
        self.pauses = Pauses()
        self.credit = Credit(settings, around.sms, around.database)
        self._swept_at = self._looked_at = self._leased_at = _NEVER

    def leased(self) -> None:
        """The lease was just taken."""
        self._leased_at = self._clock.monotonic()

    def look_soon(self) -> None:
        """Something about the radio changed."""
        self._looked_at = _NEVER

    def sweep_now(self) -> None:
        """The storage is full, or a refusal says so."""
        self.errands.sweep_wanted = True
        self._swept_at = _NEVER

    def is_due(self, *, is_busy: bool) -> bool:
        """Whether something is to be done. `is_busy`: texts go out one after another."""
        now = self._clock.monotonic()
        apart_s = _SWEEP_APART_S if is_busy else 0.0
        return (
            now - self._looked_at >= self._look_every_s()
            or now - self._swept_at >= self._sms.sweep_every_s
            or (self.errands.sweep_wanted and now - self._swept_at >= apart_s)
            or bool(self.errands.inbox)
            or (self.credit.is_due and not is_busy)
            or now - self._leased_at >= self._sms.lease_s / 3
        )

    @property
    def may_take_long(self) -> bool:
        """Whether seconds may pass: something somebody asked for, or a question to the network."""
        return bool(self.errands.inbox) or self.errands.balance_wanted

    async def do(self, *, is_busy: bool) -> None:
        """Lease, storage, radio, errands, each when it is time. Raises: ModemUnavailable."""
        await self._look_after()
        if self.errands.balance_wanted or (self.credit.is_due and not is_busy):
            await self._ask_balance()

    async def _look_after(self) -> None:
        now = self._clock.monotonic()
        if now - self._leased_at >= self._sms.lease_s / 3:
            if await self.lease.take():
                self.errands.recovery_wanted = True  # its owner asks who has it
                return
            self._leased_at = now
        if not self._driver.is_ready:
            return
        if self.errands.sweep_wanted or now - self._swept_at >= self._sms.sweep_every_s:
            self.errands.sweep_wanted = False
            self._swept_at = now
            await self._driver.sweep()
        await self._look_at_radio(now)
        await self.errands.run(self._driver)

    def _look_every_s(self) -> float:
        is_ready = self._panel.view.state is ModemState.READY
        return _STATUS_EVERY_S if is_ready else STATUS_WHILE_OFFLINE_S

    async def _look_at_radio(self, now: float) -> None:
        view = self._panel.view
        is_out = view.state is ModemState.QUARANTINED
        out_for = self._around.database.clock.now() - view.since
        if now - self._looked_at < self._look_every_s():
            return
        self._looked_at = now
        status = await self._driver.status()
        self._panel.note(
            operator=status.operator, rssi_dbm=status.rssi_dbm,
            registration=status.registration.value,
        )  # fmt: skip
        if is_out and out_for < timedelta(seconds=self.pauses.out_for_s):
            return
        if is_out:
            self.pauses.let_in()
            self._around.pool.forgive(view.name)
        if status.registration.can_send:
            await self._panel.show(ModemState.READY)
        else:
            await self._panel.show(ModemState.OFFLINE, f"network: {status.registration.value}")

    async def _ask_balance(self) -> None:
        """What is left on the SIM; not between the texts of a long queue, it takes seconds."""
        if self._driver.is_ready:
            self.errands.balance_wanted = False
            self._panel.view = await self.credit.ask(self._driver, self._panel.view)
