"""Errors raised on purpose.

    AppError
    ├── InvalidInput   the caller's data is wrong; names the field          422
    ├── NotSignedIn    nobody is signed in, or the session has ended        401
    ├── NotAllowed     signed in, but not permitted; also hides existence   403
    ├── NotFound       no such object within the caller's reach             404
    ├── Conflict       the object's state does not admit this               409
    │   └── Stale      somebody wrote it since the caller read it           409
    ├── TooMany        a rate or size limit was reached                     429
    └── Unavailable    a part is missing now; the same call may work later  503

`code` is stable, goes on the wire and is listed in docs/protocol.md.
"""

from datetime import datetime
from typing import ClassVar


class AppError(Exception):
    """Base of all errors meant for the caller's eyes; `message` is a plain sentence."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None) -> None:
        """`field`: dotted path of the offending input; `code`: a finer code within the class."""
        super().__init__(message)
        self.message = message
        self.field = field
        self.wire_code = code or self.code

    def as_wire(self) -> dict[str, str | None]:
        """The `error` object of docs/protocol.md."""
        return {"code": self.wire_code, "message": self.message, "field": self.field}


class InvalidInput(AppError):
    """The input is malformed or out of range."""

    code = "invalid_input"
    http_status = 422


class NotSignedIn(AppError):
    """No session, or it has ended."""

    code = "not_signed_in"
    http_status = 401


class NotAllowed(AppError):
    """The principal's roles do not reach this action on this unit."""

    code = "not_allowed"
    http_status = 403


class NotFound(AppError):
    """No such object, or none the principal may see."""

    code = "not_found"
    http_status = 404


class Conflict(AppError):
    """The object's present state does not admit the action."""

    code = "conflict"
    http_status = 409


class Stale(Conflict):
    """Somebody has written the object since the caller read it; nothing of the caller's was kept.

    `target`: the object as the audit log names it, from where the edge adds who it was, and when.
    `action`: the entries that count, where others name the same target; `at`: when, if known.
    """

    code = "stale"

    def __init__(self, target: str, *, action: str = "", at: datetime | None = None) -> None:
        super().__init__("somebody else has changed this meanwhile")
        self.target = target
        self.action = action
        self.changed_at = at
        self.changed_by: str | None = None

    def as_wire(self) -> dict[str, str | None]:
        """The `error` object, with `changed_by` and `changed_at`."""
        at = self.changed_at.isoformat() if self.changed_at else None
        return {**super().as_wire(), "changed_by": self.changed_by, "changed_at": at}


def check_unchanged(target: str, seen: object, present: object, action: str = "") -> None:
    """`seen`: the version the caller read, or what it saw; `present`: the same as it is now.

    Call with the row locked: what is written next is written over `present`.

    Raises: Stale.
    """
    if seen != present:
        raise Stale(target, action=action)


class TooMany(AppError):
    """A limit on rate, number or size was reached."""

    code = "too_many"
    http_status = 429


class Unavailable(AppError):
    """A component is missing or failing; the same call may work later."""

    code = "unavailable"
    http_status = 503
