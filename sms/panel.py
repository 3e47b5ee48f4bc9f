"""What a modem shows of itself: to this process at once, to pages and other nodes on a change."""

from dataclasses import replace
from typing import Any

import structlog

from core import changes
from core.errors import AppError
from sms.modem_view import ModemState, ModemView
from sms.settings import ModemSettings
from sms.surroundings import Surroundings

log = structlog.get_logger(__name__)


class Panel:
    """Holds one modem's view. Owner: the modem's task; everybody else only reads it."""

    def __init__(self, settings: ModemSettings, around: Surroundings) -> None:
        self._database, self._fleet = around.database, around.fleet
        now = around.database.clock.now()
        self.view = ModemView(
            name=settings.name, path=settings.path, is_simulated=settings.is_simulated,
            state=ModemState.STARTING, since=now, counters_since=now, serves=settings.serves,
            per_day=settings.per_day, per_month=settings.per_month,
        )  # fmt: skip

    def note(self, **figures: Any) -> None:
        """Figures that are shown with the next look."""
        self.view = replace(self.view, **figures)

    async def show(self, state: ModemState, reason: str = "") -> None:
        """Come into a state and tell the pages and the other nodes of it."""
        if (state, reason) == (self.view.state, self.view.reason):
            return
        if state is not self.view.state:
            log.info("modem_state", modem=self.view.name, state=state.value, reason=reason)
        since = self._database.clock.now() if state is not self.view.state else self.view.since
        self.note(state=state, reason=reason, since=since)
        try:
            async with self._database.write() as uow:
                data = {"name": self.view.name, "state": state.value, "reason": reason}
                await changes.publish(uow, "modems", "modem.changed", data)
                await self._fleet.show(uow, self.view)
        except AppError as fault:
            log.warning("modem_state_not_shown", modem=self.view.name, cause=fault.message)
