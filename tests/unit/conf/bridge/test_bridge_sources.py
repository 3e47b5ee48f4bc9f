"""Which source a packet is of: learned from its MID and RID, its repairs from the repaired RID."""

import pytest

from conf.media.layer import Layer
from conf.media.model import SourceKind
from conf.media.publisher import Publisher
from conf.media.rtp import Packet, extension_table
from conf.media.sdp import CodecName, Offer, parse_offer
from tests.support.bridge_client import MID, RID, RRID, RTX, VP8, Site
from tests.support.offers import read_offer

CAMERA = "1"


class Camera:
    """Sends packets to a real publisher; `came`: layer, number, payload type, payload."""

    def __init__(self, offer: Offer | None = None) -> None:
        if offer is None:
            site = Site("a")
            offer = parse_offer(site.offer())
            site.socket.close()
        self.publisher = Publisher("a", offer, self._forward)
        self.came: list[tuple[str, int, int, bytes]] = []
        self._table = extension_table(offer.extensions)

    def _forward(self, layer: Layer, packet: Packet, memory: memoryview, now: float) -> None:
        payload = bytes(memory[packet.payload : packet.payload_end])
        self.came.append((layer.rid, packet.sequence, packet.payload_type, payload))

    def say(self, ssrc: int, kind: int, sequence: int, payload: bytes, **names: str) -> None:
        """`names`: the header extensions mid, rid, rrid."""
        ids = {"mid": MID, "rid": RID, "rrid": RRID}
        block = b"".join(
            bytes((ids[name] << 4 | len(text) - 1,)) + text.encode() for name, text in names.items()
        )
        block += bytes(-len(block) % 4)
        data = bytes((0x90, kind)) + sequence.to_bytes(2, "big") + bytes(4)
        data += ssrc.to_bytes(4, "big") + b"\xbe\xde" + (len(block) // 4).to_bytes(2, "big")
        memory = memoryview(bytearray(data + block + payload))
        packet = Packet()
        packet.read(memory, 0, len(memory), self._table)
        self.publisher.on_packet(packet, memory, 1.0)


def test_layers_are_learned_once_and_then_known_by_their_source() -> None:
    """A browser names them in its first packets only."""
    camera = Camera()
    for ssrc, rid in ((11, "q"), (12, "h"), (13, "f")):
        camera.say(ssrc, VP8, 1, b"first", mid=CAMERA, rid=rid)
    for ssrc in (13, 11, 12):
        camera.say(ssrc, VP8, 2, b"later")
    assert [rid for rid, *_ in camera.came] == ["q", "h", "f", "f", "q", "h"]


def test_a_repair_takes_the_place_of_the_packet_that_was_lost() -> None:
    """RFC 4588: whatever number it has of its own; the original never came."""
    camera = Camera()
    for ssrc, rid in ((11, "q"), (13, "f")):
        camera.say(ssrc, VP8, 700, b"one", mid=CAMERA, rid=rid)
    camera.say(23, RTX, 5, (701).to_bytes(2, "big") + b"lost", mid=CAMERA, rrid="f")
    camera.say(23, RTX, 6, (65_535).to_bytes(2, "big") + b"too")
    assert camera.came[2:] == [("f", 701, VP8, b"lost"), ("f", 65_535, VP8, b"too")]


@pytest.mark.parametrize("payload", [b"", b"\x01"])
def test_a_probe_on_the_repair_source_repairs_nothing(payload: bytes) -> None:
    """Browsers probe with it; it has no original number."""
    camera = Camera()
    camera.say(11, VP8, 1, b"one", mid=CAMERA, rid="q")
    camera.say(21, RTX, 1, payload, mid=CAMERA, rrid="q")
    assert len(camera.came) == 1


@pytest.mark.parametrize("names", [{}, {"mid": "99"}, {"mid": CAMERA}, {"mid": CAMERA, "rid": "x"}])
def test_what_names_no_source_of_ours_goes_nowhere(names: dict[str, str]) -> None:
    """Of three layers none can be guessed."""
    camera = Camera()
    camera.say(31, VP8, 1, b"whose", **names)
    assert camera.came == []
    assert camera.publisher.unknown_packets == 1


def test_a_camera_of_one_layer_is_known_by_the_sources_its_offer_names() -> None:
    """An old Safari puts no name on its packets."""
    offer = parse_offer(read_offer("safari13-phone-single"))
    section = offer.sections[1]
    ((media, repair),) = section.ssrcs
    vp8 = section.codec(CodecName.VP8)
    assert repair is not None
    assert vp8 is not None
    assert vp8.rtx_payload_type is not None
    camera = Camera(offer)
    camera.say(media, vp8.payload_type, 7, b"picture")
    camera.say(repair, vp8.rtx_payload_type, 1, (6).to_bytes(2, "big") + b"lost")
    assert camera.came == [
        ("", 7, vp8.payload_type, b"picture"), ("", 6, vp8.payload_type, b"lost"),
    ]  # fmt: skip


def told(camera: Camera, seconds: int) -> list[tuple[str, ...]]:
    """What the page is told to send meanwhile, by a camera all of whose layers come."""
    layers, news = camera.publisher.tracks[SourceKind.CAMERA].layers, []
    for quarter in range(4 * seconds):
        for layer in layers:
            layer.last_at = quarter / 4
        rids = camera.publisher.newly_wanted(quarter / 4)
        news += [rids] if rids else []
    return news


def test_what_nobody_looks_at_stops_but_for_the_smallest() -> None:
    """A line that weakens falls to it at once, and a newcomer begins with it."""
    assert told(Camera(), 20) == [("q",)]


def test_what_is_recorded_goes_on_and_so_do_the_smaller_ones() -> None:
    """A recording is somebody who looks; the layers below are what a weak line falls to."""
    camera = Camera()
    largest = camera.publisher.tracks[SourceKind.CAMERA].layers[-1]
    camera.publisher.recorded[largest] = lambda packet, memory: None
    assert told(camera, 20) == []


def test_a_camera_that_was_switched_off_is_told_nothing() -> None:
    """Its page has no encoder to stop, and begins with all layers when it is on again."""
    camera = Camera()
    assert told(camera, 3) == []
    assert [camera.publisher.newly_wanted(at) for at in range(6, 60, 3)] == [None] * 18
