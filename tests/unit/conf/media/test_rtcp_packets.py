"""RTCP: what browsers send is read, what we build is read by others, torn packets are refused."""

import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from aiortc.rtp import RtcpPacket
from hypothesis import example, given
from hypothesis import strategies as st

from conf.media.errors import DecodeError
from conf.media.rtcp import (
    MAX_PACKETS,
    Bye,
    Fir,
    Nack,
    Pli,
    ReceiverReport,
    Remb,
    Report,
    ReportBlock,
    SenderReport,
    SourceDescription,
    TransportFeedback,
    build,
    lone_feedback,
    middle,
    ntp_time,
    parse,
    round_trip_s,
)

VECTORS = tomllib.loads(
    (Path(__file__).parents[3] / "vectors" / "rtcp" / "chromium156.toml").read_text()
)["compound"]
BLOCK = ReportBlock(5, 64, -3, 70_000, 12, 0x11223344, 65_536)
EVERY: list[Report] = [
    SenderReport(1, 0x1122334455667788, 90_000, 10, 1_000, (BLOCK,)),
    ReceiverReport(2, (BLOCK, BLOCK)),
    SourceDescription(((1, "fengsui"), (2, "abc"))),
    Bye((1, 2)),
    Nack(1, 2, (10, 11, 26, 27, 65_535)),
    Pli(1, 2),
    Fir(1, ((2, 255), (3, 0))),
]
u32 = st.integers(0, 0xFFFFFFFF)


@pytest.mark.parametrize("vector", VECTORS)
def test_chromium_reports_are_read_as_another_parser_reads_them(vector: dict[str, object]) -> None:
    first, *rest = parse(bytes.fromhex(str(vector["hex"])))
    if isinstance(first, SenderReport):
        assert first.ssrc == vector["ssrc"]
        assert first.ntp == int(str(vector["ntp"]), 16)
        assert first.timestamp == vector["timestamp"]
        assert (first.packets, first.octets) == (vector["sent_packets"], vector["octets"])
        assert rest == [SourceDescription(((first.ssrc, str(vector["cname"])),))]
    else:
        assert isinstance(first, ReceiverReport)


@pytest.mark.parametrize("vector", VECTORS)
def test_chromium_reports_are_built_the_same(vector: dict[str, object]) -> None:
    data = bytes.fromhex(str(vector["hex"]))
    assert build(parse(data)) == data


def test_a_compound_comes_back_as_it_was_built() -> None:
    assert parse(build(EVERY)) == EVERY


def test_another_parser_reads_what_we_build() -> None:
    # aiortc reads one chunk, ended by an even number of zeros; more is beyond it.
    described = SourceDescription(((1, "fengsui!"),))
    reports = [described if isinstance(r, SourceDescription) else r for r in EVERY]
    sr, rr, sdes, bye, nack, pli, fir = RtcpPacket.parse(build(reports))
    assert sr.sender_info.ntp_timestamp == 0x1122334455667788
    assert sr.reports[0].packets_lost == -3
    assert [report.ssrc for report in rr.reports] == [5, 5]
    assert sdes.chunks[0].items == [(1, b"fengsui!")]
    assert bye.sources == [1, 2]
    assert nack.lost == [10, 11, 26, 27, 65_535]
    assert (pli.ssrc, pli.media_ssrc) == (1, 2)
    assert fir.media_ssrc == 0


def test_a_remb_is_read() -> None:
    body = "00000001" + "00000000" + "52454d42" + "020a03e8" + "00000002" + "00000003"
    data = bytes.fromhex("8fce0006" + body)
    assert parse(data) == [Remb(1, 0x203E8 << 2, (2, 3))]


def test_transport_feedback_keeps_its_body() -> None:
    assert parse(bytes.fromhex("8fcd00030000000100000002aabbccdd")) == [
        TransportFeedback(1, 2, bytes.fromhex("aabbccdd"))
    ]


def test_padding_is_left_out() -> None:
    assert parse(bytes.fromhex("a1cb0002 00000007 00000004".replace(" ", ""))) == [Bye((7,))]


@pytest.mark.parametrize(
    "data",
    ["80cf0000", "82cd00020000000100000002", "82ce00020000000100000002", "8fce0003" + "00" * 12],
    ids=["extended report", "unknown transport", "unknown payload", "other application"],
)
def test_what_is_not_ours_is_passed_over(data: str) -> None:
    assert parse(bytes.fromhex(data)) == []


def test_other_items_of_a_description_are_passed_over() -> None:
    data = bytes.fromhex("81ca0004 00000001 0203616263 0101 78 00000000".replace(" ", ""))
    assert parse(data) == [SourceDescription(((1, "x"),))]


TORN = {
    "header": "80c8",
    "version": "40c90001" + "00" * 4,
    "length": "80c90005" + "00" * 4,
    "no fields": "80c90000",
    "blocks missing": "81c90001" + "00" * 4,
    "padding of nothing": "a0c90001" + "00" * 4,
    "padding overruns": "a0c90001" + "000000ff",
    "padding overruns a goodbye": "a0cb0001" + "000000ff",
    "sources missing": "82cb0001" + "00" * 4,
    "description overruns": "81ca0002" + "00000001" + "01ff0000",
    "description ends": "82ca0001" + "00000001",
    "item header overruns": "81ca0002" + "00000001" + "01017803",
    "torn request": "84ce0003" + "00" * 12,
    "torn nack": "a1cd0003" + "00" * 8 + "00010002",
    "remb sources": "8fce0004" + "00" * 8 + "52454d42" + "05000000",
}


@pytest.mark.parametrize("case", TORN)
def test_a_torn_packet_is_refused(case: str) -> None:
    with pytest.raises(DecodeError):
        parse(bytes.fromhex(TORN[case]))


def test_an_endless_compound_is_refused() -> None:
    with pytest.raises(DecodeError):
        parse(build([Bye((1,))] * (MAX_PACKETS + 1)))


def test_a_nack_for_everything_is_refused() -> None:
    with pytest.raises(DecodeError):
        parse(build([Nack(1, 2, tuple(range(600)))]))


@given(st.binary(max_size=120))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(DecodeError):
        parse(data)


@given(st.sampled_from([200, 201, 202, 203, 205, 206]), st.integers(0, 31), st.binary(max_size=80))
def test_random_bodies_are_read_or_refused(kind: int, count: int, body: bytes) -> None:
    body += bytes(-len(body) % 4)
    with suppress(DecodeError):
        parse(bytes((0x80 | count, kind)) + (len(body) // 4).to_bytes(2, "big") + body)


@given(u32, st.integers(0, 2**64 - 1), u32, u32, u32)
def test_any_sender_report_comes_back(ssrc: int, ntp: int, at: int, count: int, size: int) -> None:
    report = SenderReport(ssrc, ntp, at, count, size)
    assert parse(build([report])) == [report]


def test_counters_beyond_32_bits_wrap() -> None:
    (report,) = parse(build([SenderReport(1, 0, 0, 2**32 + 5, 2**32 + 7)]))
    assert isinstance(report, SenderReport)
    assert (report.packets, report.octets) == (5, 7)


@given(st.integers(-(2**23), 2**23 - 1), st.integers(0, 255))
def test_any_loss_comes_back(lost: int, fraction: int) -> None:
    report = ReceiverReport(1, (ReportBlock(2, fraction, lost, 3, 4, 5, 6),))
    assert parse(build([report])) == [report]


@given(st.integers(0, 65535), st.lists(st.integers(0, 400), min_size=1, max_size=60, unique=True))
@example(65_530, [0, 3, 5, 6, 9, 40])
def test_any_nack_asks_for_the_same_packets(start: int, offsets: list[int]) -> None:
    wanted = tuple((start + offset) & 0xFFFF for offset in sorted(offsets))
    data = build([Nack(1, 2, wanted)])
    (nack,) = parse(data)
    assert isinstance(nack, Nack)
    assert nack.sequences == wanted


@given(st.text(min_size=0, max_size=80), u32)
def test_any_cname_comes_back(name: str, ssrc: int) -> None:
    (report,) = parse(build([SourceDescription(((ssrc, name),))]))
    assert isinstance(report, SourceDescription)
    assert report.cnames[0][0] == ssrc
    assert name.startswith(report.cnames[0][1].rstrip("\N{REPLACEMENT CHARACTER}"))


@pytest.mark.parametrize("report", [Remb(1, 2, ()), TransportFeedback(1, 2, b"")])
def test_what_we_never_send_is_not_built(report: Report) -> None:
    with pytest.raises(ValueError, match="not built"):
        build([report])


def test_at_most_31_entries() -> None:
    with pytest.raises(ValueError, match="31"):
        build([Bye(tuple(range(32)))])


def test_ntp_time_counts_from_1900() -> None:
    assert ntp_time(0) >> 32 == 2_208_988_800
    assert middle(ntp_time(1.5)) == (2_208_988_801 & 0xFFFF) << 16 | 0x8000


@pytest.mark.parametrize(
    ("last_sr", "delay", "expected"),
    [(0, 0, None), (0x10000, 0x8000, 0.5), (0x18000, 0x8000, 0.0), (0x20000, 0x8000, None)],
    ids=["no report yet", "half a second", "at once", "from the future"],
)
def test_round_trip(last_sr: int, delay: int, expected: float | None) -> None:
    block = ReportBlock(1, 0, 0, 0, 0, last_sr, delay)
    assert round_trip_s(block, 2 << 32) == expected


@given(st.sampled_from([0x8F, 0xAF, 0x81, 0x4F]), st.binary(max_size=40), st.integers(0, 2))
def test_a_lone_feedback_is_found_as_the_parser_finds_it(
    first: int, rest: bytes, more: int
) -> None:
    """Where the short way gives an answer, `parse` gives the same."""
    words = len(rest) // 4 + more // 2
    packet = bytes((first, 205, 0, words)) + rest[: len(rest) & ~3]
    found = lone_feedback(b"??" + packet, 2, len(packet))
    if found is not None:
        (report,) = parse(packet)
        assert isinstance(report, TransportFeedback)
        assert report.body == (b"??" + packet)[slice(*found)]


def test_what_is_not_a_lone_feedback_is_left_to_the_parser() -> None:
    feedback = bytes.fromhex("8fcd0005000000010000000200000001000000002001c000")
    nack = bytes.fromhex("81cd0003000000010000000200010000")
    assert lone_feedback(feedback, 0, 24) == (12, 24)
    for other in (feedback + nack, nack, feedback[:20], b"\x8f\xcd", b""):
        assert lone_feedback(other, 0, len(other)) is None
