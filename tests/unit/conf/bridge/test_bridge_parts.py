"""Small parts of the data plane on their own: session, statistics, RED, transport feedback."""

from datetime import UTC, datetime, timedelta

import pytest
from aiortc.rtcdtlstransport import RTCCertificate

from conf.media.dtls import CERTIFICATE_LIFETIME, CertificateStore, fingerprint
from conf.media.layer import SETTLING_S, USUAL_BPS
from conf.media.layers import ALL_TEMPORAL
from conf.media.model import Quality
from conf.media.picture import Picture, inspect
from conf.media.sdp import CodecName
from conf.media.session import MAX_CANDIDATES, Session
from conf.media.stats import LinkFigures, quality_of
from conf.media.thinner import Thinner
from conf.media.twcc import FeedbackBuilder
from conf.media.udp import Endpoint
from tests.support.bridge_stage import Nobody, Stage, vp8


def figures(loss: float = 0.0, trip_s: float = 0.02) -> LinkFigures:
    return LinkFigures(1e6, 1e6, 2e6, loss, 0.0, trip_s, 0.0, 2.0)


@pytest.mark.parametrize(
    ("link", "is_connected", "quality"),
    [
        (figures(), True, Quality.GOOD),
        (figures(loss=0.05), True, Quality.FAIR),
        (figures(trip_s=0.4), True, Quality.FAIR),
        (figures(loss=0.2), True, Quality.POOR),
        (figures(trip_s=0.9), True, Quality.POOR),
        (figures(), False, Quality.LOST),
    ],
)
def test_the_lamp_shows_the_worse_of_loss_and_way(
    link: LinkFigures, is_connected: bool, quality: Quality
) -> None:
    assert quality_of(link, is_connected=is_connected) is quality


def session() -> Session:
    return Session(RTCCertificate.generateCertificate(), (), lambda *_: None, Nobody(), 0.0)


def endpoint(n: int) -> Endpoint:
    return Endpoint(bytes((n,)) * 16)


def test_a_check_makes_a_candidate_and_moves_nothing() -> None:
    """A replayed request must not redirect media."""
    it = session()
    it.add_candidate(endpoint(1), 100, 0.0)
    it.move_to(endpoint(1).key)
    it.add_candidate(endpoint(2), 100, 1.0)
    assert it.endpoint is not None
    assert it.endpoint.key == endpoint(1).key


def test_a_check_from_elsewhere_is_no_consent_to_media_here() -> None:
    """Whoever has moved says so with media; an old check may be anybody's, captured long ago."""
    it = session()
    it.add_candidate(endpoint(1), 100, 1.0)
    it.move_to(endpoint(1).key)
    it.add_candidate(endpoint(2), 100, 5.0)
    assert it.heard_at == 1.0
    it.add_candidate(endpoint(1), 100, 6.0)
    assert it.heard_at == 6.0
    it.pause()
    it.add_candidate(endpoint(2), 100, 9.0)
    assert it.heard_at == 9.0
    assert it.endpoint is None


def test_the_oldest_candidate_makes_room_but_never_the_one_in_use() -> None:
    it = session()
    it.add_candidate(endpoint(1), 100, 0.0)
    it.move_to(endpoint(1).key)
    pushed = [it.add_candidate(endpoint(n), 100, 0.0) for n in range(2, MAX_CANDIDATES + 3)]
    assert [out.key for out in pushed if out] == [endpoint(2).key, endpoint(3).key]


def test_no_more_than_three_times_the_bytes_heard_before_the_handshake_ends() -> None:
    sent: list[bytes] = []
    it = Session(
        RTCCertificate.generateCertificate(), (), lambda data, _: sent.append(data), Nobody(), 0.0
    )
    it.add_candidate(endpoint(1), 100, 0.0)
    it.move_to(endpoint(1).key)
    for _ in range(5):
        it._send_dtls(bytes(100))
    assert sum(len(data) for data in sent) == 300


def test_a_restart_keeps_the_old_password_until_the_new_is_used() -> None:
    it = session()
    old = it.credentials
    it.restart(())
    assert it.password_of(old.ufrag) == old.password
    assert it.password_of(it.credentials.ufrag) == it.credentials.password
    assert it.restart(()) == old
    assert it.password_of(old.ufrag) is None
    with pytest.raises(ValueError, match="another session"):
        it.restart((("sha-256", "00"),))


@pytest.mark.parametrize("first", [0, 30_000, 65_000])
def test_a_sender_that_numbers_as_it_likes_ends_nothing(first: int) -> None:
    """Holes of any size between transport numbers: some feedback, and no error."""
    builder = FeedbackBuilder()
    for step in (0, 1000, 2023, 1, 3000, 2, 2900, 5, 40_000, 39_500):
        builder.add((first + step) & 0xFFFF, step)
        builder.build(1, 2)
    for n in range(0, 4000, 700):
        builder.add((first + n * 7) & 0xFFFF, n)
    builder.build(1, 2)


def test_a_new_layer_is_not_taken_for_cheaper_than_usual() -> None:
    """Its first seconds say too little."""
    stage = Stage()
    layer = stage.layer
    stage.picture(1, 1, key=True)
    layer.measure(1.0)
    assert layer.rate(1.0 + SETTLING_S / 2) == USUAL_BPS[0]
    assert layer.rate(1.0 + SETTLING_S) == layer.bps < USUAL_BPS[0]
    stage.close()


def test_a_key_frame_makes_a_layer_little_dearer() -> None:
    """A switch asks for one; by the pictures alone the rate follows at once."""
    stage = Stage()
    layer = stage.layer
    layer.bps, layer.octets, layer.last_at, layer.last_key_at = 1_500_000.0, 212_500, 10.0, 9.5
    layer.measure(1.0)
    assert layer.bps == 1_520_000
    layer.octets, layer.last_at = 212_500 + 212_500, 11.0
    layer.measure(1.0)
    assert layer.bps == 1_610_000
    stage.close()


def test_vp8_pictures_are_told_apart_by_their_temporal_layer() -> None:
    payload = memoryview(bytearray(vp8(300, temporal=1)))
    picture = inspect(CodecName.VP8, payload, 0, len(payload))
    assert picture is not None
    assert (picture.picture, picture.temporal, picture.has_sync) == (300, 1, True)
    assert (picture.is_key, picture.is_start, picture.picture_at) == (False, True, 2)


def picture(number: int, temporal: int, *, key: bool = False, sync: bool = False) -> Picture:
    it = Picture(key, 2, number, True, 4, 0)
    it.temporal, it.has_sync = temporal, sync
    return it


def test_thinning_falls_at_once_and_rises_where_nothing_is_missing() -> None:
    thinner = Thinner()
    assert thinner.is_idle
    thinner.wanted = 0
    assert [thinner.admits(picture(n, t)) for n, t in ((1, 0), (2, 2), (3, 1))] == [
        True,
        False,
        False,
    ]
    thinner.wanted = ALL_TEMPORAL
    assert not thinner.admits(picture(4, 2))
    assert not thinner.admits(picture(2, 2)), "a later packet shares its picture's fate"
    assert thinner.admits(picture(5, 1, sync=True))
    assert thinner.is_idle
    thinner.wanted = 0
    assert thinner.admits(picture(6, 0, key=True))
    thinner.restart()
    assert not thinner.admits(picture(5, 1))


def test_the_certificate_is_new_each_day_and_a_session_keeps_its_own() -> None:
    """A running call's fingerprint stands in its SDP; only later joins see the next one."""
    clock = [datetime(2026, 7, 1, 8, tzinfo=UTC)]
    store = CertificateStore(lambda: clock[0])
    first = store.current()
    running = Session(first, (), lambda *_: None, Nobody(), 0.0)
    clock[0] += CERTIFICATE_LIFETIME - timedelta(seconds=1)
    assert store.current() is first
    clock[0] += timedelta(seconds=1)
    second = store.current()
    assert fingerprint(second) != fingerprint(first)
    assert store.current() is second
    assert fingerprint(running.certificate) == fingerprint(first)
    assert first.expires > datetime.now(UTC) + 2 * CERTIFICATE_LIFETIME, "calls go on past midnight"
