"""The audit log: append-only, each row bound to the one before by an HMAC.

The key lives outside the database, and the head (count, hash) is also written to a second file, so
an altered, removed, reordered or cut-off row is found by `verify`. A restored backup starts a new
chain linked to the old one.
"""

import enum
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Index, String, select
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, Json, UnitOfWork, UtcDateTime
from core.errors import Stale, Unavailable
from core.ids import new_id

log = structlog.get_logger(__name__)

_VERIFY_PAGE = 1000
_HEAD_FILE_DUE = timedelta(hours=2)
"""A log so old has a second file: it is written at each start and every hour."""
GENESIS = "0" * 64
BEGIN_CHAIN = "audit.begin_chain"
LAID_SUFFIX = ".restoring"
"""A key so called waits to take the place of the one in use: see signaling.backup."""


class AuditRow(Base):
    """One entry. `hash` = HMAC-SHA256(key, previous hash + canonical JSON of the other columns)."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index(None, "target", "seq"), Index(None, "at"))

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    chain: Mapped[str] = mapped_column(String(26))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(60))
    actor_name: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(80))
    target: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str | None] = mapped_column(String(500))
    detail: Mapped[dict[str, Any]] = mapped_column(Json)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


class AuditHeadRow(Base):
    """The one row that serialises writers: chain, count and hash of the last entry."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    chain: Mapped[str] = mapped_column(String(26))
    count: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


@dataclass(frozen=True)
class Actor:
    """Who does something: a user's id and name, or a named part of the system."""

    id: str
    name: str


SYSTEM = Actor("system", "系统")


class Fault(enum.StrEnum):
    """What `verify` can find."""

    ALTERED = "altered"
    GAP = "gap"
    CUT_OFF = "cut_off"
    HEAD_FILE = "head_file"


@dataclass(frozen=True)
class Verdict:
    """What `verify` found; `fault` None: the log is whole. `seq`: where."""

    count: int
    fault: Fault | None
    seq: int | None = None
    explanation: str = ""


@dataclass(frozen=True)
class AuditQuery:
    """Which entries. `action`, `target`: beginnings; `before_seq`: continue below this number."""

    before_seq: int | None = None
    action: str = ""
    target: str = ""
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100


@dataclass(frozen=True)
class Entry:
    """One entry, as readers see it."""

    seq: int
    at: datetime
    actor: str
    actor_name: str
    action: str
    target: str
    reason: str | None
    detail: dict[str, Any]
    hash: str


class _Scan:
    """What a walk along the chain has seen so far."""

    def __init__(self, noted: dict[str, Any] | None) -> None:
        self.noted = noted
        self.noted_hash: str | None = None
        """Hash of the entry that bears the noted number in the noted chain."""
        self.superseded: list[dict[str, Any]] = []
        self.chain, self.count, self.hash = "", 0, GENESIS

    def take(self, row: AuditRow) -> None:
        self.chain, self.count, self.hash = row.chain, row.seq, row.hash
        if self.noted is not None and (row.chain, row.seq) == (
            self.noted["chain"],
            self.noted["count"],
        ):
            self.noted_hash = row.hash
        if row.action == BEGIN_CHAIN and row.detail.get("head_file"):
            self.superseded.append(row.detail["head_file"])


class Audit:
    """Appends to and verifies the log; `head_file` best lies on another disk."""

    def __init__(self, key: bytes, head_file: Path) -> None:
        self._key = key
        self._head_file = head_file

    async def append(
        self,
        uow: UnitOfWork,
        *,
        actor: Actor,
        action: str,
        target: str,
        detail: dict[str, Any] | None = None,
        reason: str | None = None,
    ) -> int:
        """Append an entry in the caller's transaction; writers wait for each other until commit.

        `action`: `area.verb`; `target`: `kind:id`; `detail`: JSON values, no secrets and no full
        phone numbers. Returns: the entry's number.
        """
        head = await self._locked_head(uow)
        row = AuditRow(
            seq=head.count + 1,
            chain=head.chain,
            at=uow.now,
            actor=actor.id,
            actor_name=actor.name,
            action=action,
            target=target,
            reason=reason,
            detail=_storable(detail or {}),
            previous_hash=head.hash,
        )
        row.hash = self._hash(row)
        head.count, head.hash = row.seq, row.hash
        uow.session.add(row)
        await uow.session.flush()
        return row.seq

    async def begin_new_chain(self, uow: UnitOfWork, *, actor: Actor, reason: str) -> None:
        """Start a chain linked to the present one: after a restore the file's head is ahead."""
        head = await self._locked_head(uow)
        head.chain = new_id()
        await self.append(
            uow,
            actor=actor,
            action=BEGIN_CHAIN,
            target=f"chain:{head.chain}",
            detail={"head_file": self._read_head_file()},
            reason=reason,
        )

    async def write_head_file(self, uow: UnitOfWork) -> bool:
        """Write the head to the second file, hourly and at each activation; atomic, fsync'd.

        Where the log does not continue what the file knows, the file stays as it is: it is the
        evidence. Returns: whether the file holds the present head now.
        """
        head = await uow.session.get(AuditHeadRow, 1)
        if self._head_file.exists() and not await self._continues(uow, self._read_head_file()):
            log.error("audit_does_not_continue", mend="run `python server.py audit verify`")
            return False
        if head is None:
            return True
        content = {"chain": head.chain, "count": head.count, "hash": head.hash}
        content["mac"] = self._mac(json.dumps(content, sort_keys=True))
        self._head_file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._head_file.with_suffix(".partial")
        with partial.open("w") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._head_file)
        return True

    async def lacks_head_file(self, uow: UnitOfWork) -> bool:
        """Whether the second file is gone although it must have been written by now."""
        first = await uow.session.get(AuditRow, 1)
        is_due = first is not None and uow.now - first.at > _HEAD_FILE_DUE
        return is_due and not self._head_file.exists()

    async def note_missing_head_file(self, uow: UnitOfWork) -> None:
        """Say in the log that the second file had gone, before it is written anew."""
        if await self.lacks_head_file(uow):
            await self.append(
                uow, actor=SYSTEM, action="audit.head_file_missing", target="audit:head"
            )

    async def _continues(self, uow: UnitOfWork, noted: dict[str, Any] | None) -> bool:
        """Whether the log still has the noted entry, or a new chain that says it replaces it."""
        if noted is None:
            return False
        row = await uow.session.get(AuditRow, noted["count"])
        if row is not None and (row.chain, row.hash) == (noted["chain"], noted["hash"]):
            return True
        begun = await uow.session.scalars(select(AuditRow).where(AuditRow.action == BEGIN_CHAIN))
        return any(entry.detail.get("head_file") == noted for entry in begun)

    async def entries(self, uow: UnitOfWork, query: AuditQuery) -> list[Entry]:
        """The entries that fit `query`, newest first."""
        wanted = select(AuditRow).order_by(AuditRow.seq.desc()).limit(query.limit)
        if query.before_seq is not None:
            wanted = wanted.where(AuditRow.seq < query.before_seq)
        if query.action:
            wanted = wanted.where(AuditRow.action.startswith(query.action, autoescape=True))
        if query.target:
            wanted = wanted.where(AuditRow.target.startswith(query.target, autoescape=True))
        if query.actor:
            wanted = wanted.where(AuditRow.actor == query.actor)
        if query.since is not None:
            wanted = wanted.where(AuditRow.at >= query.since)
        if query.until is not None:
            wanted = wanted.where(AuditRow.at < query.until)
        return [_entry(row) for row in await uow.session.scalars(wanted)]

    async def writer(self, uow: UnitOfWork, stale: Stale) -> Entry | None:
        """The newest entry about the change that made somebody's version of an object stale."""
        wanted = select(AuditRow).where(
            AuditRow.target == stale.target,
            AuditRow.action.startswith(stale.action, autoescape=True),
        )
        if stale.changed_at is not None:
            wanted = wanted.where(AuditRow.at == stale.changed_at)
        row = await uow.session.scalar(wanted.order_by(AuditRow.seq.desc()).limit(1))
        return _entry(row) if row is not None else None

    async def verify(self, uow: UnitOfWork) -> Verdict:
        """Recompute the whole chain and compare it with the head row and the head file."""
        scan = _Scan(self._read_head_file())
        while True:
            rows = list(
                await uow.session.scalars(
                    select(AuditRow)
                    .where(AuditRow.seq > scan.count)
                    .order_by(AuditRow.seq)
                    .limit(_VERIFY_PAGE)
                )
            )
            if not rows:
                break
            for row in rows:
                if row.seq != scan.count + 1:
                    explanation = "an entry is missing"
                    return Verdict(scan.count, Fault.GAP, scan.count + 1, explanation)
                if row.previous_hash != scan.hash or row.hash != self._hash(row):
                    explanation = "an entry does not fit its hash"
                    return Verdict(scan.count, Fault.ALTERED, row.seq, explanation)
                scan.take(row)
        head = await uow.session.get(AuditHeadRow, 1)
        of_row = self._against_head_row(scan, head)
        if of_row is None and await self.lacks_head_file(uow):
            return Verdict(scan.count, Fault.HEAD_FILE, None, "the head file is missing")
        return of_row or self._against_head_file(scan)

    def _against_head_row(self, scan: "_Scan", head: AuditHeadRow | None) -> Verdict | None:
        """The end of the rows must be what the head row says."""
        if head is None:
            is_whole = scan.count == 0
        else:
            is_whole = (head.chain, head.count, head.hash) == (scan.chain, scan.count, scan.hash)
        if is_whole:
            return None
        return Verdict(scan.count, Fault.CUT_OFF, scan.count + 1, "entries after this one are gone")

    def _against_head_file(self, scan: "_Scan") -> Verdict:
        """The second file knows a head that was; only a new chain's first entry may outdate it."""
        noted = scan.noted
        if noted is None:
            if self._head_file.exists():
                return Verdict(scan.count, Fault.HEAD_FILE, None, "the head file is damaged")
            return Verdict(scan.count, None)
        if scan.noted_hash == noted["hash"] or noted in scan.superseded:
            return Verdict(scan.count, None)
        if scan.noted_hash is not None:
            return Verdict(scan.count, Fault.ALTERED, noted["count"], "the head file differs")
        explanation = "the head file knows later entries"
        return Verdict(scan.count, Fault.CUT_OFF, scan.count + 1, explanation)

    async def _locked_head(self, uow: UnitOfWork) -> AuditHeadRow:
        head = await uow.session.get(AuditHeadRow, 1, with_for_update=True)
        if head is None:
            head = AuditHeadRow(id=1, chain=new_id(), count=0, hash=GENESIS)
            uow.session.add(head)
            await uow.session.flush()
        return head

    def _hash(self, row: AuditRow) -> str:
        fields = {
            "seq": row.seq,
            "chain": row.chain,
            "at": row.at.astimezone(UTC).isoformat(),
            "actor": row.actor,
            "actor_name": row.actor_name,
            "action": row.action,
            "target": row.target,
            "reason": row.reason,
            "detail": row.detail,
        }
        canonical = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return self._mac(row.previous_hash + canonical)

    def _mac(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def _read_head_file(self) -> dict[str, Any] | None:
        """The noted head; None if there is no file or it does not carry our MAC."""
        try:
            content = json.loads(self._head_file.read_text())
            mac = content.pop("mac")
        except (OSError, ValueError, KeyError, AttributeError):
            return None
        expected = self._mac(json.dumps(content, sort_keys=True))
        return content if hmac.compare_digest(str(mac), expected) else None


def _storable(value: Any) -> Any:
    """`value` as every database gives it back: JSONB turns 1e16 into an integer."""
    if isinstance(value, dict):
        return {str(key): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _entry(row: AuditRow) -> Entry:
    return Entry(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        actor_name=row.actor_name,
        action=row.action,
        target=row.target,
        reason=row.reason,
        detail=row.detail,
        hash=row.hash,
    )


def load_or_create_key(path: Path) -> bytes:
    """The 32-byte key in `path`, created with mode 0600 on first use.

    Raises: Unavailable: a restore was cut off between its rows and its keys.
    """
    laid = path.with_name(path.name + LAID_SUFFIX)
    if laid.exists():
        text = f"a restore was cut off at its end ({laid} is there): run the same restore again"
        raise Unavailable(text, code="restore_unfinished")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        key = secrets.token_bytes(32)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        return key
