"""What the server and a media worker tell each other, as frozen data.

The server states what shall be (`RoomState`, always whole); the worker states what is (events).
Every class here goes over the control socket by `conf.media.control`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class SlotKind(StrEnum):
    """What a section of the browser's fixed pool shows."""

    AUDIO = "audio"
    MAIN = "main"
    SHARE = "share"
    THUMBNAIL = "thumbnail"


class SourceKind(StrEnum):
    """The three tracks a participant may publish."""

    AUDIO = "audio"
    CAMERA = "camera"
    SCREEN = "screen"


class Quality(StrEnum):
    """How a participant's link does, for the chair's list."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    LOST = "lost"


class Darkness(StrEnum):
    """Why a filled slot shows no picture."""

    NO_COMMON_CODEC = "no_common_codec"
    WAITING_KEY_FRAME = "waiting_key_frame"
    LINE_TOO_WEAK = "line_too_weak"


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of one participant: what fills it now; all None when it is empty.

    `reason`: why it shows nothing all the same.
    """

    mid: str
    kind: SlotKind
    participant_id: str | None = None
    source: SourceKind | None = None
    reason: Darkness | None = None


@dataclass(frozen=True, slots=True)
class JoinAnswer:
    """The reply to a join or a restart. `slots`: in the order of the sections, all empty."""

    answer_sdp: str
    slots: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True)
class ParticipantState:
    """What one participant may do. `view`: whose camera its main slot shows when not broadcast.

    `sees_all`: lecture mode does not narrow what it is shown (chair, staff, wall).
    `max_up_bps`, `max_down_bps`: its line's hard ceilings, where an administrator set them.
    """

    may_audio: bool = True
    may_camera: bool = True
    may_screen: bool = True
    view: str | None = None
    sees_all: bool = False
    max_up_bps: int | None = None
    max_down_bps: int | None = None


@dataclass(frozen=True, slots=True)
class RoomState:
    """The whole desired state of a room; a higher `version` replaces a lower one.

    Only participants named here send or receive a single packet: leaving one out removes it.
    `broadcast`: its camera fills everyone's main slot. `poll_source`: likewise, for those without a
    view of their own. `lecturer`: lecture mode; who has not `sees_all` sees only this one, and
    nobody while it is empty: the lecturer is away.
    `is_recorded`: what may be forwarded also goes to the recorder (conf.media.tap).
    """

    version: int
    participants: Mapping[str, ParticipantState] = field(default_factory=dict)
    broadcast: str | None = None
    poll_source: str | None = None
    lecturer: str | None = None
    is_recorded: bool = False


@dataclass(frozen=True, slots=True)
class ParticipantConnected:
    """DTLS is up: media can flow. Told again after an ICE restart of a lost participant."""

    room_id: str
    participant_id: str


@dataclass(frozen=True, slots=True)
class ParticipantLost:
    """Nothing authenticated came for `media.silence_timeout_s`, or the browser closed.

    The seat stays in the worker (a restart revives it) until the server says `leave`.
    `reason`: "silence" | "closed" | "handshake".
    """

    room_id: str
    participant_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SpeakerChanged:
    """Who is speaking, by RTP audio level; None when nobody has for a while."""

    room_id: str
    participant_id: str | None


@dataclass(frozen=True, slots=True)
class PublishingChanged:
    """Which of its tracks the worker receives packets of, allowed or not."""

    room_id: str
    participant_id: str
    audio: bool
    camera: bool
    screen: bool


@dataclass(frozen=True, slots=True)
class SlotMapChanged:
    """The whole slot map of one participant; `revision` counts up from 1."""

    room_id: str
    participant_id: str
    revision: int
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class LayersWanted:
    """Which layers of a source its page is to send from now on; the others nobody uses."""

    room_id: str
    participant_id: str
    source: SourceKind
    rids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QualityChanged:
    """The link of one participant got better or worse."""

    room_id: str
    participant_id: str
    quality: Quality


@dataclass(frozen=True, slots=True)
class SlotFigures:
    """One filled slot. `layer`: 0 smallest, -1 none; `loss`: 0..1 as the browser reports it."""

    mid: str
    kind: SlotKind
    participant_id: str
    source: SourceKind
    layer: int
    bps: float
    loss: float
    jitter_s: float
    repaired_total: int


@dataclass(frozen=True, slots=True)
class StatsReport:
    """Numbers of the whole worker and of each participant, every two seconds.

    Names end in their unit; those ending in `_total` only grow (until the worker restarts).
    `slots`: of every third participant, in turns, so that a report stays small.
    """

    worker: Mapping[str, float]
    participants: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    slots: Mapping[str, tuple[SlotFigures, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerRestarted:
    """The worker process died and is back with rooms and states; every participant must rejoin."""

    index: int
    restarts: int


WorkerEvent = (
    ParticipantConnected
    | ParticipantLost
    | SpeakerChanged
    | PublishingChanged
    | SlotMapChanged
    | LayersWanted
    | QualityChanged
    | StatsReport
    | WorkerRestarted
)
