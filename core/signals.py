"""Wake-ups inside one process: hints that something was committed, never the only copy."""

from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

EVENT_RECORDED = "event.recorded"
TIMER_SCHEDULED = "timer.scheduled"
CHANGE_PUBLISHED = "change.published"
SESSION_ENDED = "session.ended"
"""Value: the session id; None: grants or passwords changed, forget what is cached."""


class Signals:
    """Named signals with plain synchronous listeners, which set an asyncio.Event or queue."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[object], None]]] = {}

    def listen(self, name: str, listener: Callable[[object], None]) -> Callable[[], None]:
        """Call `listener(value)` at each `emit(name, value)`. Returns: a call that ends it."""
        listeners = self._listeners.setdefault(name, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener) if listener in listeners else None

    def emit(self, name: str, value: object = None) -> None:
        """Tell every listener of `name`."""
        for listener in tuple(self._listeners.get(name, ())):
            listener(value)
