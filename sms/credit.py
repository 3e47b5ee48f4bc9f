"""What is left on a SIM: asked by USSD on schedule and when it is refused; low means an alarm."""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from core import changes, events
from core.database import Database, UnitOfWork
from sms.balance import balance_fen, is_low
from sms.driver import Driver, ModemUnavailable
from sms.model import BalanceLow
from sms.modem_view import ModemView
from sms.settings import ModemSettings, SmsSettings
from sms.store import sims as store

log = structlog.get_logger(__name__)

_AGAIN_AFTER = timedelta(minutes=10)


class Credit:
    """Asks one SIM's balance. Owner: the modem it sits in."""

    def __init__(self, settings: ModemSettings, sms: SmsSettings, database: Database) -> None:
        self._code = settings.ussd_balance
        self._every = timedelta(hours=sms.balance_every_hours)
        self._low_fen = round(sms.balance_low_yuan * 100)
        self._database = database
        self._due_at: datetime | None = None

    async def take_over(self, uow: UnitOfWork, view: ModemView) -> ModemView:
        """A SIM is there: what is known of it."""
        sim = await store.sim(uow, view.imsi, view.name)
        self._due_at = sim.balance_at + self._every if sim.balance_at else uow.now
        return self._shown(view, sim.balance, sim.balance_fen, sim.balance_at)

    @property
    def is_due(self) -> bool:
        """Whether it is time to ask."""
        if not self._code or self._due_at is None:
            return False
        return self._database.clock.now() >= self._due_at

    async def ask(self, driver: Driver, view: ModemView) -> ModemView:
        """Ask now and keep the reading; a network that does not answer is asked again later."""
        if not self._code:
            return view
        self._due_at = self._database.clock.now() + min(_AGAIN_AFTER, self._every)
        try:
            reply = await driver.ussd(self._code)
        except ModemUnavailable as fault:
            log.warning("balance_unknown", modem=view.name, cause=fault.message)
            return view
        text = reply.text[:300]
        async with self._database.write() as uow:
            fen = balance_fen(text)
            before = (await store.sim(uow, view.imsi, view.name)).balance_fen
            await store.keep_reading(uow, view.imsi, view.name, text, fen)
            if is_low(fen, self._low_fen) and not is_low(before, self._low_fen):
                await self._alarm(uow, view.name, fen or 0, text)
            self._due_at = uow.now + self._every
            return self._shown(view, text, fen, uow.now)

    async def _alarm(self, uow: UnitOfWork, modem: str, fen: int, text: str) -> None:
        log.warning("balance_low", modem=modem, fen=fen)
        await events.record(uow, BalanceLow(modem, fen, text, at=uow.now))
        await changes.publish(uow, "modems", "balance.low", {"name": modem, "fen": fen})

    def _shown(self, view: ModemView, text: str, fen: int | None, at: datetime | None) -> ModemView:
        return replace(
            view, balance=text, balance_fen=fen, balance_at=at,
            is_balance_low=is_low(fen, self._low_fen),
        )  # fmt: skip
