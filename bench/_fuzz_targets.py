"""What is fuzzed: one function per parser that takes any bytes, and what it may raise.

A target lets nothing but the parser's declared error be raised, and checks a law where there is
one: what was read and written again reads the same; two readers of one format agree.
"""

import hmac
import socket
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench._fuzz_feedback import feedback_packet, transport_feedback
from conf.cameras.packetize import Packetizer
from conf.media import rtcp, stun, tcp
from conf.media.answer import AnswerPlan, Candidate, Endpoint, build_answer, plan_streams
from conf.media.errors import DecodeError
from conf.media.h264 import is_parameter_set, starts_key_frame
from conf.media.picture import inspect
from conf.media.rtp import (
    FIXED_HEADER,
    MAX_HEADER,
    HeaderForm,
    Packet,
    extension_table,
    read_red,
    wrap_rtx,
)
from conf.media.sdp import CodecName, Extension, parse_offer
from conf.media.udp import Endpoint as Peer
from conf.media.vp8 import Vp8Descriptor
from conf.recording import matroska
from conf.recording.frames import Order, Piece, depacketizer
from core.errors import InvalidInput
from sms import grammar
from sms.at import answers
from sms.at.classify import Command, is_restart, is_storage_full, sim_presence
from sms.at.dialogue import Answered, Dialogue, Unsolicited
from sms.at.notices import event_of
from sms.pdu import DecodeError as PduError
from sms.pdu import Deliver, decode_incoming, decode_submit
from sms.pdu.octets import Octets
from sms.pdu.user_data import concatenation_in, decode_coding, decode_user_data, parse_header
from sms.smpp.incoming import as_gsm
from sms.smpp.pdu import SmppError, Splitter, decode_short_message, text_of
from sms.smpp.receipts import read_receipt
from tests.support.offers import BROWSERS, read_offer

VECTORS: Final = Path(__file__).resolve().parents[1] / "tests" / "vectors"
FINDS: Final = VECTORS / "fuzz" / "finds.toml"  # inputs that once broke something

_PASSWORD: Final = "VOkJxbRl1RmTxUk/WvJxBt"
_SOURCE: Final = bytes.fromhex("0200c3500a000001") + bytes(8)
_ONE_BYTE: Final = {extension: number for number, extension in enumerate(Extension, 1)}
_TWO_BYTE: Final = {extension: number + 20 for extension, number in _ONE_BYTE.items()}


@dataclass(frozen=True)
class Target:
    """`run` takes any bytes; `seeds` are good inputs to begin with."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


def _hexes(name: str) -> Iterator[bytes]:
    """Every `hex` of a file of vectors."""

    def walk(value: Any) -> Iterator[bytes]:
        if isinstance(value, dict):
            if "hex" in value:
                yield bytes.fromhex(value["hex"])
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                yield from walk(one)

    return walk(tomllib.loads((VECTORS / name).read_text()))


# -- conference -----------------------------------------------------------------------------------


def stun_message(data: bytes) -> None:
    """As it came, and with `data` as attributes under a good MESSAGE-INTEGRITY."""
    for message in (data, _signed(data)):
        stun.requested_ufrag(message)
        is_intact = stun.is_intact(message, _PASSWORD)
        if is_intact and stun.requested_ufrag(message) is not None:
            transaction_id = stun.transaction_of(message)
            assert len(stun.answer(transaction_id, _SOURCE, _PASSWORD)) <= 76


def _signed(attributes: bytes) -> bytes:
    body = attributes[:1200] + bytes(-len(attributes[:1200]) % 4)
    head = b"\0\1" + (len(body) + 24).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12) + body
    return head + b"\0\x08\0\x14" + hmac.digest(_PASSWORD.encode(), head, "sha1")


def rtp_header(data: bytes) -> None:
    """Read, written anew in either form, read again: the same values."""
    for ids in (_ONE_BYTE, _TWO_BYTE):
        buffer = bytearray(MAX_HEADER) + bytearray(data)
        packet, again = Packet(), Packet()
        try:
            packet.read(buffer, MAX_HEADER, len(buffer), extension_table(ids))
        except DecodeError:
            continue
        form = HeaderForm.of(ids)
        before = _values(packet)
        start = form.compose(buffer, packet)
        again.read(buffer, start, packet.payload_end, extension_table(ids))
        assert _values(again) == before
        assert again.payload == packet.payload


def _values(packet: Packet) -> tuple[object, ...]:
    return (
        packet.marker, packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc,
        packet.audio_level, packet.has_voice, packet.orientation, packet.playout_delay,
        packet.payload_end - packet.payload,
    )  # fmt: skip


def rtx(data: bytes) -> None:
    """A packet put into RTX and taken out again is the same packet."""
    packet = Packet()
    try:
        packet.read(bytearray(data), 0, len(data), bytes(256))
    except DecodeError:
        return
    packet.read_rtx(bytearray(data), 96, 1)
    source = b"\x80" + data[1:]
    out = bytearray(len(source) + 2)
    stop = wrap_rtx(source, FIXED_HEADER, len(source), out, 0, 0xABCD)
    packet.read(out, 0, stop, bytes(256))
    assert packet.read_rtx(out, packet.payload_type, packet.ssrc)
    assert (packet.sequence, bytes(out[packet.payload : stop])) == (0xABCD, data[FIXED_HEADER:])


def rtcp_compound(data: bytes) -> None:
    """Read; what we write ourselves survives writing and reading; the short cut agrees."""
    lone = rtcp.lone_feedback(data, 0, len(data))
    try:
        reports = rtcp.parse(data)
    except DecodeError:
        assert lone is None
        return
    if lone is not None:
        (told,) = reports
        assert isinstance(told, rtcp.TransportFeedback)
        assert told.body == data[lone[0] : lone[1]]
    foreign = (rtcp.Remb, rtcp.TransportFeedback, rtcp.SourceDescription)
    ours = [report for report in reports if not isinstance(report, foreign)]
    assert _unordered(rtcp.parse(rtcp.build(ours))) == _unordered(ours)


def _unordered(reports: Iterable[rtcp.Report]) -> list[rtcp.Report]:
    """A NACK may ask twice, or backwards: what matters is for which packets."""
    return [
        replace(report, sequences=tuple(sorted(set(report.sequences))))
        if isinstance(report, rtcp.Nack)
        else report
        for report in reports
    ]


def vp8(data: bytes) -> None:
    """Both readers of the descriptor agree on what they both read."""
    picture = inspect(CodecName.VP8, memoryview(data), 0, len(data))
    descriptor = Vp8Descriptor()
    try:
        descriptor.read(memoryview(data), 0, len(data))
    except DecodeError:
        return
    if picture is not None:
        assert (picture.is_start, picture.temporal) == (descriptor.is_start, descriptor.temporal_id)
        assert picture.tl0 == descriptor.tl0_index or descriptor.tl0_index < 0
        assert picture.picture == descriptor.picture_id or descriptor.picture_id < 0
    _record("VP8", data)


def h264(data: bytes) -> None:
    """The forwarder's look, and the recorder's whole way to a file."""
    inspect(CodecName.H264, memoryview(data), 0, len(data))
    is_parameter_set(data, 0, len(data))
    with suppress(DecodeError):
        starts_key_frame(data, 0, len(data))
    _record("H264", data)
    for payload in Packetizer(data).payloads(data):
        assert payload


def red(data: bytes) -> None:
    """The blocks lie within the payload, one after another."""
    try:
        blocks = read_red(data, 0, len(data))
    except DecodeError:
        blocks = []
    for _, _, start, end in blocks:
        assert 0 < start <= end <= len(data)
    _record("red", data)


def _pieces(data: bytes) -> Iterator[Piece]:
    """`data` as packets; before each two octets: its length, and marker, new picture, hole."""
    at, ext, timestamp = 0, 1, 0
    while at + 2 <= len(data):
        size, flags = data[at], data[at + 1]
        timestamp += 3000 * (flags >> 1 & 1) + 0x3FFF_FFFF * (flags >> 3 & 1)
        ext += 1 + (flags >> 2 & 1)
        payload = data[at + 2 : at + 2 + size]
        yield Piece(ext, timestamp & 0xFFFFFFFF, bool(flags & 1), payload)
        at += 2 + size


def _record(codec: str, data: bytes) -> None:
    """Packets to frames to Matroska."""
    order, frames = Order(), depacketizer(codec)
    for piece in (*_pieces(data), Piece(1 << 20, 0, True, data)):
        for ready in order.push(piece):
            try:
                frame = frames.push(ready)
            except DecodeError:
                continue
            if frame is not None:
                matroska.cluster([matroska.Block(0, frame.data, frame.form is not None)])
                if frame.form is not None:
                    matroska.header(frame.form, 0.0)


def sdp(data: bytes) -> None:
    """An offer that is taken can be answered, in well-formed lines."""
    try:
        offer = parse_offer(data.decode("utf-8", "replace"))
    except InvalidInput as refused:
        if not refused.field:
            raise
        return
    peer = Endpoint("abcd", "0123456789abcdefghijkl", ("sha-256", "AB"), (Candidate("::1", 1),))
    answer = build_answer(offer, AnswerPlan(1, peer, plan_streams(offer, 0xFFFFFFF0)))
    assert answer.count("\r\nm=") == len(offer.sections)
    assert "\n" not in answer.replace("\r\n", "")


def _small_offers() -> Iterator[bytes]:
    """The recorded offers without thumbnails, so that mutation gets somewhere."""
    for name in BROWSERS:
        head, *sections = read_offer(name).replace("\r\n", "\n").split("\nm=")
        kept = sections[:8]
        mids = [section.split("\na=mid:")[1].split("\n")[0] for section in kept]
        group = f"a=group:BUNDLE {' '.join(mids)}"
        lines = [group if line.startswith("a=group:") else line for line in head.split("\n")]
        yield "\nm=".join(["\n".join(lines), *kept]).encode()


class _Line:
    """A connection's listener, sink and socket in one, for the framing alone."""

    family = socket.AF_INET

    def __init__(self) -> None:
        self.sink = self
        self.packets: list[bytes] = []
        self.is_cut = False

    def on_stream_packet(self, data: bytes | memoryview, endpoint: Peer) -> None:
        self.packets.append(bytes(data))

    def after_stream_packets(self) -> None:
        """Nothing to send."""

    def discard(self, connection: object) -> None:
        self.is_cut = True

    def close(self) -> None:
        """The socket."""


class _Unframer(tcp.TcpConnection):
    """A member's; takes its next turn at once, without a loop."""

    awaits_turn = False

    def _wait_for_turn(self) -> None:
        self.awaits_turn = True

    def take(self, data: bytes | memoryview) -> None:
        super().take(data)
        while self.awaits_turn:
            self.awaits_turn = False
            self._go_on()


def framing(data: bytes) -> None:
    """RFC 4571: however the octets are cut, the same packets come out and the same end."""
    ends = []
    for step in (len(data) or 1, 1, 7):
        line: Any = _Line()
        connection = _Unframer(line, line, ("192.0.2.1", 4711))
        connection.is_stranger = False
        for at in range(0, len(data), step):
            if not line.is_cut:
                connection.take(data[at : at + step])
        ends.append((line.packets, line.is_cut))
    assert ends[0] == ends[1] == ends[2]


# -- SMS ------------------------------------------------------------------------------------------


def pdu(data: bytes) -> None:
    """Every PDU a modem may hand over, in hex and as raw text."""
    for text in (data.hex(), data.decode("latin-1")):
        try:
            read = decode_incoming(text)
        except PduError:
            pass
        else:
            if isinstance(read, Deliver):
                read.text.encode()
                assert "\0" not in read.text, "PostgreSQL stores no NUL"
                read.originator.value.encode()
                understood(read.text)
            else:
                assert read.words
        try:
            decode_submit(text)
        except PduError:
            continue


def understood(text: str) -> None:
    """What a person may have written."""
    grammar.read_answer(text)
    grammar.read_report(text)
    grammar.is_stop_word(text)


def user_data(data: bytes) -> None:
    """TP-UD behind any data coding, with a header and without; any header by itself."""
    with suppress(PduError):
        concatenation_in(parse_header(data, 0))
    for has_header in (False, True):
        try:
            decode_user_data(Octets(data[1:]), decode_coding(data[0] if data else 0),
                             has_header=has_header)  # fmt: skip
        except PduError:
            continue


_COMMANDS: Final = (
    None, Command("AT"), Command("AT+CMGS=20", prefixes=("+CMGS:",), opens_prompt=True),
    Command("AT+CMGL=4", prefixes=("+CMGL:",), has_data_lines=True), Command("ATD1;", is_dial=True),
    Command("AT+CREG?", prefixes=("+CREG:",)), Command("AT+CGMI", has_free_text=True),
)  # fmt: skip


def at_lines(data: bytes) -> None:
    """The dialogue in every state; every reader of information lines and notifications."""
    choice, rest = (data[0], data[1:]) if data else (0, b"")
    dialogue = Dialogue()
    command = _COMMANDS[choice % len(_COMMANDS)]
    if command is not None:
        dialogue.begin(command)
    dialogue.has_late_ticket = bool(choice & 0x80)
    if choice & 0x40:
        dialogue.submitted()
    step = len(rest) or 1 if choice & 0x20 else 1 + (choice & 0x0F)
    for at in range(0, len(rest), step):
        for heard in dialogue.feed(rest[at : at + step]):
            if isinstance(heard, Unsolicited):
                event_of(heard)
                _read_line(heard.line)
            elif isinstance(heard, Answered):
                answers.listed_in(heard.lines)
                answers.first_line(heard.lines)
                answers.quoted_in(heard.lines)
    for raw in rest.decode("latin-1").splitlines():
        _read_line(raw)


def _read_line(line: str) -> None:
    answers.registration_in(line)
    answers.rssi_dbm_in(line)
    answers.used_places_in(line)
    answers.memories_in(line)
    answers.notification_choice(line)
    answers.ussd_in(line)
    answers.listed_in([line, line])
    answers.family_of(line, line)
    is_restart(line)
    is_storage_full(line)
    sim_presence(line)


def smpp(data: bytes) -> None:
    """Cut anywhere, the same PDUs come out; bodies and receipts are read or refused."""
    found = []
    for step in (len(data) or 1, 5):
        splitter, pdus = Splitter(), []
        try:
            for at in range(0, len(data), step):
                pdus += splitter.feed(data[at : at + step])
        except SmppError:
            continue
        found.append(pdus)
    assert len(found) < 2 or found[0] == found[1]
    for body in (data, *(one.body for one in (found[0] if found else []))):
        for read in (text_of, lambda body: read_receipt(decode_short_message(body))):
            with suppress(SmppError):
                read(body)
        try:
            segments = as_gsm(decode_short_message(body), datetime(2026, 1, 1, tzinfo=UTC))
        except (ValueError, InvalidInput):
            continue
        for as_hex in segments:
            decode_incoming(as_hex)


def _at_seeds() -> Iterator[bytes]:
    lines = (
        b"\r\nOK\r\n", b"\r\n+CMS ERROR: 500\r\n", b"\r\n> ", b"\r\n+CMGS: 17\r\n\r\nOK\r\n",
        b'\r\n+CMTI: "SM",3\r\n', b'\r\n+CREG: 0,1,"1A2B","00C3"\r\n', b"\r\n+CSQ: 18,99\r\n",
        b"\r\n+CMGL: 1,1,,24\r\n07917283010010F5040BC87238880900F1\r\n\r\nOK\r\n",
        b"\r\n+CDS: 25\r\n0006D60B917228583\r\n", b'\r\n+CUSD: 1,"00480069",72\r\n',
        b'\r\n+CPMS: ("SM","ME"),("SM"),("SM")\r\n',
        b"\r\n+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)\r\n",
        b'\r\n+CLIP: "13800000000",161\r\n',
        b"\r\n^SYSSTART\r\n", b"\r\nRING\r\n", b"+CPIN: READY\r\n",
    )  # fmt: skip
    return (bytes((choice,)) + line for choice in (0, 2, 3, 0x42) for line in lines)


def _smpp_seeds() -> Iterator[bytes]:
    body = bytes.fromhex("0001013836313338000000313036390000000000000000000000000568656c6c6f")
    yield body
    yield (16 + len(body)).to_bytes(4, "big") + bytes.fromhex("000000050000000000000001") + body
    yield body[:-6] + b"\x19id:123 stat:DELIVRD err:000"


TARGETS: Final = {
    "stun": Target(stun_message, lambda: _hexes("stun/rfc5769.toml")),
    "rtp": Target(rtp_header, lambda: _hexes("rtp/chromium156.toml")),
    "rtx": Target(rtx, lambda: _hexes("rtp/chromium156.toml")),
    "rtcp": Target(
        rtcp_compound,
        lambda: [*_hexes("rtcp/chromium156.toml"), *_hexes("rtcp/transport_feedback.toml")],
    ),
    "twcc": Target(
        transport_feedback, lambda: [one[12:] for one in _hexes("rtcp/transport_feedback.toml")]
    ),
    "feedback": Target(feedback_packet, lambda: _hexes("rtcp/transport_feedback.toml")),
    "vp8": Target(vp8, lambda: _hexes("vp8/chromium156.toml")),
    "h264": Target(h264, lambda: _hexes("h264/chromium156.toml")),
    "red": Target(red, lambda: [bytes.fromhex("ef000003fb00000302" + "6f" + "00" * 8)]),
    "sdp": Target(sdp, _small_offers),
    "framing": Target(framing, lambda: [b"\0\x03abc\0\x01d" * 70, b"\0\0", b"\xff\xff"]),
    "pdu": Target(pdu, lambda: [*_hexes("sms/incoming.toml"), *_hexes("sms/submit.toml")]),
    "udh": Target(
        user_data,
        lambda: [b"\0\x0a\xe8\x32\x9b\xfd\x46\x97\xd9\xec\x37",
                 b"\x08\x0a\x06\x08\x04\x01\x02\x02\x01\x65\x36\x52\x30",
                 b"\0\x05\0\x03\x07\x02\x01"],
    ),
    "at": Target(at_lines, _at_seeds),
    "smpp": Target(smpp, _smpp_seeds),
}  # fmt: skip


def finds(name: str) -> list[bytes]:
    """Inputs that once broke the parser `name`."""
    kept: list[dict[str, str]] = tomllib.loads(FINDS.read_text())["find"]
    return [bytes.fromhex(one["hex"]) for one in kept if one["parser"] == name]
