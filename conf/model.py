"""The words of the conference: meeting, site, link, seat, order, and the state of a room."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conf.recording.lamp import Lamp
from core.ids import IncidentId, MeetingId, ParticipantId, UnitId


class MeetingState(enum.StrEnum):
    """A meeting's life; `open` from the first join or at once for an emergency."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    ENDED = "ended"


class SiteRole(enum.StrEnum):
    """What a participant may do; chair and staff give orders."""

    CHAIR = "chair"
    STAFF = "staff"
    SITE = "site"
    GUEST = "guest"
    CAMERA = "camera"

    @property
    def may_order(self) -> bool:
        return self in (SiteRole.CHAIR, SiteRole.STAFF)


class Device(enum.StrEnum):
    """What a participant joins from; decides the number of thumbnails."""

    PHONE = "phone"
    PC = "pc"
    WALL = "wall"


@dataclass(frozen=True)
class SiteInvite:
    """A unit invited to a meeting, under the name shown to others."""

    unit_id: UnitId
    name: str
    role: SiteRole = SiteRole.SITE


@dataclass(frozen=True)
class MeetingOrder:
    """A meeting to be stored. `key`: an equal key names the same meeting."""

    key: str
    title: str
    unit_path: str
    starts_at: datetime
    ends_at: datetime
    sites: tuple[SiteInvite, ...]
    opened_by: str
    incident_id: IncidentId | None = None
    is_drill: bool = False


@dataclass(frozen=True)
class OpenedMeeting:
    """`paths`: the path of each site's join link, `/j/<token>`, 20 characters."""

    meeting_id: MeetingId
    paths: dict[UnitId, str]


@dataclass(frozen=True)
class Link:
    """What a join token opens."""

    id: str
    meeting_id: MeetingId
    unit_id: UnitId
    site: str
    role: SiteRole


@dataclass(frozen=True)
class TrackState:
    """One track of a participant. `is_on`: the browser says it sends; `is_published`: the bridge
    receives it; `is_muted`: the chair forbids it, and the forwarder drops it."""

    is_on: bool = False
    is_published: bool = False
    is_muted: bool = False


@dataclass(frozen=True)
class LineCaps:
    """Hard ceilings of a unit's line, bits per second, set by an administrator; None: none."""

    max_up_bps: int | None = None
    max_down_bps: int | None = None


@dataclass(frozen=True)
class Seat:
    """One participant of a room: a site, a person or a camera, whether connected or not.

    `note`: why a camera shows nothing, in words; `note_code`: the same as a stable code.
    """

    participant_id: ParticipantId
    unit_id: str
    site: str
    name: str
    role: SiteRole
    joined_at: datetime
    is_connected: bool = True
    audio: TrackState = TrackState()
    camera: TrackState = TrackState()
    screen: TrackState = TrackState()
    hand_at: datetime | None = None
    has_floor: bool = False
    view: ParticipantId | None = None
    quality: str = "good"
    may_be_taken: bool = False
    note: str = ""
    note_code: str = ""
    caps: LineCaps = LineCaps()


@dataclass(frozen=True)
class Standing:
    """What the chair has ordered about one participant; one who is away finds it so.

    `muted`: its tracks that are shut; `is_heard`: its voice is open though the room is muted.
    """

    muted: tuple[str, ...] = ()
    is_heard: bool = False
    has_floor: bool = False
    view: ParticipantId | None = None


@dataclass(frozen=True)
class ChatLine:
    """One line everybody in the room reads."""

    participant_id: ParticipantId
    name: str
    text: str
    at: datetime


@dataclass(frozen=True)
class RoomView:
    """The whole state of a room. `version` counts every change the forwarder must know.

    `standing`: the orders about participants who are away.
    `poll_dwell_s`: how long each site is shown while the chair has the sites polled.
    `cameras`: the cameras among the seats, by participant; they come back after a restart.
    `is_recording`: what was ordered; `recording`: what really reaches the disk.
    """

    meeting_id: MeetingId
    title: str
    incident_id: str | None
    ends_at: datetime
    version: int = 0
    is_open: bool = True
    is_locked: bool = False
    is_lecture: bool = False
    is_muting_all: bool = False
    is_recording: bool = False
    recording: Lamp = Lamp.OFF
    broadcast: ParticipantId | None = None
    called: ParticipantId | None = None
    poll_dwell_s: int | None = None
    poll_source: ParticipantId | None = None
    speaker: ParticipantId | None = None
    seats: Mapping[ParticipantId, Seat] = field(default_factory=dict)
    removed: frozenset[ParticipantId] = frozenset()
    standing: Mapping[ParticipantId, Standing] = field(default_factory=dict)
    cameras: Mapping[ParticipantId, str] = field(default_factory=dict)


class OrderKind(enum.StrEnum):
    """What a chair may order; each is enforced in the forwarder or the room, never only asked."""

    MUTE = "mute"
    UNMUTE = "unmute"
    MUTE_ALL = "mute_all"
    UNMUTE_ALL = "unmute_all"
    BROADCAST = "broadcast"
    UNBROADCAST = "unbroadcast"
    VIEW = "view"
    CALL_ON = "call_on"
    LOCK = "lock"
    UNLOCK = "unlock"
    REMOVE = "remove"
    END = "end"
    EXTEND = "extend"
    GRANT_FLOOR = "grant_floor"
    DENY_FLOOR = "deny_floor"
    REVOKE_FLOOR = "revoke_floor"
    LECTURE = "lecture"
    POLL_START = "poll_start"
    POLL_STOP = "poll_stop"
    ALLOW_TAKEOVER = "allow_takeover"
    RECORD_START = "record_start"
    RECORD_STOP = "record_stop"
    UNLOCK_TOKEN = "unlock_token"  # noqa: S105 - the name of an order


@dataclass(frozen=True)
class Order:
    """One order. `value` by kind: mute/unmute: `audio|camera|screen` (default audio); view: the
    participant to look at, empty for none; lecture: `on|off`; extend: minutes; poll_start: dwell
    in seconds; unlock_token: the link's id."""

    kind: OrderKind
    target: ParticipantId | None = None
    value: str | None = None
