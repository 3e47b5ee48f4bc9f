"""Sign-in and sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from core.audit import Actor, Audit
from core.auth import store, totp
from core.auth.lockout import lock_for
from core.auth.model import Principal, Session, SignedIn
from core.auth.passwords import Passwords, check_strength
from core.auth.tokens import Tokens
from core.clock import Clock
from core.database import Database, UnitOfWork
from core.errors import AppError, InvalidInput, NotSignedIn, TooMany
from core.ids import PersonId, UserId, new_id
from core.settings import AuthSettings
from core.signals import SESSION_ENDED

log = structlog.get_logger(__name__)

CACHED_S = 5.0
"""A revoked session or grant works at most this long on another node; at once on this one."""
TOUCH_EVERY_S = 60.0


@dataclass(frozen=True)
class Visit:
    """Where a sign-in comes from, for the session list and the log."""

    remote: str
    agent: str


@dataclass
class _Cached:
    session: Session
    until: float
    touched_at: float


class Accounts:
    """Who is this, and since when. Owner of a cache of sessions; the truth is in the database."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: Audit,
        settings: AuthSettings,
        tokens: Tokens,
        passwords: Passwords | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._settings = settings
        self.tokens = tokens
        self.passwords = passwords or Passwords()
        self._cache: dict[str, _Cached] = {}
        database.signals.listen(SESSION_ENDED, self._forget)

    async def sign_in(self, login: str, password: str, code: str | None, visit: Visit) -> SignedIn:
        """Check password (and one-time code where the user has one) and begin a session.

        Raises: NotSignedIn(wrong_credentials | totp_needed); TooMany(locked): even if right.
        """
        async with self._database.read() as uow:
            user = await store.user_by_login(uow, login)
            known = user if user is not None and user.disabled_at is None else None
            encoded = known.password_hash if known else None
            if known and _is_locked(known, uow.now):
                raise _locked()
        fits = await self.passwords.verify(encoded, password)
        if known is None:
            log.info("sign_in_refused", remote=visit.remote)
            raise _wrong()
        rehashed = None
        if fits and self.passwords.needs_rehash(known.password_hash):
            rehashed = await self.passwords.hash(password)
        async with self._database.write() as uow:
            result = await self._settle(uow, known.id, visit, fits=fits, code=code)
            if rehashed and not isinstance(result, AppError):
                row = await store.user_by_id(uow, known.id)
                assert row is not None
                row.password_hash = rehashed
        if isinstance(result, AppError):
            raise result
        return result

    async def _settle(
        self, uow: UnitOfWork, user_id: str, visit: Visit, *, fits: bool, code: str | None
    ) -> SignedIn | AppError:
        """Count a failure or begin the session; errors are returned so that the count commits."""
        user = await store.user_by_id(uow, user_id, lock=True)
        if user is None:
            return _wrong()
        if _is_locked(user, uow.now):
            return _locked()  # guesses sent side by side all fail once one of them has locked
        if fits and user.totp_is_on:
            if not code:
                return NotSignedIn("enter the one-time code", field="totp", code="totp_needed")
            fits = self._accept_code(user, code, uow.now)
        if not fits:
            return await self._count_failure(uow, user, visit)
        user.failures, user.locked_until, user.last_sign_in_at = 0, None, uow.now
        return await self._begin(uow, user, visit)

    def _accept_code(self, user: store.UserRow, code: str, now: datetime) -> bool:
        secret = self.tokens.unseal(user.totp_sealed or "")
        if secret is None:
            return False
        step = totp.matching_step(secret, code.strip(), now, user.totp_last_step)
        if step is None:
            return False
        user.totp_last_step = step
        return True

    async def _count_failure(self, uow: UnitOfWork, user: store.UserRow, visit: Visit) -> AppError:
        user.failures += 1
        lock = lock_for(
            user.failures, self._settings.lock_after_failures, self._settings.lock_first_s
        )
        if lock is None:
            return _wrong()
        user.locked_until = uow.now + lock
        await self._audit.append(
            uow,
            actor=Actor(user.id, user.name),
            action="user.lock",
            target=f"user:{user.id}",
            detail={"failures": user.failures, "lock_s": lock.seconds, "remote": visit.remote},
        )
        return _wrong()

    async def _begin(self, uow: UnitOfWork, user: store.UserRow, visit: Visit) -> SignedIn:
        cookie, token_hash = self.tokens.new_session()
        row = store.SessionRow(
            id=new_id(),
            user_id=user.id,
            token_hash=token_hash,
            created_at=uow.now,
            last_seen_at=uow.now,
            expires_at=uow.now + timedelta(hours=self._settings.session_hours),
            remote=visit.remote[:60],
            agent=visit.agent[:200],
        )
        uow.session.add(row)
        await self._audit.append(
            uow,
            actor=Actor(user.id, user.name),
            action="session.begin",
            target=f"user:{user.id}",
            detail={"remote": visit.remote},
        )
        return SignedIn(await _session(uow, row, user), cookie)

    async def resolve(self, cookie: str, *, touch: bool = True) -> Session:
        """The session `cookie` names; using it keeps it alive, a mere look (`touch` False) not.

        Raises: NotSignedIn: unknown, ended, idle or expired session, or a disabled user.
        """
        token_hash = self.tokens.session_hash(cookie)
        cached = self._cache.get(token_hash)
        now = self._clock.monotonic()
        is_touch_due = touch and (cached is None or now - cached.touched_at >= TOUCH_EVERY_S)
        if cached is not None and cached.until > now and not is_touch_due:
            return cached.session
        async with self._database.read() as uow:
            found = await store.session_by_hash(uow, token_hash)
            if found is None:
                raise NotSignedIn("the session has ended")
            row, user = found
            self._check_alive(row, user, uow.now)
            session = await _session(uow, row, user)
        touched_at = cached.touched_at if cached else float("-inf")
        if is_touch_due:
            async with self._database.write() as uow:
                await store.touch_session(uow, session.id, uow.now)
            touched_at = now
        self._remember(token_hash, _Cached(session, now + CACHED_S, touched_at))
        return session

    def _check_alive(self, row: store.SessionRow, user: store.UserRow, now: datetime) -> None:
        idle = timedelta(minutes=self._settings.idle_minutes)
        if row.ended_at is not None or user.disabled_at is not None or now >= row.expires_at:
            raise NotSignedIn("the session has ended")
        if now - row.last_seen_at > idle:
            raise NotSignedIn("signed out after a time without use")

    def _remember(self, token_hash: str, entry: _Cached) -> None:
        if len(self._cache) > 10_000:
            self._cache.clear()
        self._cache[token_hash] = entry

    def _forget(self, session_id: object) -> None:
        for token_hash, cached in tuple(self._cache.items()):
            if session_id is None or cached.session.id == session_id:
                del self._cache[token_hash]

    async def sign_out(self, session: Session) -> None:
        """End the session; its connections close."""
        async with self._database.write() as uow:
            await end_sessions(uow, session_id=session.id)
            await self._audit.append(
                uow,
                actor=session.principal.actor,
                action="session.end",
                target=f"user:{session.principal.user_id}",
            )

    async def change_password(self, session: Session, old: str, new: str) -> None:
        """Set a new password; the user's other sessions end.

        Raises: InvalidInput: the old one is wrong, or the new one too weak or the same.
        """
        check_strength(new, self._settings.password_min_length, session.login)
        if old == new:
            raise InvalidInput("choose another password than the present one", field="password")
        async with self._database.read() as uow:
            user = await store.user_by_id(uow, session.principal.user_id)
        if user is None or not await self.passwords.verify(user.password_hash, old):
            raise InvalidInput("the present password is wrong", field="current_password")
        encoded = await self.passwords.hash(new)
        async with self._database.write() as uow:
            user = await store.user_by_id(uow, session.principal.user_id, lock=True)
            assert user is not None
            user.password_hash, user.must_change_password = encoded, False
            await end_sessions(uow, user_id=user.id, keep=session.id)
            uow.signal(SESSION_ENDED, None)
            await self._audit.append(
                uow,
                actor=session.principal.actor,
                action="user.change_password",
                target=f"user:{user.id}",
            )

    async def offer_totp(self, session: Session) -> tuple[str, str]:
        """A new one-time-code secret, off until confirmed. Returns: (secret, otpauth address)."""
        secret = totp.new_secret()
        async with self._database.write() as uow:
            user = await store.user_by_id(uow, session.principal.user_id, lock=True)
            assert user is not None
            if user.totp_is_on:
                raise InvalidInput("one-time codes are on; switch them off first", field="totp")
            user.totp_sealed = self.tokens.seal(secret)
        return secret, totp.address(secret, session.login)

    async def confirm_totp(self, session: Session, code: str) -> None:
        """Switch one-time codes on, proven by a first code.

        Raises: InvalidInput: the code does not fit the secret offered last.
        """
        async with self._database.write() as uow:
            user = await store.user_by_id(uow, session.principal.user_id, lock=True)
            assert user is not None
            if not self._accept_code(user, code, uow.now):
                raise InvalidInput("the code does not fit; check the phone's clock", field="totp")
            user.totp_is_on = True
            await self._note_totp(uow, session, is_on=True)

    async def drop_totp(self, session: Session, password: str) -> None:
        """Switch one-time codes off; needs the password.

        Raises: InvalidInput: wrong password.
        """
        async with self._database.read() as uow:
            user = await store.user_by_id(uow, session.principal.user_id)
        if user is None or not await self.passwords.verify(user.password_hash, password):
            raise InvalidInput("the password is wrong", field="password")
        async with self._database.write() as uow:
            user = await store.user_by_id(uow, session.principal.user_id, lock=True)
            assert user is not None
            user.totp_is_on, user.totp_sealed = False, None
            await self._note_totp(uow, session, is_on=False)

    async def _note_totp(self, uow: UnitOfWork, session: Session, *, is_on: bool) -> None:
        await self._audit.append(
            uow,
            actor=session.principal.actor,
            action="user.totp_on" if is_on else "user.totp_off",
            target=f"user:{session.principal.user_id}",
        )

    async def prune(self) -> None:
        """Forget sessions that expired a month ago."""
        async with self._database.write() as uow:
            await store.prune_sessions(uow, uow.now - timedelta(days=30))


async def end_sessions(
    uow: UnitOfWork,
    *,
    user_id: str | None = None,
    session_id: str | None = None,
    keep: str | None = None,
) -> None:
    """End sessions; after commit their cached form and their connections go too."""
    ended = await store.end_sessions(uow, user_id=user_id, session_id=session_id, keep=keep)
    for ended_id in ended:
        uow.signal(SESSION_ENDED, ended_id)


async def _session(uow: UnitOfWork, row: store.SessionRow, user: store.UserRow) -> Session:
    grants = (await store.grants_of(uow, [user.id]))[user.id]
    person_id = PersonId(user.person_id) if user.person_id else None
    principal = Principal(UserId(user.id), user.name, person_id, grants)
    return Session(row.id, principal, user.must_change_password, user.login)


def _is_locked(user: store.UserRow, now: datetime) -> bool:
    return user.locked_until is not None and now < user.locked_until


def _wrong() -> NotSignedIn:
    return NotSignedIn("user name or password is wrong", code="wrong_credentials")


def _locked() -> TooMany:
    return TooMany("too many wrong passwords; the account is locked for a while", code="locked")
