"""Numbered changes of a topic, so that a browser sees state as snapshot + changes without gaps.

A change is numbered `(epoch, seq)` in the transaction that makes it. The last `KEPT` changes of a
topic are kept; who is further behind, or knows another epoch, takes a new snapshot.
Room topics are numbered by their owner in memory instead (conf.room).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Index, String, delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base, Json, UnitOfWork, UtcDateTime
from core.ids import new_id
from core.signals import CHANGE_PUBLISHED

KEPT = 1000
_PRUNE_EVERY = 100


class TopicRow(Base):
    """The head of a topic: its epoch and the number of its last change."""

    __tablename__ = "topic"

    topic: Mapped[str] = mapped_column(String(80), primary_key=True)
    epoch: Mapped[str] = mapped_column(String(26))
    seq: Mapped[int]


class ChangeRow(Base):
    """One change of a topic."""

    __tablename__ = "topic_change"
    __table_args__ = (Index(None, "topic", "seq"),)

    topic: Mapped[str] = mapped_column(String(80), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(60))
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


_TOPICS, _CHANGES = Base.metadata.tables["topic"], Base.metadata.tables["topic_change"]


@dataclass(frozen=True)
class Head:
    """Where a topic stands."""

    epoch: str
    seq: int


@dataclass(frozen=True)
class Change:
    """One numbered change, as sent to browsers."""

    topic: str
    epoch: str
    seq: int
    kind: str
    data: dict[str, Any]
    at: datetime

    def as_wire(self) -> dict[str, Any]:
        return {
            "topic": self.topic,
            "epoch": self.epoch,
            "seq": self.seq,
            "kind": self.kind,
            "data": self.data,
            "at": self.at.isoformat(),
        }


async def publish(uow: UnitOfWork, topic: str, kind: str, data: dict[str, Any]) -> Change:
    """Append a change to `topic` in the caller's transaction; browsers get it after commit.

    `data`: JSON values only. The row of the topic is locked until commit, so numbers never skip.
    """
    connection = await uow.session.connection()
    change = await connection.run_sync(append, uow.now, topic, kind, data)
    uow.signal(CHANGE_PUBLISHED, change)
    return change


def append(
    connection: Connection, now: datetime, topic: str, kind: str, data: dict[str, Any]
) -> Change:
    """`publish` for `Database.at_once`: the caller emits CHANGE_PUBLISHED once it is committed."""
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = insert(_TOPICS).values(topic=topic, epoch=new_id(), seq=1)
    statement = statement.on_conflict_do_update(
        index_elements=[_TOPICS.c.topic], set_={"seq": _TOPICS.c.seq + 1}
    )
    found = connection.execute(statement.returning(_TOPICS.c.epoch, _TOPICS.c.seq))
    epoch, seq = found.one()
    row = {"topic": topic, "seq": seq, "kind": kind, "data": data, "at": now}
    # Straight to the table: an activation publishes hundreds, the unit of work's bookkeeping shows.
    connection.execute(insert(_CHANGES), row)
    if seq % _PRUNE_EVERY == 0:
        old = (_CHANGES.c.topic == topic, _CHANGES.c.seq <= seq - KEPT)
        connection.execute(delete(_CHANGES).where(*old))
    return Change(topic, epoch, seq, kind, data, now)


async def head(uow: UnitOfWork, topic: str) -> Head:
    """Where `topic` stands; read it in the same transaction as the snapshot."""
    row = await uow.session.get(TopicRow, topic)
    return Head(row.epoch, row.seq) if row is not None else Head("", 0)


async def heads(uow: UnitOfWork, topics: list[str]) -> dict[str, Head]:
    """Where each of `topics` stands; topics nobody has written to are left out."""
    rows = await uow.session.scalars(select(TopicRow).where(TopicRow.topic.in_(topics)))
    return {row.topic: Head(row.epoch, row.seq) for row in rows}


async def since(uow: UnitOfWork, topic: str, epoch: str, seq: int) -> list[Change] | None:
    """The changes after (`epoch`, `seq`); None where only a new snapshot can help."""
    now_at = await head(uow, topic)
    if epoch != now_at.epoch or seq > now_at.seq:
        return None
    rows = await uow.session.scalars(
        select(ChangeRow)
        .where(ChangeRow.topic == topic, ChangeRow.seq > seq)
        .order_by(ChangeRow.seq)
        .limit(KEPT)
    )
    changes = [Change(topic, epoch, row.seq, row.kind, row.data, row.at) for row in rows]
    if len(changes) != now_at.seq - seq:
        return None
    return changes
