"""The compiled copy loop does what the one in Python does, for every kind of slot and packet."""

import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
from aiortc.rtcdtlstransport import RTCCertificate
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.media import compiled, mmsg, udp, voices
from conf.media.answer import DownStream
from conf.media.downslot import DownSlot
from conf.media.forward import Forwarder
from conf.media.layer import Group, Sent
from conf.media.outbox import Outbox
from conf.media.picture import Picture
from conf.media.rows import CODECS, NO_TYPE, ffi
from conf.media.rtp import HeaderForm
from conf.media.sdp import CodecName, Extension, Role, parse_offer
from conf.media.session import Session
from conf.media.shaper import Shaper
from conf.media.srtp import SrtpContexts
from conf.media.twcc import HISTORY
from conf.media.voiceguard import VoiceGuard
from tests.support.bridge_client import Site
from tests.support.bridge_stage import KEYS, Nobody
from tests.support.bridge_viewer import Viewer
from tools import native

SOME: Final = 1_000_000  # an extended number
NOW: Final = 5.25
VOICE: Final = (CodecName.OPUS, CodecName.RED)
FIELDS: Final = (
    "last", "last_ts", "last_at", "last_codec", "last_picture", "last_tl0", "packets", "octets",
    "payload_octets",
)  # fmt: skip
SSRC: Final = (1000).to_bytes(4, "big")  # of the first slot
CERTIFICATE: Final = RTCCertificate.generateCertificate()


@pytest.fixture(scope="module", autouse=True)
def _is_compiled() -> None:
    assert compiled.load() is not None, "run `make test`, which compiles it"


@dataclass
class Case:
    """One burst and how its slots stand. `pictures`: PictureID (-1: none), TL0PICIDX, is wide, has
    the latter.

    `identity`: of transport-cc, 0 where it was not offered.
    """

    codec: CodecName
    is_stripped: bool
    numbers: list[int]
    sizes: list[int]
    pictures: list[tuple[int, int, bool, bool] | None]
    identity: int
    slots: list[str]
    offsets: list[int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One packet to a whole batch, for one slot to more than a batch."""
    codec = draw(st.sampled_from(CodecName))
    count = draw(st.sampled_from([1, 1, 1, 2, 3, 7, udp.TX_SLOTS]))
    numbered = st.tuples(
        st.sampled_from([-1, 0, 5, 127]), st.integers(0, 255), st.booleans(), st.booleans()
    )
    picture = st.none() | numbered if codec is CodecName.VP8 else st.none()
    others = ["later", "ahead", "lost", "keyless", "lacking", "shaped", "red", "zero"]
    slot = st.sampled_from([*["usual"] * 6, *others])
    many = st.integers(1, 40 if count < 4 else 4)
    return Case(
        codec,
        codec is CodecName.OPUS and draw(st.booleans()),
        list(draw(st.permutations(range(SOME, SOME + count)))),
        [draw(st.sampled_from([60, 61, 300])) for _ in range(count)],
        [draw(picture) for _ in range(count)],
        draw(st.sampled_from([0, 3, 20])),
        [draw(slot) for _ in range(draw(many))],
        [draw(st.integers(0, 1 << 15)) for _ in range(5)],
    )


def burst_of(case: Case) -> list[Sent]:
    """Its packets as the forwarder keeps them."""
    form = form_of(case)
    block = b""
    if case.identity:
        is_long = case.identity > 14
        block = b"\x10\0\0\1" if is_long else b"\xbe\xde\0\1"
        block += bytes((case.identity, 2, 0, 0) if is_long else (case.identity << 4 | 1, 0, 0, 0))
    head = bytes((0x90 if block else 0x80,)) + bytes(11) + block
    made = []
    for ext, size, numbers in zip(case.numbers, case.sizes, case.pictures, strict=True):
        picture = None
        if numbers is not None:
            number, tl0, is_wide, has_tl0 = numbers
            at = 2 if number >= 0 else -1
            behind = 2 + (at > 0) + is_wide
            picture = Picture(False, at, number, is_wide, behind if has_tl0 else -1, tl0)
        template = head.ljust(size, bytes((ext & 0xFF,)))
        marker = 0x80 * (ext & 1)
        sent = Sent(ext, ext * 960, marker, case.codec, template, len(head), form, picture)
        sent.is_stripped = case.is_stripped
        made.append(sent)
    return made


def form_of(case: Case) -> HeaderForm:
    """The header form of all its slots."""
    return HeaderForm.of({Extension.TRANSPORT_CC: case.identity} if case.identity else {})


@dataclass
class Hall:
    """Slots of one group, each of a participant of its own; one socket takes all they are sent."""

    socket: socket.socket
    outbox: Outbox
    forwarder: Forwarder
    group: Group
    slots: list[DownSlot]

    def send(self, burst: list[Sent]) -> None:
        """All of it for all of them."""
        self.forwarder.send(self.group, burst, NOW)
        self.outbox.flush()

    def outcome(self) -> dict[str, Any]:
        """Everything the loop is to have done."""
        wire: dict[bytes, list[bytes]] = {}
        try:
            while True:
                packet = self.socket.recv(2048)
                wire.setdefault(packet[8:12], []).append(packet)
        except TimeoutError:
            pass
        histories = [slot.session.history for slot in self.slots]
        return {
            "wire": wire,
            "rows": [[getattr(slot.row, name) for name in FIELDS] for slot in self.slots],
            "numbers": [history.next_sequence for history in histories],
            "sent": [(history.sent_us, history.sizes) for history in histories],
            "voices": [[slot.voice((slot.row.last - n) & 0xFFFF) for n in range(40)]
                       for slot in self.slots],
            "counts": (self.forwarder.forwarded, self.outbox.failed, self.outbox.packets),
        }  # fmt: skip


def _slot(case: Case, hall: Hall, kind: str, ssrc: int) -> DownSlot:
    site: Site = Viewer("hall")
    sections = {section.role: section for section in parse_offer(site.offer()).sections}
    site.socket.close()
    section = sections[Role.AUDIO_DOWN if case.codec in VOICE else Role.MAIN_DOWN]
    lacks = {"lacking": case.codec, "red": CodecName.RED}.get(kind)
    found = tuple(
        replace(codec, payload_type=0) if kind == "zero" and codec.name is case.codec else codec
        for codec in section.codecs
        if codec.name is not lacks
    )
    ids = {Extension.TRANSPORT_CC: case.identity} if case.identity else {}
    session = Session(CERTIFICATE, (), hall.outbox.port.send, Nobody(), 0.0)
    session.srtp = SrtpContexts(KEYS)
    session.context = session.srtp.send if kind != "keyless" else None
    here = udp.Endpoint(udp.pack_sockaddr(socket.AF_INET, hall.socket.getsockname()))
    session.endpoint = here if kind != "lost" else None
    slot = DownSlot(session, replace(section, codecs=found, extensions=ids), DownStream(ssrc, 1))
    row = slot.row
    row.offset, row.ts_offset, row.picture_offset, row.tl0_offset, session.row.next_sequence = (
        case.offsets
    )
    row.last, row.last_ts = SOME + row.offset - (kind != "ahead"), 7
    row.from_ext = SOME + len(case.numbers) // 2 if kind == "later" else 0
    if case.codec in VOICE:
        slot.voices = voices.VoiceRing()
        row.voices = slot.voices.row
    if kind == "shaped":
        guard = VoiceGuard(hall.outbox)
        slot.shaper = guard if case.codec in VOICE else Shaper(session, hall.outbox)
    return slot


@contextmanager
def opened(case: Case, native: Any | None) -> Iterator[Hall]:
    """A hall as the case has it; its packets are made by `native`, or in Python."""
    taker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taker.bind(("127.0.0.1", 0))
    taker.settimeout(0.002)
    port = udp.open_port("127.0.0.1", 0)
    outbox = Outbox(port)
    forwarder = Forwarder(outbox, lambda *_: None, native=native)
    hall = Hall(taker, outbox, forwarder, Group(), [])
    try:
        for i, kind in enumerate(case.slots):
            hall.slots.append(_slot(case, hall, kind, 1000 + i))
            hall.group.add(hall.slots[-1])
        yield hall
    finally:
        taker.close()
        port.close()


@settings(deadline=None, max_examples=60)
@given(cases())
def test_both_loops_send_and_note_the_same(case: Case) -> None:
    """To the byte: one key, one number, one packet make one ciphertext."""
    outcomes = []
    for loop in (compiled.load(), None):
        with opened(case, loop) as hall:
            hall.send(burst_of(case))
            outcomes.append(hall.outcome())
    in_c, in_python = outcomes
    for what, done in in_python.items():
        assert in_c[what] == done, what


def a_case(**changes: Any) -> Case:
    """One packet of a picture for one slot, but for the changes."""
    usual = Case(CodecName.VP8, False, [SOME], [300], [(5, 9, True, True)], 3, ["usual"], [0] * 5)
    return replace(usual, **changes)


@pytest.mark.parametrize(("has_segments", "messages"), [(True, 6), (False, 21)])
def test_what_the_kernel_can_cut_apart_leaves_together(has_segments: bool, messages: int) -> None:
    """Packets of one size and a smaller one behind them: one message for each slot."""
    sizes = [300, 300, 300, 200, 300, 300, 100]
    numbers = list(range(SOME, SOME + len(sizes)))
    case = a_case(numbers=numbers, sizes=sizes, pictures=[None] * len(sizes), slots=["usual"] * 3)
    for loop in (compiled.load(), None):
        with opened(case, None) as hall:
            hall.outbox.port.has_segments = has_segments
            hall.forwarder = Forwarder(hall.outbox, lambda *_: None, native=loop)
            hall.send(burst_of(case))
            assert (hall.outbox.packets, hall.outbox.sends) == (3 * len(sizes), messages)


def test_a_voice_without_red_is_for_those_who_lack_it() -> None:
    """The others have the packet it was taken from."""
    case = a_case(codec=CodecName.OPUS, is_stripped=True, pictures=[None], slots=["usual", "red"])
    for loop in (compiled.load(), None):
        with opened(case, loop) as hall:
            hall.send(burst_of(case))
            assert list(hall.outcome()["wire"]) == [(1001).to_bytes(4, "big")]


def test_voices_are_found_again_as_long_as_there_is_room() -> None:
    """More than the ring holds, with a part at its end that fits nothing: the newest are whole."""
    case = a_case(codec=CodecName.OPUS, pictures=[None])
    for loop in (compiled.load(), None):
        with opened(case, loop) as hall:
            (slot,) = hall.slots
            for ext in range(SOME, SOME + 100):
                hall.send(burst_of(replace(case, numbers=[ext])))
            sent = {int.from_bytes(p[2:4], "big"): p for p in hall.outcome()["wire"][SSRC]}
            found = {number: slot.voice(number) for number in sent}
            kept = [number for number, packet in found.items() if packet is not None]
            assert kept == sorted(sent)[-len(kept) :]
            assert voices.ROOM - 2 * 316 < 316 * len(kept) <= voices.ROOM
            assert all(found[number] == sent[number] for number in kept)


def test_a_packet_that_would_not_fit_its_place_is_not_written() -> None:
    """A place has 2048 bytes, and protection adds to a packet."""
    case = a_case(sizes=[2040])
    with opened(case, compiled.load()) as hall:
        hall.send(burst_of(case))
        assert (hall.forwarder.forwarded, hall.outbox.failed) == (0, 1)
        assert hall.outcome()["wire"] == {}


def test_a_packet_that_cannot_be_protected_is_left_out_of_its_burst() -> None:
    """Two packets under one number: libsrtp refuses the second, the third leaves."""
    case = a_case(numbers=[SOME, SOME, SOME + 1], sizes=[300] * 3, pictures=[None] * 3)
    for loop in (compiled.load(), None):
        with opened(case, loop) as hall:
            hall.send(burst_of(case))
            assert (hall.forwarder.forwarded, hall.outbox.failed) == (2, 1)
            (sent,) = hall.outcome()["wire"].values()
            assert [len(packet) for packet in sent] == [316, 316]


def test_a_picture_that_comes_late_does_not_set_the_numbers_back() -> None:
    """The next source goes on from the newest that has left, whatever padding came behind."""
    case = a_case(numbers=[SOME, SOME + 2], sizes=[300] * 2, pictures=[(5, 9, True, True), None])
    for loop in (compiled.load(), None):
        with opened(case, loop) as hall:
            row = hall.slots[0].row
            row.last, row.last_picture, row.last_tl0 = SOME + 1, 6, 10
            hall.send(burst_of(case))
            assert (row.last, row.last_picture, row.last_tl0) == (SOME + 2, 6, 10)


def test_a_source_may_count_its_base_layers_and_not_its_pictures() -> None:
    """TL0PICIDX without PictureID (RFC 7741 §4.2): the next source goes on from it."""
    case = a_case(numbers=[SOME + 1], pictures=[(-1, 9, False, True)], offsets=[0, 0, 0, 2, 0])
    for loop in (compiled.load(), None):
        with opened(case, loop) as hall:
            hall.send(burst_of(case))
            assert hall.slots[0].row.last_tl0 == 11


def test_payload_type_zero_is_one() -> None:
    """An offer may name it; such a site is sent its packets like any other."""
    case = a_case(slots=["zero"])
    for loop in (compiled.load(), None):
        with opened(case, loop) as hall:
            hall.send(burst_of(case))
            ((packet,),) = hall.outcome()["wire"].values()
            assert packet[1] & 0x7F == 0


def test_what_it_is_compiled_from_agrees_with_the_rest() -> None:
    """Sizes that rows.h and Python both name."""
    named = ffi.dlopen(None)
    assert named.TX_SLOTS == udp.TX_SLOTS
    assert named.SLOT_BYTES == mmsg.SLOT
    assert named.SENT_NUMBERS == HISTORY
    assert (named.VOICES, named.VOICE_BYTES) == (voices.VOICES, voices.ROOM)
    assert (len(CODECS), CODECS[CodecName.RED]) == (named.CODECS, named.RED)
    assert named.NO_TYPE == NO_TYPE
    assert compiled.digest() == native.digest()
    assert compiled.LIBRARY == native.LIBRARY


def test_one_compiled_from_other_sources_is_not_used(tmp_path: Path) -> None:
    """After an update without `make install` its rows may lie otherwise: it would write wildly."""
    old = tmp_path / "libcompiled.so"
    made = compiled.digest().encode()
    old.write_bytes(native.LIBRARY.read_bytes().replace(made, made[::-1]))
    assert compiled.load(old) is None
    assert compiled.load(tmp_path / "nowhere.so") is None
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"\x7fELF")
    assert compiled.load(broken) is None


def test_one_of_another_machine_is_not_used_but_made_anew(tmp_path: Path) -> None:
    """A folder copied whole, from a PC to an ARM box, brings its library along."""
    theirs = bytearray(native.LIBRARY.read_bytes())
    theirs[18:20] = b"\xf3\xf3"  # e_machine
    library = tmp_path / "libcompiled.so"
    library.write_bytes(theirs)
    assert compiled.load(library) is None
    assert not native.is_current(library)
    assert native.is_current(native.LIBRARY)


def test_two_may_compile_it_at_once_and_nobody_need(tmp_path: Path) -> None:
    """Each in a place of its own; where nothing can be written, it just is not there."""
    library = tmp_path / "libcompiled.so"
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: native.compile_to(library, "cc"), range(4)))
    assert made == [True] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["libcompiled.so"]
    assert native.is_current(library)
    assert not native.compile_to(tmp_path / "nowhere" / "libcompiled.so", "cc")
    assert not native.compile_to(library, str(tmp_path / "no compiler"))
    assert native.is_current(library)


def test_it_compiles_without_a_warning(tmp_path: Path) -> None:
    """With the compiler at hand, conversions included."""
    compiler = shutil.which("cc")
    assert compiler is not None
    assert native.compile_to(tmp_path / "strict.so", compiler, *native.STRICT)
    assert not native.compile_to(tmp_path / "not.so", compiler, "-Werror", "-Wpadded-nonsense")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["strict.so"]
