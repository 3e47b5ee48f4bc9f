"""Tables of users, grants and sessions."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from core.auth.model import Grant, Role
from core.database import Base, UnitOfWork, UtcDateTime, enum_column
from core.ids import new_id


class UserRow(Base):
    """Who may sign in. `login` is stored in lower case."""

    __tablename__ = "user"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    login: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    person_id: Mapped[str | None] = mapped_column(String(26))
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change_password: Mapped[bool]
    totp_sealed: Mapped[str | None] = mapped_column(String(300))
    totp_is_on: Mapped[bool] = mapped_column(default=False)
    totp_last_step: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)  # of what an administrator may change


class GrantRow(Base):
    """One role of one user on one unit's subtree."""

    __tablename__ = "user_grant"
    __table_args__ = (UniqueConstraint("user_id", "role", "unit_path"),)

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    role: Mapped[Role] = mapped_column(enum_column(Role, "role"))
    unit_path: Mapped[str] = mapped_column(String(255))


class SessionRow(Base):
    """One signed-in browser. Only the token's hash is stored."""

    __tablename__ = "user_session"
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"))

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    remote: Mapped[str] = mapped_column(String(60))
    agent: Mapped[str] = mapped_column(String(200))


async def user_by_login(uow: UnitOfWork, login: str, *, lock: bool = False) -> UserRow | None:
    """The user called `login`, whatever its case; `lock`: until the end of the transaction."""
    query = select(UserRow).where(UserRow.login == login.lower())
    if lock:
        query = query.with_for_update()
    return await uow.session.scalar(query)


async def user_by_id(uow: UnitOfWork, user_id: str, *, lock: bool = False) -> UserRow | None:
    """The user, locked until the end of the transaction if asked."""
    return await uow.session.get(UserRow, user_id, with_for_update=True if lock else None)


async def users(uow: UnitOfWork, query: str, offset: int, limit: int) -> tuple[list[UserRow], int]:
    """A page of the users whose login or name contains `query`, and how many there are."""
    statement = select(UserRow)
    if query:
        statement = statement.where(
            UserRow.login.contains(query.lower(), autoescape=True)
            | UserRow.name.contains(query, autoescape=True)
        )
    count = await uow.session.scalar(select(func.count()).select_from(statement.subquery()))
    rows = await uow.session.scalars(statement.order_by(UserRow.login).offset(offset).limit(limit))
    return list(rows), count or 0


async def user_count(uow: UnitOfWork) -> int:
    """How many users there are."""
    return await uow.session.scalar(select(func.count()).select_from(UserRow)) or 0


async def grants_of(uow: UnitOfWork, user_ids: list[str]) -> dict[str, tuple[Grant, ...]]:
    """The grants of each of `user_ids`."""
    found: dict[str, list[Grant]] = {user_id: [] for user_id in user_ids}
    rows = await uow.session.scalars(
        select(GrantRow)
        .where(GrantRow.user_id.in_(user_ids))
        .order_by(GrantRow.unit_path, GrantRow.role)
    )
    for row in rows:
        found[row.user_id].append(Grant(row.role, row.unit_path))
    return {user_id: tuple(grants) for user_id, grants in found.items()}


async def replace_grants(uow: UnitOfWork, user_id: str, grants: tuple[Grant, ...]) -> None:
    """Give the user exactly `grants`."""
    await uow.session.execute(delete(GrantRow).where(GrantRow.user_id == user_id))
    for grant in dict.fromkeys(grants):
        uow.session.add(
            GrantRow(id=new_id(), user_id=user_id, role=grant.role, unit_path=grant.unit_path)
        )
    await uow.session.flush()


async def move_grants(uow: UnitOfWork, old_path: str, new_path: str) -> None:
    """A unit has moved: grants on it and below it follow."""
    rows = await uow.session.scalars(
        select(GrantRow).where(GrantRow.unit_path.startswith(old_path, autoescape=True))
    )
    for row in rows:
        row.unit_path = new_path + row.unit_path[len(old_path) :]


async def holders_of(uow: UnitOfWork, role: Role) -> list[str]:
    """Ids of enabled users who hold `role` anywhere."""
    rows = await uow.session.scalars(
        select(GrantRow.user_id)
        .join(UserRow, UserRow.id == GrantRow.user_id)
        .where(GrantRow.role == role, UserRow.disabled_at.is_(None))
        .distinct()
    )
    return list(rows)


async def session_by_hash(uow: UnitOfWork, token_hash: str) -> tuple[SessionRow, UserRow] | None:
    """The session with this token, and its user."""
    found = await uow.session.execute(
        select(SessionRow, UserRow)
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .where(SessionRow.token_hash == token_hash)
    )
    row = found.one_or_none()
    return (row[0], row[1]) if row is not None else None


async def touch_session(uow: UnitOfWork, session_id: str, at: datetime) -> None:
    """Note that the session was used."""
    await uow.session.execute(
        update(SessionRow).where(SessionRow.id == session_id).values(last_seen_at=at)
    )


async def end_sessions(
    uow: UnitOfWork,
    *,
    user_id: str | None = None,
    session_id: str | None = None,
    keep: str | None = None,
) -> list[str]:
    """End the named session, or all of a user's except `keep`. Returns: ids of those ended."""
    query = select(SessionRow).where(SessionRow.ended_at.is_(None))
    if session_id is not None:
        query = query.where(SessionRow.id == session_id)
    if user_id is not None:
        query = query.where(SessionRow.user_id == user_id)
    if keep is not None:
        query = query.where(SessionRow.id != keep)
    ended = list(await uow.session.scalars(query))
    for row in ended:
        row.ended_at = uow.now
    return [row.id for row in ended]


async def prune_sessions(uow: UnitOfWork, before: datetime) -> None:
    """Forget sessions that expired before `before`."""
    await uow.session.execute(delete(SessionRow).where(SessionRow.expires_at < before))
