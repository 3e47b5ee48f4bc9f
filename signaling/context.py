"""What a handler can reach: the built parts of one server process."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.audit import Audit
from core.clock import Clock
from core.database import Database
from core.events import EventDispatcher
from core.timers import TimerRunner

if TYPE_CHECKING:
    from core.auth.service import Accounts

    from signaling.settings import Settings
    from signaling.topics import Topics


@dataclass
class AppContext:
    """Everything one process is made of; built once by signaling.app, then only read.

    `extra`: parts by name that only their own area's routes use (the directory's importer,
    the demo's control handles); read them with `part`.
    """

    settings: "Settings"
    clock: Clock
    database: Database
    audit: Audit
    events: EventDispatcher
    timers: TimerRunner
    auth: "Accounts"
    topics: "Topics"
    started_at: datetime
    is_demo: bool = False
    directory: Any = None
    sms: Any = None
    meetings: Any = None
    rooms: Any = None
    plans: Any = None
    command: Any = None
    extra: dict[str, Any] = field(default_factory=dict)

    def part(self, name: str) -> Any:
        """The part `name` of `extra`.

        Raises: KeyError: signaling.app has not built it.
        """
        return self.extra[name]
