"""Waiting for the rest of a picture: never for a voice, never for few, never for long."""

import socket
import weakref
from collections.abc import Iterator

import pytest

from conf.media import udp
from conf.media.opened import IMPATIENT_S, MIN_SLOTS, OpenPictures
from conf.media.sdp import Role
from tests.support.bridge_client import VP8
from tests.support.bridge_stage import Stage, vp8

MARKED = 0x80 | VP8


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A camera and enough main slots, all shown it."""
    it = Stage()
    for n in range(1, MIN_SLOTS):
        it.add_slot(Role.MAIN_DOWN, ssrc=100 + 2 * n)
    it.say(1, vp8(1, key=True), kind=MARKED)
    it.read()
    yield it
    it.close()


def test_a_picture_is_open_until_its_last_packet(stage: Stage) -> None:
    pictures = stage.forwarder.open
    stage.say(2, vp8(2))
    assert pictures.lack_rest()
    stage.say(3, vp8(2))
    assert pictures.lack_rest()
    stage.say(4, vp8(2), kind=MARKED)
    assert not pictures.lack_rest()


def test_a_repaired_packet_opens_nothing(stage: Stage) -> None:
    """The rest of its picture went out long ago."""
    stage.say(4, vp8(3), kind=MARKED)
    stage.say(3, vp8(3))
    assert not stage.forwarder.open.lack_rest()


def test_what_has_been_sent_is_waited_for_no_more(stage: Stage) -> None:
    stage.say(2, vp8(2))
    stage.read()
    assert not stage.forwarder.open.lack_rest()


def test_neither_voices_nor_a_picture_for_few_are_waited_for() -> None:
    for up, down in ((Role.AUDIO_UP, Role.AUDIO_DOWN), (Role.CAMERA_UP, Role.MAIN_DOWN)):
        it = Stage(up, down)
        if up is Role.AUDIO_UP:
            it.voice(1, b"word")
        else:
            it.say(1, vp8(1, key=True))
        assert not it.forwarder.open.lack_rest()
        it.close()


def test_a_source_that_sends_its_packets_apart_is_not_waited_for_again(stage: Stage) -> None:
    """But later it is, for it may have been one bad moment."""
    pictures = OpenPictures()
    pictures.note(stage.layer, 60, 1.0, is_last=False)
    pictures.give_up(1.0)
    pictures.note(stage.layer, 60, 1.01, is_last=False)
    assert not pictures.lack_rest()
    pictures.note(stage.layer, 60, 1.01 + IMPATIENT_S, is_last=False)
    assert pictures.lack_rest()
    assert pictures.in_vain == 1


def test_the_port_waits_only_while_nothing_has_come() -> None:
    port = udp.open_port("127.0.0.1", 0)
    assert not port.wait(0.0)
    assert not port.wait(0.0001)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"\x80" * 22, ("127.0.0.1", port.local_port()))
        assert port.wait(0.0009)
    plain = udp.PlainPort(udp.open_udp("127.0.0.1", 0))
    assert not plain.wait(0.0001)
    plain.close()
    port.close()


def test_a_layer_waited_for_in_vain_is_forgotten_when_its_site_leaves() -> None:
    """Else the last camera of a meeting would stay in memory until the next one."""
    pictures, layer = OpenPictures(), Leaving()
    alive = weakref.ref(layer)
    pictures.note(layer, MIN_SLOTS, 0.0, is_last=False)
    pictures.give_up(0.0)
    pictures.note(layer, MIN_SLOTS, 2 * IMPATIENT_S, is_last=False)
    pictures.forget(layer)
    assert not pictures.lack_rest()
    del layer
    assert alive() is None


class Leaving:
    """Something to hold on to."""
