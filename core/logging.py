"""Structured logs on standard error: one event name and key=value, JSON unless at a terminal.

INFO is what an operator would write in the duty log. Secrets are never logged; texts and full phone
numbers only at DEBUG: the processors here mask keys that carry them, whoever logs them.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from core.settings import LogSettings

SECRET_KEYS = frozenset(
    {"password", "token", "secret", "pin", "cookie", "csrf", "authorization", "totp", "code"}
)
PRIVATE_KEYS = frozenset({"text", "number", "phone", "msisdn", "body"})
_NUMBER = re.compile(r"(?<!\w)(\+?\d{3})\d{4,9}(\d{4})(?!\w)")
_QUOTED = re.compile(r"^.*(?:DETAIL: |\[parameters: ).*\n?", re.MULTILINE)
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}

EventDict = MutableMapping[str, Any]


def mask_number(number: str) -> str:
    """`+8610055500012` → `+86…0012`: enough to recognise, too little to call."""
    return f"{number[:3]}…{number[-4:]}" if len(number) > 7 else "…"


def hide_private(_logger: object, method: str, event: EventDict) -> EventDict:
    """Mask secrets at every level; texts and numbers above DEBUG."""
    for key, value in event.items():
        if key in SECRET_KEYS:
            event[key] = "***"
        elif method != "debug" and isinstance(value, str):
            if key in PRIVATE_KEYS:
                event[key] = mask_number(value) if key != "text" and key != "body" else "…"
            elif key != "event":
                event[key] = _NUMBER.sub(r"\1…\2", value)
    return event


def hide_in_traceback(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Take out of a traceback what a database quotes of its rows, and mask numbers."""
    told = event.get("exception")
    if isinstance(told, str):
        event["exception"] = _NUMBER.sub(r"\1…\2", _QUOTED.sub("", told))
    return event


def set_up(settings: LogSettings, *, stream: TextIO | None = None) -> None:
    """Configure structlog and route the standard library's logs through it. Call once."""
    out = stream if stream is not None else sys.stderr
    as_json = settings.format == "json" or (settings.format == "auto" and not out.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_private,
    ]
    renderer: list[Any] = [
        structlog.processors.format_exc_info,
        hide_in_traceback,
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=out.isatty()),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[settings.level])
    for chatty in ("aiohttp.access", "socketio", "engineio", "aiosqlite", "asyncio", "alembic"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, _LEVELS[settings.level]))
