"""What a modem's owner works with: the pool it asks, the errands others bring."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from core.clock import Clock
from core.database import Database
from core.errors import AppError
from sms.driver import (
    CallResult,
    Driver,
    LateOutcome,
    ModemUnavailable,
    Reason,
    SendOutcome,
)
from sms.fleet import Fleet
from sms.ledger import Ledger
from sms.model import PendingCall
from sms.progress import Progress
from sms.settings import SmsSettings
from sms.store.turns import Taker


@dataclass
class Errands:
    """What others ask the owner to do; written by other tasks, read by the owner."""

    sweep_wanted: bool = True
    recovery_wanted: bool = False
    balance_wanted: bool = False
    late: list[LateOutcome] = field(default_factory=list)
    inbox: list["Errand"] = field(default_factory=list)

    async def run(self, driver: Driver) -> None:
        """Do what is in the inbox; a fault goes to who asked."""
        errands, self.inbox = self.inbox, []
        for errand in errands:
            try:
                result = errand.run(driver)
                if asyncio.iscoroutine(result):
                    result = await result
            except AppError as fault:
                if not errand.done.done():
                    errand.done.set_exception(fault)
            else:
                if not errand.done.done():
                    errand.done.set_result(result)

    def refuse(self) -> None:
        """The server stops: nobody waits in vain."""
        for errand in self.inbox:
            if not errand.done.done():
                errand.done.set_exception(ModemUnavailable(Reason.CLOSED, "the server stops"))


@dataclass(frozen=True)
class Errand:
    """Something to be done between two texts: a call, USSD. `done` gets its result."""

    run: Callable[[Driver], object]
    done: "asyncio.Future[object]"


class Pool(Protocol):
    """What an owner asks about the other modems."""

    @property
    def queue_changes(self) -> int:
        """How often something was queued since the start, by this process."""

    def ready(self, *, is_simulated: bool) -> tuple[str, ...]:
        """Names of the modems, of every node, that can send now."""

    def unserved(self) -> tuple[str, ...]:
        """Carriers that no ready modem serves by its settings."""

    def is_suspect(self, modem: str, outcome: SendOutcome) -> bool:
        """Whether this outcome speaks against the SIM."""

    def score_of(self, modem: str) -> float:
        """How fit it is to take the next text, 0..1."""

    async def leave_to_better(self, modem: str) -> None:
        """Let a modem that is idle wait a moment while a clearly better one is idle too."""

    def forgive(self, modem: str) -> None:
        """The SIM gets another chance."""

    async def next_call(
        self, modem: str, *, is_simulated: bool, after: Taker | None
    ) -> PendingCall | None:
        """Claim the next ring-out; None too when a text that `after` may take has just come."""

    def may_ring(self, modem: str, *, is_simulated: bool) -> bool:
        """Whether somebody may be waiting to be rung, and enough other modems stay free."""

    async def call_ended(self, modem: str, call: PendingCall, result: CallResult) -> None:
        """Store how it ended; an interrupted one waits again."""


@dataclass(frozen=True)
class Surroundings:
    """What all owners of one pool share. `clock`: the device's own."""

    sms: SmsSettings
    ledger: Ledger
    progress: Progress
    database: Database
    clock: Clock
    pool: Pool
    fleet: Fleet
