"""Settings of the bridge and of meetings; one nested section each of the root `Settings`."""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

RELAY = re.compile(r"turns?:(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?(\?transport=(udp|tcp))?")
Port = Annotated[int, Field(ge=0, le=65535)]


class TurnSettings(BaseModel):
    """A coturn server clients may relay through; credentials are of its REST form, time-limited."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    urls: tuple[str, ...] = Field(
        default=(),
        description="turn: and turns: addresses handed to clients; empty means no relay.",
    )
    secret: SecretStr = Field(
        default=SecretStr(""),
        description="Shared secret of coturn's `use-auth-secret`; needed when urls are given.",
    )
    lifetime_s: int = Field(
        default=12 * 3600,
        ge=300,
        le=7 * 86400,
        description="Seconds a handed-out credential stays valid.",
    )

    @field_validator("urls")
    @classmethod
    def _relays(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if any(not RELAY.fullmatch(url) for url in urls):
            raise ValueError("addresses are turn:HOST:PORT or turns:HOST:PORT (RFC 7065)")
        return urls

    @model_validator(mode="after")
    def _is_usable(self) -> "TurnSettings":
        if self.urls and not self.secret.get_secret_value():
            raise ValueError("a relay needs `secret`, coturn's static-auth-secret")
        return self


class MediaSettings(BaseModel):
    """The media workers: worker i listens on UDP and TCP `port + i`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: Port = Field(default=7000, description="UDP and TCP port of worker 0; 0: any free one.")
    workers: int = Field(default=1, ge=1, le=64, description="Media worker processes, one a core.")
    listen: str = Field(
        default="::",
        description="Address the media ports bind to; :: serves IPv6 and IPv4, 0.0.0.0 IPv4 only.",
    )
    addresses: tuple[IPv4Address | IPv6Address, ...] = Field(
        default=(),
        description="Addresses told to clients (1:1 NAT); empty means those of this machine.",
    )
    is_tcp_enabled: bool = Field(
        default=True, description="Also accept media over TCP (ICE-TCP passive, RFC 6544)."
    )
    has_huge_pages: bool = Field(
        default=True,
        description="Keep the workers' memory on huge pages: a fifth less CPU, some more memory.",
    )
    silence_timeout_s: float = Field(
        default=7.0,
        ge=3.0,
        le=60.0,
        description="Seconds without any authenticated packet after which a participant is lost.",
    )
    max_down_bps: int = Field(
        default=6_000_000,
        ge=64_000,
        le=100_000_000,
        description="Ceiling of what one participant is sent, bits per second.",
    )
    start_down_bps: int = Field(
        default=500_000,
        ge=64_000,
        le=100_000_000,
        description="What a new participant's line is taken for until measured, bits per second.",
    )
    max_up_bps: int = Field(
        default=4_000_000,
        ge=64_000,
        le=100_000_000,
        description="Ceiling of what one participant may send, bits per second.",
    )
    max_screen_bps: int = Field(
        default=2_500_000,
        ge=64_000,
        le=100_000_000,
        description="Ceiling of a shared screen alone, within max_up_bps, bits per second.",
    )
    drain_s: float = Field(
        default=0.0,
        ge=0.0,
        le=86400.0,
        description="Seconds a server told to stop lets meetings go on; it opens no new room then.",
    )
    turn: TurnSettings = Field(default_factory=TurnSettings, description="Relay for clients.")


class RecordingSettings(BaseModel):
    """Recordings of meetings, under data.dir/recordings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_mib: int = Field(
        default=100_000,
        ge=1,
        le=100_000_000,
        description="All recordings together (MiB); when reached, recording stops and says so.",
    )
    min_free_mib: int = Field(
        default=1000,
        ge=0,
        le=10_000_000,
        description="Free disk a recording leaves to the rest of the server (MiB).",
    )
    keep_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="Days after which an ended recording is deleted.",
    )
    segment_s: float = Field(
        default=600.0,
        ge=5.0,
        le=7200.0,
        description="A track's file is ended, and a new one begun, after so many seconds.",
    )
