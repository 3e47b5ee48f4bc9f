"""Users and their grants, as administrators manage them.

A manager reaches a user all of whose grants, before and after, lie within the manager's own reach.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from core.audit import Actor, Audit
from core.auth import store
from core.auth.model import Grant, Permission, Principal, Role, User, is_within, reach
from core.auth.passwords import Passwords, check_strength, generate
from core.auth.service import end_sessions
from core.database import Database, UnitOfWork
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound, check_unchanged
from core.ids import PersonId, UserId, new_id
from core.settings import AuthSettings
from core.signals import SESSION_ENDED


@dataclass(frozen=True)
class NewUser:
    """What is needed to make a user. `password` None: a random one is made."""

    login: str
    name: str
    grants: tuple[Grant, ...]
    person_id: PersonId | None = None
    password: str | None = None
    must_change_password: bool = True


class Users:
    """Creates, reads, changes and disables users."""

    def __init__(
        self, database: Database, audit: Audit, settings: AuthSettings, passwords: Passwords
    ) -> None:
        self._database = database
        self._audit = audit
        self._settings = settings
        self._passwords = passwords

    async def create(self, actor: Actor, new: NewUser) -> tuple[User, str]:
        """Make a user. Returns: the user and the password to hand over.

        Raises: Conflict: the login is taken; InvalidInput: a weak password.
        """
        password = new.password if new.password is not None else generate()
        if new.password is not None:
            check_strength(password, self._settings.password_min_length, new.login)
        encoded = await self._passwords.hash(password)
        async with self._database.write() as uow:
            user = await self.add(uow, actor, new, encoded)
        return user, password

    async def add(self, uow: UnitOfWork, actor: Actor, new: NewUser, encoded: str) -> User:
        """Make a user in the caller's transaction with an already hashed password.

        Raises: Conflict.
        """
        if await store.user_by_login(uow, new.login) is not None:
            raise Conflict("this user name is taken", field="login")
        row = store.UserRow(
            id=new_id(),
            login=new.login.lower(),
            name=new.name,
            person_id=new.person_id,
            password_hash=encoded,
            must_change_password=new.must_change_password,
            totp_is_on=False,
            totp_last_step=0,
            failures=0,
            created_at=uow.now,
            version=1,
        )
        uow.session.add(row)
        await uow.session.flush()
        await store.replace_grants(uow, row.id, new.grants)
        await self._note(uow, actor, "user.create", row, {"grants": _plain(new.grants)})
        return _user(row, new.grants)

    async def count(self, uow: UnitOfWork) -> int:
        """How many users there are."""
        return await store.user_count(uow)

    async def page(
        self, uow: UnitOfWork, manager: Principal, query: str, offset: int, limit: int
    ) -> tuple[list[User], int]:
        """Users by login; only those the manager reaches are shown. Returns: (page, total)."""
        rows, count = await store.users(uow, query, offset, limit)
        grants = await store.grants_of(uow, [row.id for row in rows])
        found = [_user(row, grants[row.id]) for row in rows]
        return [user for user in found if _reaches(manager, user.grants)], count

    async def get(self, uow: UnitOfWork, manager: Principal, user_id: str) -> User:
        """One user.

        Raises: NotFound: none such; NotAllowed: out of the manager's reach.
        """
        return (await self._reached(uow, manager, user_id))[1]

    async def change(
        self,
        uow: UnitOfWork,
        manager: Principal,
        user_id: str,
        *,
        name: str | None = None,
        grants: tuple[Grant, ...] | None = None,
        is_disabled: bool | None = None,
        version: int | None = None,
    ) -> User:
        """Change what is given; a disabled user's sessions end. `version`: the one that was read.

        Raises: NotFound, NotAllowed; Conflict: one's own grants, or the last administrator; Stale.
        """
        row, user = await self._reached(uow, manager, user_id)
        if version is not None:
            check_unchanged(f"user:{user_id}", version, row.version, "user.change")
        row.version += 1
        if user_id == manager.user_id and (grants is not None or is_disabled):
            raise Conflict("another administrator must change this for you", code="own_account")
        if name is not None:
            row.name = name
        if grants is not None:
            self._check_grants(manager, grants)
            await store.replace_grants(uow, row.id, grants)
        if is_disabled is not None and is_disabled != (row.disabled_at is not None):
            row.disabled_at = uow.now if is_disabled else None
            row.failures, row.locked_until = 0, None
            await end_sessions(uow, user_id=row.id)
        await uow.session.flush()
        if not await store.holders_of(uow, Role.ADMIN):
            raise Conflict("the last administrator must stay", code="last_admin")
        uow.signal(SESSION_ENDED, None)
        detail = {"name": name, "is_disabled": is_disabled, "grants": _plain(grants)}
        await self._note(uow, manager.actor, "user.change", row, detail)
        return _user(row, grants if grants is not None else user.grants)

    async def reset_password(self, manager: Principal, user_id: str) -> str:
        """Give the user a random password to be changed at sign-in; lock and codes are lifted.

        Returns: the password to hand over. Raises: NotFound, NotAllowed.
        """
        password = generate()
        encoded = await self._passwords.hash(password)
        async with self._database.write() as uow:
            row, _ = await self._reached(uow, manager, user_id)
            row.password_hash, row.must_change_password = encoded, True
            row.failures, row.locked_until = 0, None
            row.totp_is_on, row.totp_sealed = False, None
            await end_sessions(uow, user_id=row.id)
            await self._note(uow, manager.actor, "user.reset_password", row, {})
        return password

    async def password_fits(self, uow: UnitOfWork, login: str, password: str) -> bool:
        """Whether `login` exists, may sign in now, and has this password and no one-time code."""
        row = await store.user_by_login(uow, login)
        if row is None or row.disabled_at is not None or row.totp_is_on:
            return False
        return await self._passwords.verify(row.password_hash, password)

    async def give_password(self, uow: UnitOfWork, actor: Actor, login: str, encoded: str) -> None:
        """Give a user an already hashed password; lock, codes and sessions end (demo logins).

        Raises: NotFound.
        """
        row = await store.user_by_login(uow, login, lock=True)
        if row is None:
            raise NotFound("no such user")
        row.password_hash, row.must_change_password = encoded, False
        row.failures, row.locked_until, row.disabled_at = 0, None, None
        row.totp_is_on, row.totp_sealed = False, None
        await end_sessions(uow, user_id=row.id)
        await self._note(uow, actor, "user.reset_password", row, {})

    async def follow_move(self, uow: UnitOfWork, old_path: str, new_path: str) -> None:
        """A unit has moved: grants on it and below it follow."""
        await store.move_grants(uow, old_path, new_path)
        uow.signal(SESSION_ENDED, None)

    async def _reached(
        self, uow: UnitOfWork, manager: Principal, user_id: str
    ) -> tuple[store.UserRow, User]:
        row = await store.user_by_id(uow, user_id, lock=uow.writes)
        if row is None:
            raise NotFound("no such user")
        user = _user(row, (await store.grants_of(uow, [user_id]))[user_id])
        if not _reaches(manager, user.grants):
            raise NotAllowed("this user is outside your units")
        return row, user

    def _check_grants(self, manager: Principal, grants: tuple[Grant, ...]) -> None:
        if not _reaches(manager, grants):
            raise NotAllowed("a grant lies outside your units")

    def check_new(self, manager: Principal, new: NewUser) -> None:
        """May `manager` make this user?

        Raises: NotAllowed, InvalidInput.
        """
        if not new.grants:
            raise InvalidInput("give the user at least one role", field="grants")
        self._check_grants(manager, new.grants)

    async def _note(
        self,
        uow: UnitOfWork,
        actor: Actor,
        action: str,
        row: store.UserRow,
        detail: Mapping[str, object],
    ) -> None:
        told = {key: value for key, value in detail.items() if value is not None}
        await self._audit.append(
            uow, actor=actor, action=action, target=f"user:{row.id}", detail=told
        )


def _reaches(manager: Principal, grants: tuple[Grant, ...]) -> bool:
    scopes = reach(manager, Permission.USER_MANAGE)
    return bool(scopes) and all(is_within(grant.unit_path, scopes) for grant in grants)


def _plain(grants: tuple[Grant, ...] | None) -> list[str] | None:
    return None if grants is None else [f"{grant.role.value}@{grant.unit_path}" for grant in grants]


def _user(row: store.UserRow, grants: tuple[Grant, ...]) -> User:
    return User(
        id=UserId(row.id),
        login=row.login,
        name=row.name,
        person_id=PersonId(row.person_id) if row.person_id else None,
        grants=grants,
        must_change_password=row.must_change_password,
        has_totp=row.totp_is_on,
        locked_until=row.locked_until,
        disabled_at=row.disabled_at,
        last_sign_in_at=row.last_sign_in_at,
        created_at=row.created_at,
        version=row.version,
    )
