"""What a handler can reach: the built parts of one server process."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.audit import Audit
from core.clock import Clock
from core.components import Component, States
from core.database import Database
from core.events import EventDispatcher
from core.timers import TimerRunner

if TYPE_CHECKING:
    from command.service import CommandService
    from conf.rooms import Rooms
    from conf.service import Meetings
    from core.auth.service import Accounts
    from core.auth.users import Users
    from directory.service import Directory
    from plans.service import Plans
    from signaling.presence import Presence
    from signaling.settings import Settings
    from signaling.sockets import Sockets
    from signaling.topics import LinkPrincipal, Topics
    from sms.service import SmsPlatform

LinkResolver = Callable[[str], Awaitable["LinkPrincipal"]]
"""The visitor a meeting link's token stands for. Raises NotAllowed, NotFound, TooMany."""


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
    users: "Users"
    topics: "Topics"
    directory: "Directory"
    plans: "Plans"
    sms: "SmsPlatform"
    meetings: "Meetings"
    rooms: "Rooms"
    command: "CommandService"
    started_at: datetime
    is_demo: bool = False
    resolve_link: LinkResolver | None = None
    components: list[Component] = field(default_factory=list)
    states: States = field(default_factory=States)
    sockets: "Sockets | None" = None
    presence: "Presence | None" = None
    extra: dict[str, Any] = field(default_factory=dict)

    def part(self, name: str) -> Any:
        """The part `name` of `extra`.

        Raises: KeyError: signaling.app has not built it.
        """
        return self.extra[name]
