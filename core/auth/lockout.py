"""How long an account stays locked after wrong passwords. Pure."""

from datetime import timedelta

LONGEST_LOCK = timedelta(hours=1)
"""A stranger who keeps guessing must not lock the duty officer out for the night."""


def lock_for(failures: int, lock_after: int, first_lock_s: int) -> timedelta | None:
    """The lock after the `failures`-th wrong password in a row; None: not locked yet.

    `first_lock_s` at the `lock_after`-th failure, doubled by each further one, at most an hour.
    """
    beyond = failures - lock_after
    if beyond < 0:
        return None
    return min(timedelta(seconds=first_lock_s * 2 ** min(beyond, 20)), LONGEST_LOCK)
