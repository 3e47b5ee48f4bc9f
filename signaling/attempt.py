"""Run a handler with a deadline and turn whatever happens into a value or an AppError."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog
from pydantic import ValidationError

from core.errors import AppError, InvalidInput, Unavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")


class InternalError(AppError):
    """A bug; the caller learns only where to look in the log."""

    code = "internal"
    http_status = 500


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What became of an attempt: a value, or an error meant for the caller's eyes."""

    value: T | None = None
    error: AppError | None = None


async def attempt(call: Awaitable[T], *, what: str, deadline_s: float, trace: str) -> Outcome[T]:
    """Await `call` for at most `deadline_s`; a bug is logged with `trace` and told as `internal`.

    The only `except Exception` of the edge: one caller's bug must not end the others' connections.
    """
    try:
        async with asyncio.timeout(deadline_s):
            return Outcome(value=await call)
    except TimeoutError:
        log.warning("deadline_passed", what=what, deadline_s=deadline_s, trace=trace)
        return Outcome(error=Unavailable("this took too long; try again", code="deadline"))
    except AppError as error:
        return Outcome(error=error)
    except ValidationError as error:
        return Outcome(error=invalid_input(error))
    except Exception as error:
        log.error("handler_failed", what=what, trace=trace, exc_info=error)
        return Outcome(error=InternalError(f"an internal error; the log has it under {trace}"))


def invalid_input(error: ValidationError) -> InvalidInput:
    """The first fault of `error`, named by its dotted path."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    return InvalidInput(first["msg"], field=path or None)
