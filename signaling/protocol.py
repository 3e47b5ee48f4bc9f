"""Every Socket.IO message a client may send, by area; described in docs/protocol.md.

Additive changes only within protocol version 1. The server ignores nothing: an unknown key is an
error that names it. Areas append their models under a heading of their own.
"""

from typing import Annotated, Literal

from pydantic import Field

from signaling.api import ApiModel

PROTOCOL_VERSION = 1
MAX_MESSAGE_BYTES = 256 * 1024
"""A full WebRTC offer with all slots is about 105 kB."""

TopicName = Annotated[str, Field(pattern=r"^[a-z_]{1,30}(:[A-Za-z0-9_-]{1,40})?$")]


class Handshake(ApiModel):
    """The `auth` object of the connection. `join`: a meeting link's token instead of a session."""

    protocol: Literal[1]
    join: str | None = Field(None, min_length=10, max_length=64)


# --- topics ---


class TopicSubscribe(ApiModel):
    """`epoch` and `seq`: what the client has; the answer is then, if possible, only changes."""

    topic: TopicName
    epoch: str | None = Field(None, max_length=40)
    seq: int | None = Field(None, ge=0)


class TopicUnsubscribe(ApiModel):
    """No more changes of this topic."""

    topic: TopicName


# --- rooms ---

Offer = Annotated[str, Field(min_length=100, max_length=250_000)]
ParticipantKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,26}$")]


class RoomJoin(ApiModel):
    """`meeting_id`: for users; a link's meeting is its own. `resume`: the secret of an own seat."""

    offer: Offer
    device: Literal["phone", "pc", "wall"] = "pc"
    meeting_id: ParticipantKey | None = None
    name: str | None = Field(None, max_length=40)
    pin: str | None = Field(None, pattern=r"^\d{6}$")
    resume: str | None = Field(None, max_length=64)


class RoomSlot(ApiModel):
    """What fills one down slot; `participant_id` None: nothing."""

    mid: str
    kind: Literal["audio", "main", "share", "thumbnail"]
    participant_id: str | None
    source: Literal["audio", "camera", "screen"] | None
    reason: Literal["no_common_codec", "waiting_key_frame", "line_too_weak"] | None = None


class IceServer(ApiModel):
    """As RTCIceServer."""

    urls: tuple[str, ...]
    username: str
    credential: str


class RoomJoined(ApiModel):
    """`snapshot`: the room at (`epoch`, `seq`); changes follow on `topic`."""

    participant_id: str
    resume: str
    answer: str
    slots: tuple[RoomSlot, ...]
    ice_servers: tuple[IceServer, ...]
    topic: str
    epoch: str
    seq: int
    snapshot: dict[str, object]


class RoomRestart(ApiModel):
    """An ICE restart: the one re-offer there is."""

    offer: Offer


class RoomRestarted(ApiModel):
    """The answer to an ICE restart."""

    answer: str


class RoomPublish(ApiModel):
    """Which of its tracks the page sends now."""

    audio: bool
    camera: bool
    screen: bool = False


class RoomOrder(ApiModel):
    """A chair's order; `value` by kind, see docs/protocol.md."""

    order: Literal[
        "mute", "unmute", "mute_all", "unmute_all", "broadcast", "unbroadcast", "view", "call_on",
        "lock", "unlock", "remove", "end", "extend", "grant_floor", "deny_floor", "revoke_floor",
        "lecture", "poll_start", "poll_stop", "allow_takeover", "unlock_token",
        "record_start", "record_stop",
    ]  # fmt: skip
    target: ParticipantKey | None = None
    value: str | None = Field(None, max_length=60)


class RoomFloor(ApiModel):
    """Ask for the floor, take the request back, or give the floor back."""

    action: Literal["request", "withdraw", "release"]


class RoomChat(ApiModel):
    """One line for everybody in the room."""

    text: str = Field(min_length=1, max_length=500)


class RoomStats(ApiModel):
    """What the page measures, every five seconds; shown beside the server's figures."""

    rtt_ms: float | None = Field(None, ge=0, le=60_000)
    freezes: int = Field(0, ge=0, le=1_000_000)
    frames_decoded: int = Field(0, ge=0)
    concealed_ratio: float | None = Field(None, ge=0, le=1)
