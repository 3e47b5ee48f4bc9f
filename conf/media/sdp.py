"""A browser's offer of the fixed pool of media sections, as frozen data (RFC 8866, 8843, 8853).

The page offers once, at join, in this order and never sendrecv (docs/protocol.md):
audio up, camera up, screen up, audio down x3, main down, share down, thumbnail down xN.
Only what the bridge can use is kept: unknown codecs, extensions and attributes are skipped;
what contradicts itself or the pool is refused with the field's name. `answer.py` replies.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from core.errors import InvalidInput

MAX_OFFER_BYTES = 256 * 1024
MAX_SECTIONS = 64
MAX_LAYERS = 3
AUDIO_SLOTS = 3
MAX_THUMBNAILS = 25

_LAYER_ORDER = {"q": 0, "h": 1, "f": 2}
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,16}")
_RID = re.compile(r"[A-Za-z0-9_-]{1,16}")
_ICE_CHARS = re.compile(
    r"[A-Za-z0-9+/=-]+"
)  # "=" and "-" are not in RFC 8839, some stacks send them
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){19,63}")
_HASH_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_DIRECTIONS = ("sendonly", "recvonly", "sendrecv", "inactive")


class Role(StrEnum):
    """What a section of the pool is for; up = participant to server."""

    AUDIO_UP = "audio_up"
    CAMERA_UP = "camera_up"
    SCREEN_UP = "screen_up"
    AUDIO_DOWN = "audio_down"
    MAIN_DOWN = "main_down"
    SHARE_DOWN = "share_down"
    THUMBNAIL_DOWN = "thumbnail_down"

    @property
    def is_up(self) -> bool:
        """True when the participant sends in this section."""
        return self.value.endswith("_up")


class CodecName(StrEnum):
    """The codecs the bridge forwards."""

    OPUS = "opus"
    RED = "red"
    VP8 = "VP8"
    H264 = "H264"


class Extension(StrEnum):
    """RTP header extensions the bridge reads or writes (RFC 8285 names)."""

    MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
    RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
    REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
    AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
    ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
    ORIENTATION = "urn:3gpp:video-orientation"
    PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"


_EXTENSIONS = {extension.value: extension for extension in Extension}
_UP_ONLY = {Extension.RID, Extension.REPAIRED_RID}


@dataclass(frozen=True, slots=True)
class Codec:
    """One usable payload type. `feedback` holds rtcp-fb values such as "nack pli"."""

    name: CodecName
    payload_type: int
    rtx_payload_type: int | None
    feedback: frozenset[str]
    parameters: str  # the fmtp value as offered, "" when none


@dataclass(frozen=True, slots=True)
class Section:
    """One m-line. `layers`: RIDs, smallest picture first; empty when the source has one layer."""

    index: int
    role: Role
    kind: str
    mid: str
    direction: str
    codecs: tuple[Codec, ...]  # in the order offered
    extensions: Mapping[Extension, int]
    layers: tuple[str, ...]
    simulcast_as_offered: tuple[str, ...]
    ssrcs: tuple[tuple[int, int | None], ...]  # (media, RTX), as far as the offer names them
    has_rsize: bool

    def codec(self, name: CodecName) -> Codec | None:
        """The offered codec of that name, or None."""
        return next((codec for codec in self.codecs if codec.name is name), None)


@dataclass(frozen=True, slots=True)
class Offer:
    """A whole offer. Sections of one BUNDLE share transport and extension ids (RFC 8843 §9)."""

    ice_ufrag: str
    ice_pwd: str
    fingerprints: tuple[tuple[str, str], ...]  # ("sha-256", "AB:CD:…" upper case)
    sections: tuple[Section, ...]
    extensions: Mapping[Extension, int]
    allows_mixed_extensions: bool

    def of(self, role: Role) -> tuple[Section, ...]:
        """The sections of one role, in order."""
        return tuple(section for section in self.sections if section.role is role)


@dataclass(slots=True)
class _Lines:
    """Raw lines of the session part or of one section: `a=` by name, the m-line apart."""

    field: str
    media: str
    attributes: dict[str, list[str]]

    def first(self, name: str) -> str | None:
        values = self.attributes.get(name)
        return values[0] if values else None

    def all(self, name: str) -> Sequence[str]:
        return self.attributes.get(name, ())

    def bad(self, what: str, why: str) -> InvalidInput:
        return InvalidInput(f"{what}: {why}", field=f"{self.field}.{what}")


def parse_offer(text: str) -> Offer:
    """Read an offer of the fixed pool.

    Raises: InvalidInput: with `field` such as "offer.media[3].direction".
    """
    if len(text) > MAX_OFFER_BYTES or len(text.encode("utf-8", "replace")) > MAX_OFFER_BYTES:
        raise InvalidInput(f"offer is over {MAX_OFFER_BYTES} bytes", field="offer")
    session, blocks = _split(text)
    sections = tuple(_section(block, index) for index, block in enumerate(blocks))
    _check_pool(sections)
    _check_bundle(session, sections)
    ufrag, pwd = _ice(session, blocks)
    _check_setup(session, blocks)
    return Offer(
        ice_ufrag=ufrag,
        ice_pwd=pwd,
        fingerprints=_fingerprints(session, blocks[0]),
        sections=sections,
        extensions=_shared_extensions(sections),
        allows_mixed_extensions="extmap-allow-mixed" in session.attributes
        or all("extmap-allow-mixed" in block.attributes for block in blocks),
    )


def _split(text: str) -> tuple[_Lines, list[_Lines]]:
    plain = text.replace("\r\n", "\n")
    if "\r" in plain or "\0" in plain:
        raise InvalidInput("a control character in a line", field="offer")
    lines = plain.split("\n")
    if lines[0] != "v=0":
        raise InvalidInput("an offer begins with v=0", field="offer")
    session = _Lines("offer", "", {})
    blocks: list[_Lines] = []
    current = session
    for line in lines[1:]:
        if line.startswith("m="):
            if len(blocks) == MAX_SECTIONS:
                raise InvalidInput(f"more than {MAX_SECTIONS} media sections", field="offer")
            current = _Lines(f"offer.media[{len(blocks)}]", line[2:], {})
            blocks.append(current)
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            current.attributes.setdefault(name, []).append(value)
    if not blocks:
        raise InvalidInput("no media section", field="offer")
    return session, blocks


def _section(block: _Lines, index: int) -> Section:
    words = block.media.split(" ")
    if len(words) < 4 or words[0] not in ("audio", "video"):
        raise block.bad("media", "an audio or video line is expected here")
    if words[2] != "UDP/TLS/RTP/SAVPF":
        raise block.bad("media", "the transport must be UDP/TLS/RTP/SAVPF")
    if words[1] == "0" and "bundle-only" not in block.attributes:
        raise block.bad("media", "a stopped section; the pool has a fixed shape")
    if "rtcp-mux" not in block.attributes:
        raise block.bad("rtcp-mux", "is required")
    mid = block.first("mid")
    if mid is None or not _TOKEN.fullmatch(mid):
        raise block.bad("mid", "a token of 1 to 16 characters is required")
    direction = _direction(block)
    role = _role(block, index, words[0])
    layers, as_offered = _simulcast(block) if role.is_up and words[0] == "video" else ((), ())
    return Section(
        index=index,
        role=role,
        kind=words[0],
        mid=mid,
        direction=direction,
        codecs=_codecs(block, words[0], words[3:]),
        extensions=MappingProxyType(_extmap(block, role)),
        layers=layers,
        simulcast_as_offered=as_offered,
        ssrcs=_ssrcs(block),
        has_rsize="rtcp-rsize" in block.attributes,
    )


def _direction(block: _Lines) -> str:
    found = [name for name in _DIRECTIONS if name in block.attributes]
    if len(found) != 1:
        raise block.bad("direction", "exactly one direction is required")
    return found[0]


def _role(block: _Lines, index: int, kind: str) -> Role:
    """The pool's role at this place; kind must agree."""
    if index == 0:
        role = Role.AUDIO_UP
    elif index < 3:
        role = Role.CAMERA_UP if index == 1 else Role.SCREEN_UP
    elif index < 3 + AUDIO_SLOTS:
        role = Role.AUDIO_DOWN
    elif index < 5 + AUDIO_SLOTS:
        role = Role.MAIN_DOWN if index == 3 + AUDIO_SLOTS else Role.SHARE_DOWN
    else:
        role = Role.THUMBNAIL_DOWN
    if (kind == "audio") != (role in (Role.AUDIO_UP, Role.AUDIO_DOWN)):
        raise block.bad("media", f"the pool has {role.value} here")
    return role


def _check_pool(sections: Sequence[Section]) -> None:
    if not 5 + AUDIO_SLOTS <= len(sections) <= 5 + AUDIO_SLOTS + MAX_THUMBNAILS:
        raise InvalidInput("the number of sections does not fit the pool", field="offer.media")
    for section in sections:
        wanted = "sendonly" if section.role.is_up else "recvonly"
        if section.direction not in (wanted, "inactive"):
            raise InvalidInput(
                f"{section.role.value} must be {wanted} or inactive",
                field=f"offer.media[{section.index}].direction",
            )


def _check_bundle(session: _Lines, sections: Sequence[Section]) -> None:
    mids = [section.mid for section in sections]
    if len(set(mids)) != len(mids):
        raise session.bad("mid", "each section needs its own")
    groups = [value.split(" ")[1:] for value in session.all("group") if value.startswith("BUNDLE ")]
    if len(groups) != 1 or set(groups[0]) != set(mids):
        raise session.bad("group", "one BUNDLE of all sections is required")


def _ice(session: _Lines, blocks: Sequence[_Lines]) -> tuple[str, str]:
    ufrag = blocks[0].first("ice-ufrag") or session.first("ice-ufrag") or ""
    pwd = blocks[0].first("ice-pwd") or session.first("ice-pwd") or ""
    if not 4 <= len(ufrag) <= 256 or not _ICE_CHARS.fullmatch(ufrag):
        raise blocks[0].bad("ice-ufrag", "4 to 256 ICE characters are required")
    if not 22 <= len(pwd) <= 256 or not _ICE_CHARS.fullmatch(pwd):
        raise blocks[0].bad("ice-pwd", "22 to 256 ICE characters are required")
    for block in blocks:
        if block.first("ice-ufrag") not in (None, ufrag):
            raise block.bad("ice-ufrag", "bundled sections share one")
    return ufrag, pwd


def _check_setup(session: _Lines, blocks: Sequence[_Lines]) -> None:
    setup = blocks[0].first("setup") or session.first("setup")
    if setup not in ("actpass", "active"):  # we are always the DTLS server
        raise blocks[0].bad("setup", "actpass or active is required")


def _fingerprints(session: _Lines, block: _Lines) -> tuple[tuple[str, str], ...]:
    found = []
    for value in block.all("fingerprint") or session.all("fingerprint"):
        algorithm, _, digest = value.partition(" ")
        size = _HASH_BYTES.get(algorithm.lower())
        if size is None:
            continue
        if len(digest) != size * 3 - 1 or not _FINGERPRINT.fullmatch(digest):
            raise block.bad("fingerprint", f"not a {algorithm.lower()} digest")
        found.append((algorithm.lower(), digest.upper()))
    if not found:
        raise block.bad("fingerprint", "sha-256, sha-384 or sha-512 is required")
    return tuple(found)


def _number(block: _Lines, what: str, text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and low <= int(text) <= high):
        raise block.bad(what, f"a number from {low} to {high} is expected")
    return int(text)


def _by_payload(block: _Lines, name: str) -> Iterator[tuple[int, str]]:
    for value in block.all(name):
        payload, _, rest = value.partition(" ")
        if payload != "*":
            yield _number(block, name, payload, 0, 127), rest


def _codecs(block: _Lines, kind: str, formats: Sequence[str]) -> tuple[Codec, ...]:
    order = [_number(block, "media", text, 0, 127) for text in formats]
    if len(set(order)) != len(order):
        raise block.bad("media", "a payload type is listed twice")
    names = dict(_by_payload(block, "rtpmap"))
    parameters = dict(_by_payload(block, "fmtp"))
    feedback: dict[int, set[str]] = {}
    for payload, value in _by_payload(block, "rtcp-fb"):
        feedback.setdefault(payload, set()).add(value)
    repairs = _repairs(block, names, parameters)
    usable = _usable_audio if kind == "audio" else _usable_video
    found: dict[CodecName, Codec] = {}
    for payload in order:
        name = usable(names.get(payload, "").lower(), parameters.get(payload, ""))
        if name is None or name in found:
            continue
        found[name] = Codec(
            name=name,
            payload_type=payload,
            rtx_payload_type=repairs.get(payload),
            feedback=frozenset(feedback.get(payload, ())),
            parameters=parameters.get(payload, ""),
        )
    return _consistent(block, kind, found)


def _consistent(block: _Lines, kind: str, found: Mapping[CodecName, Codec]) -> tuple[Codec, ...]:
    """Drop RED that wraps something else than our Opus (RFC 2198 §5); require one usable codec."""
    codecs = list(found.values())
    red, opus = found.get(CodecName.RED), found.get(CodecName.OPUS)
    if red is not None and (
        opus is None or set(red.parameters.split("/")) - {"", str(opus.payload_type)}
    ):
        codecs.remove(red)
    if not codecs:
        wanted = "Opus" if kind == "audio" else "VP8 or H.264 constrained baseline"
        raise block.bad("codecs", f"no codec the bridge forwards; {wanted} is needed")
    return tuple(codecs)


def _repairs(
    block: _Lines, names: Mapping[int, str], parameters: Mapping[int, str]
) -> dict[int, int]:
    """Payload type → its RTX payload type (RFC 4588 §8)."""
    repairs: dict[int, int] = {}
    for payload, name in names.items():
        if name.lower() == "rtx/90000":
            apt = _parameter(parameters.get(payload, ""), "apt")
            if apt is None:
                raise block.bad("fmtp", "rtx without apt")
            repairs.setdefault(_number(block, "fmtp", apt, 0, 127), payload)
    return repairs


def _parameter(fmtp: str, name: str) -> str | None:
    for part in fmtp.split(";"):
        key, _, value = part.strip().partition("=")
        if key.lower() == name:
            return value
    return None


def _usable_audio(rtpmap: str, parameters: str) -> CodecName | None:
    return {"opus/48000/2": CodecName.OPUS, "red/48000/2": CodecName.RED}.get(rtpmap)


def _usable_video(rtpmap: str, parameters: str) -> CodecName | None:
    """VP8, or H.264 constrained baseline with packetization-mode 1 (RFC 6184 §8.1)."""
    if rtpmap == "vp8/90000":
        return CodecName.VP8
    if rtpmap != "h264/90000" or _parameter(parameters, "packetization-mode") != "1":
        return None
    profile = (_parameter(parameters, "profile-level-id") or "42000a").lower()
    if not re.fullmatch(r"[0-9a-f]{6}", profile):
        return None
    # profile_idc 66 with constraint_set1_flag: what every browser decodes.
    is_constrained_baseline = profile[:2] == "42" and int(profile[2:4], 16) & 0x40
    return CodecName.H264 if is_constrained_baseline else None


def _extmap(block: _Lines, role: Role) -> dict[Extension, int]:
    """Extension → id as offered, leaving out those offered for the other direction only."""
    useless = "recvonly" if role.is_up else "sendonly"
    found: dict[Extension, int] = {}
    seen: set[int] = set()
    for value in block.all("extmap"):
        words = value.split(" ")
        identity, _, direction = words[0].partition("/")
        number = _number(block, "extmap", identity, 1, 255)
        if number == 15 or number in seen or len(words) < 2:  # 15 is reserved, RFC 8285 §4.2
            raise block.bad("extmap", "an id is reserved, repeated or without a name")
        seen.add(number)
        extension = _EXTENSIONS.get(words[1])
        if extension is None or direction in (useless, "inactive"):
            continue
        if role.is_up or extension not in _UP_ONLY:
            found.setdefault(extension, number)
    return found


def _shared_extensions(sections: Sequence[Section]) -> Mapping[Extension, int]:
    shared: dict[Extension, int] = {}
    owners: dict[int, Extension] = {}
    for section in sections:
        for extension, number in section.extensions.items():
            same_id = shared.setdefault(extension, number) == number
            if not same_id or owners.setdefault(number, extension) is not extension:
                raise InvalidInput(
                    "bundled sections must agree on extension ids",
                    field=f"offer.media[{section.index}].extmap",
                )
    return MappingProxyType(shared)


def _simulcast(block: _Lines) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """RIDs to be sent: smallest first, and as offered (RFC 8853 §5; first alternative, no "~")."""
    value = block.first("simulcast")
    if value is None:
        return (), ()
    words = value.split(" ")
    if "send" not in words[:-1]:
        raise block.bad("simulcast", "send is expected")
    streams = words[words.index("send") + 1].split(";")
    rids = tuple(stream.split(",")[0].removeprefix("~") for stream in streams)
    declared = {rid.split(" ")[0] for rid in block.all("rid") if " send" in rid}
    if len(rids) > MAX_LAYERS or len(set(rids)) != len(rids):
        raise block.bad("simulcast", f"at most {MAX_LAYERS} different layers")
    for rid in rids:
        if rid not in declared or not _RID.fullmatch(rid):
            raise block.bad("rid", "a simulcast layer is not declared")
    if set(rids) <= set(_LAYER_ORDER):
        return tuple(sorted(rids, key=_LAYER_ORDER.__getitem__)), rids
    return rids, rids


def _ssrcs(block: _Lines) -> tuple[tuple[int, int | None], ...]:
    """(media, RTX) pairs named by a=ssrc and a=ssrc-group:FID (RFC 5576); a hint, not required."""
    repairs: dict[int, int] = {}
    for value in block.all("ssrc-group"):
        words = value.split(" ")
        if words[0] == "FID" and len(words) == 3:
            media, rtx = (_number(block, "ssrc-group", word, 0, 0xFFFFFFFF) for word in words[1:])
            repairs[media] = rtx
    named = dict.fromkeys(
        _number(block, "ssrc", value.split(" ")[0], 0, 0xFFFFFFFF) for value in block.all("ssrc")
    )
    if len(named) > 4 * MAX_LAYERS:
        raise block.bad("ssrc", "too many sources")
    return tuple((ssrc, repairs.get(ssrc)) for ssrc in named if ssrc not in repairs.values())
