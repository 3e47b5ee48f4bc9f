"""Passwords: Argon2id (RFC 9106) in threads, never more at once than there are processors."""

import asyncio
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from core.errors import InvalidInput, Unavailable

WAITING_MAX = 64
_LONGEST = 200
_EASY = frozenset(
    {"password", "12345678", "123456789", "1234567890", "qwertyuiop", "admin12345", "11111111"}
)
R = TypeVar("R")
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Passwords:
    """Hashes and verifies off the event loop.

    One hash takes 64 MiB and about 0.1 s; the semaphore keeps a rush of sign-ins from starving the
    loop's process of memory and processors.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
        workers = os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="argon2")
        self._slots = asyncio.Semaphore(workers)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The encoded hash of `password`."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether `password` fits; with `encoded` None, takes as long and says no."""
        if encoded is None:
            await self._run(self._hasher.hash, password)  # what a comparison costs is the hash
            return False
        return await self._run(self._fits, encoded, password)

    def needs_rehash(self, encoded: str) -> bool:
        """Whether `encoded` was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def close(self) -> None:
        """End the threads; idempotent."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fits(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, call: Callable[..., R], *arguments: str) -> R:
        if self._waiting >= WAITING_MAX:
            raise Unavailable("too many people are signing in; try again in a moment")
        self._waiting += 1
        try:
            async with self._slots:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._pool, call, *arguments)
        finally:
            self._waiting -= 1


def check_strength(password: str, min_length: int, login: str) -> None:
    """Length counts, not a mixture of signs (NIST SP 800-63B §3.1.1.2).

    Raises: InvalidInput.
    """
    if len(password) < min_length:
        raise InvalidInput(f"at least {min_length} characters", field="password")
    if len(password) > _LONGEST:
        raise InvalidInput(f"at most {_LONGEST} characters", field="password")
    lowered = password.lower()
    if lowered in _EASY or login.lower() in lowered or len(set(password)) < 4:
        raise InvalidInput("too easy to guess", field="password")


def generate(length: int = 12) -> str:
    """A random password without look-alike characters (about 59 bits at 12)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
