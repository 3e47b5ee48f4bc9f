"""Every Socket.IO message a client may send, by area; described in docs/protocol.md.

Additive changes only within protocol version 1. The server ignores nothing: an unknown key is an
error that names it. Areas append their models under a heading of their own.
"""

from typing import Annotated

from pydantic import Field

from signaling.api import ApiModel

PROTOCOL_VERSION = 1
MAX_MESSAGE_BYTES = 256 * 1024
"""A full WebRTC offer with all slots is about 105 kB."""

TopicName = Annotated[str, Field(pattern=r"^[a-z_]{1,30}(:[A-Za-z0-9_-]{1,40})?$")]

# --- topics ---


class TopicSubscribe(ApiModel):
    """`epoch` and `seq`: what the client has; the answer is then, if possible, only changes."""

    topic: TopicName
    epoch: str | None = Field(None, max_length=40)
    seq: int | None = Field(None, ge=0)


class TopicUnsubscribe(ApiModel):
    """No more changes of this topic."""

    topic: TopicName
