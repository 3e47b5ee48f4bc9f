"""Receipts of carriers' lines joined to attempts by id; how a line writes its ids is learnt."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from core.database import UnitOfWork
from sms.driver import CarrierReceipt
from sms.receipt_ids import Candidate, IdForm, as_answered, canonical, meant, proven_form
from sms.store import receipts as store
from sms.store.rows import AttemptRow

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Line:
    """Whose receipt: the account it was told to, the recipient's number (E.164)."""

    imsi: str
    number: str


class Receipts:
    """Owner: the ledger. The form learnt of a line outlives a restart in what it joined."""

    def __init__(self) -> None:
        self._learnt: dict[str, IdForm] = {}

    def answer_id(self, imsi: str, receipt: CarrierReceipt) -> str | None:
        """The id of the answer it means, where the line's form is known; else None."""
        form = receipt.form or self._learnt.get(imsi)
        return as_answered(receipt.message_id, form) if form is not None else None

    async def attempt_for(
        self, uow: UnitOfWork, line: Line, receipt: CarrierReceipt, window: timedelta
    ) -> AttemptRow | None:
        """The attempt a receipt means, with the receipt's id noted; None if that is not certain."""
        told = canonical(receipt.message_id)
        await self._name_those_just_answered(uow, line, receipt)
        ids = {as_answered(receipt.message_id, form) for form in IdForm} - {None}
        rows = await store.attempts_for(
            uow, line.imsi, line.number, [one for one in ids if one], told, uow.now - window
        )
        candidates = [_candidate(row) for row in rows]
        found = meant(
            receipt.message_id,
            candidates,
            fixed=receipt.form,
            learnt=await self._form_of(uow, line.imsi),
        )
        if found is None:
            if candidates:
                log.warning("receipt_not_certain", line=line.imsi, receipt=told)
            return None
        row = next(one for one in rows if one.id == found.attempt_id)
        row.receipt_id = told
        if (form := proven_form(found.answer_id, receipt.message_id)) is not None:
            self._learnt[line.imsi] = form
        return row

    async def _name_those_just_answered(
        self, uow: UnitOfWork, line: Line, receipt: CarrierReceipt
    ) -> None:
        for ticket, carrier_id in receipt.answered:
            row = await store.attempt_without_id(uow, ticket)
            if row is not None and (row.imsi, row.number) == (line.imsi, line.number):
                row.carrier_id = carrier_id
        await uow.session.flush()

    async def _form_of(self, uow: UnitOfWork, imsi: str) -> IdForm | None:
        if imsi not in self._learnt:
            for carrier_id, receipt_id in await store.last_joined(uow, imsi):
                if (form := proven_form(carrier_id, receipt_id)) is not None:
                    self._learnt[imsi] = form
                    break
        return self._learnt.get(imsi)


def _candidate(row: AttemptRow) -> Candidate:
    answered, told = row.carrier_id or "", row.receipt_id or ""
    return Candidate(row.id, answered, told, is_nameless=not answered and not told)
