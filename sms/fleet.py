"""The modems of all nodes: each process writes down its own and reads the others'.

A reply waits for the SIM it belongs to wherever that one is plugged in, and a long text is begun
anew only when its SIM is away everywhere. Rows nobody renews count for as long as a lease.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import TypeAdapter

from core.database import Database, UnitOfWork
from sms.modem_view import ModemState, ModemView
from sms.store import fleet as store

log = structlog.get_logger(__name__)

_VIEW = TypeAdapter(ModemView)


class Fleet:
    """What this process knows of the others' modems. Owner: the pool."""

    def __init__(self, database: Database, node: str, lasts_s: float) -> None:
        """`node`: this process, as in its leases; `lasts_s`: how long a row counts unrenewed."""
        self.node = node
        self._database = database
        self._lasts = timedelta(seconds=lasts_s)
        self._others: tuple[tuple[datetime, ModemView], ...] = ()
        self._doubled: set[str] = set()

    async def show(self, uow: UnitOfWork, *views: ModemView) -> None:
        """Tell the other nodes how modems of this one are."""
        await store.write(uow, [self._row(view) for view in views])

    async def keep_in_touch(self, views: Sequence[ModemView]) -> None:
        """Renew our rows and read the others'. Raises: Unavailable."""
        rows = [self._row(view) for view in views]
        found = await self._database.at_once(
            lambda connection, now: store.renew(connection, now, rows, self.node, now - self._lasts)
        )
        self._others = tuple((seen_at, _VIEW.validate_python(view)) for seen_at, view in found)
        ours = {view.name for view in views if view.state is ModemState.READY}
        doubled = ours & {view.name for view in self.others() if view.state is ModemState.READY}
        for name in doubled - self._doubled:
            log.warning("modem_name_used_twice", modem=name)  # pinning goes by the name
        self._doubled = doubled

    async def look(self, uow: UnitOfWork) -> None:
        """Read the others' modems in this unit of work, for a decision made in it."""
        await self._read(uow)

    def others(self) -> tuple[ModemView, ...]:
        """Modems of other processes, as last heard of, if that is not long ago."""
        since = self._database.clock.now() - self._lasts
        return tuple(view for seen_at, view in self._others if seen_at > since)

    async def _read(self, uow: UnitOfWork) -> None:
        rows = await store.of_others(uow, self.node, uow.now - self._lasts)
        self._others = tuple((row.seen_at, _VIEW.validate_python(row.view)) for row in rows)

    def _row(self, view: ModemView) -> dict[str, Any]:
        ours = replace(view, node=self.node)
        return {
            "name": view.name, "node": self.node, "state": view.state.value,
            "view": _VIEW.dump_python(ours, mode="json"),
        }  # fmt: skip
