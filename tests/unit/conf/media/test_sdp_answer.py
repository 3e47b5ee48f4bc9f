"""The answer: what was offered is repeated, reversed, and every down slot has its sources."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.answer import (
    AnswerPlan,
    Candidate,
    DownStream,
    Endpoint,
    build_answer,
    candidate_lines,
    plan_streams,
)
from conf.media.sdp import Offer, Role, parse_offer
from tests.support.offers import BROWSERS, read_offer

ENDPOINT = Endpoint(
    ice_ufrag="abcd",
    ice_pwd="0123456789abcdefghijkl",
    fingerprint=("sha-256", ":".join(["AB"] * 32)),
    candidates=(Candidate("192.0.2.1", 7000), Candidate("2001:db8::1", 7000, is_tcp=True)),
)


def offer_of(name: str) -> Offer:
    return parse_offer(read_offer(name))


def plan_for(offer: Offer, **changes: object) -> AnswerPlan:
    plan = AnswerPlan(session_id=7, endpoint=ENDPOINT, streams=plan_streams(offer, 0x10000))
    return replace(plan, **changes)  # type: ignore[arg-type]


def sections_of(answer: str) -> list[list[str]]:
    return [("m=" + part).split("\r\n") for part in answer.split("\r\nm=")[1:]]


def values(section: list[str], name: str) -> list[str]:
    return [line.partition(":")[2] for line in section if line.startswith(f"a={name}:")]


@pytest.mark.parametrize("name", BROWSERS)
def test_the_answer_mirrors_the_offer(name: str) -> None:
    offer = offer_of(name)
    answered = sections_of(build_answer(offer, plan_for(offer)))
    assert len(answered) == len(offer.sections)
    for section, lines in zip(offer.sections, answered, strict=True):
        assert values(lines, "mid") == [section.mid]
        assert ("a=recvonly" if section.role.is_up else "a=sendonly") in lines
        assert {"a=setup:passive", "a=rtcp-mux"} <= set(lines)
        assert ("a=rtcp-rsize" in lines) == section.has_rsize
        offered = {c.payload_type for c in section.codecs}
        offered |= {c.rtx_payload_type for c in section.codecs if c.rtx_payload_type}
        assert {int(word) for word in lines[0].split(" ")[3:]} == offered


@pytest.mark.parametrize("name", ["safari13-phone-single", "safari18-phone-single"])
def test_safari_is_answered_with_vp8_and_the_h264_it_can_send_to_all(name: str) -> None:
    """VP8 first; H.264 as constrained baseline, mode 1, under the number Safari gave that one."""
    offer = offer_of(name)
    for lines in sections_of(build_answer(offer, plan_for(offer))):
        if lines[0].startswith("m=video"):
            payloads = lines[0].split(" ")[3:]
            assert f"{payloads[0]} VP8/90000" in values(lines, "rtpmap")
            assert "98 H264/90000" in values(lines, "rtpmap")
            wanted = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
            assert f"98 {wanted}" in values(lines, "fmtp")
            assert "96" not in payloads
            for payload in (payloads[0], "98"):
                assert {"nack", "nack pli", "ccm fir", "transport-cc"} <= {
                    value.partition(" ")[2]
                    for value in values(lines, "rtcp-fb")
                    if value.startswith(f"{payload} ")
                }


@pytest.mark.parametrize("name", BROWSERS)
def test_extension_ids_stay_and_abs_send_time_yields_to_transport_cc(name: str) -> None:
    offer = offer_of(name)
    for section, lines in zip(
        offer.sections, sections_of(build_answer(offer, plan_for(offer))), strict=True
    ):
        answered = dict(reversed(value.split(" ")) for value in values(lines, "extmap"))
        for extension, number in section.extensions.items():
            if "abs-send-time" not in extension.value:
                assert answered[extension.value] == str(number)
        has_both = any("abs-send-time" in uri for uri in answered) and any(
            "transport-wide" in uri for uri in answered
        )
        assert not has_both


def test_layers_are_taken_in_the_order_offered() -> None:
    offer = offer_of("chromium156-pc-simulcast")
    camera = sections_of(build_answer(offer, plan_for(offer)))[1]
    assert values(camera, "rid") == ["q recv", "h recv", "f recv"]
    assert values(camera, "simulcast") == ["recv q;h;f"]


def test_feedback_is_what_was_offered_and_no_more() -> None:
    offer = offer_of("chromium156-pc-simulcast")
    audio, camera, *_ = sections_of(build_answer(offer, plan_for(offer)))
    assert values(audio, "rtcp-fb") == ["111 transport-cc", "111 nack"]
    assert "96 nack pli" in values(camera, "rtcp-fb")
    assert not [value for value in values(camera, "rtcp-fb") if "remb" in value]
    plain = offer_of("chromium156-phone-single")
    audio = sections_of(build_answer(plain, plan_for(plain)))[0]
    assert values(audio, "rtcp-fb") == ["111 transport-cc"]


def test_the_first_codec_is_the_one_wanted() -> None:
    offer = offer_of("chromium156-pc-simulcast")

    answered = sections_of(build_answer(offer, plan_for(offer)))
    formats = [lines[0].split(" ", 3)[3] for lines in answered[:2]]
    assert formats == ["63 111", "96 97 108 109"]


def test_each_repair_names_the_pictures_it_repairs() -> None:
    """RFC 4588 §8.6: apt of the RTX type is the media type."""
    offer = offer_of("chromium156-pc-simulcast")
    for section, lines in zip(
        offer.sections, sections_of(build_answer(offer, plan_for(offer))), strict=True
    ):
        pairs = {f"{c.rtx_payload_type} apt={c.payload_type}" for c in section.codecs}
        told = {value for value in values(lines, "fmtp") if "apt=" in value}
        assert told == (pairs if section.kind == "video" else set())


def test_each_down_section_has_one_source_and_its_repair() -> None:
    offer = offer_of("chromium156-pc-simulcast")
    plan = plan_for(offer)
    seen: list[str] = []
    for section, lines in zip(offer.sections, sections_of(build_answer(offer, plan)), strict=True):
        sources = [value.split(" ")[0] for value in values(lines, "ssrc")]
        if section.role.is_up:
            assert not sources
            continue
        stream = plan.streams[section.mid]
        if section.kind == "video":
            assert values(lines, "ssrc-group") == [f"FID {stream.ssrc} {stream.rtx_ssrc}"]
            assert sources == [str(stream.ssrc), str(stream.rtx_ssrc)]
        else:  # browsers have no RTX for Opus
            assert sources == [str(stream.ssrc)]
        seen += sources
    assert len(set(seen)) == len(seen)


def test_the_first_audio_slot_plays_in_step_with_the_main_picture() -> None:
    offer = offer_of("chromium156-pc-simulcast")
    answered = sections_of(build_answer(offer, plan_for(offer)))
    names = [values(lines, "msid")[0].split(" ")[0] for lines in answered[3:]]
    main = offer.of(Role.MAIN_DOWN)[0].index - 3
    assert names[0] == names[main] == "stage"
    assert len(set(names)) == len(names) - 1


def test_a_capped_site_is_told_its_cap() -> None:
    offer = offer_of("chromium156-phone-single")
    answered = sections_of(build_answer(offer, plan_for(offer, limits_bps={"1": 300_000})))
    assert "b=TIAS:300000" in answered[1]
    assert not [line for line in answered[2] if line.startswith("b=")]


def test_candidates_are_on_the_first_section_and_udp_comes_first() -> None:
    offer = offer_of("chromium156-phone-single")
    answer = build_answer(offer, plan_for(offer))
    answered = sections_of(answer)
    assert len(values(answered[0], "candidate")) == 2
    assert "a=end-of-candidates" in answered[0]
    assert not [lines for lines in answered[1:] if values(lines, "candidate")]
    assert "a=ice-lite" in answer.partition("\r\nm=")[0]


def test_candidate_priorities_follow_the_order_given() -> None:
    lines = candidate_lines(
        [Candidate("::1", 1), Candidate("::2", 2), Candidate("::3", 3, True), Candidate("::4", 4)]
    )
    priorities = {line.split(" ")[4]: int(line.split(" ")[3]) for line in lines}
    assert priorities["::1"] > priorities["::2"] > priorities["::4"] > priorities["::3"]
    assert lines[2].endswith("typ host tcptype passive")
    assert [line.split(" ")[2] for line in lines] == ["udp", "udp", "tcp", "udp"]


def test_an_inactive_section_stays_inactive() -> None:
    text = read_offer("chromium156-phone-single")
    head, mark, rest = text.partition("a=mid:2\r\n")
    offer = parse_offer(head + mark + rest.replace("a=sendonly", "a=inactive", 1))
    assert "a=inactive" in sections_of(build_answer(offer, plan_for(offer)))[2]


def test_mixed_extension_forms_are_allowed_only_when_offered() -> None:
    text = read_offer("chromium156-phone-single")
    offer = parse_offer(text.replace("a=extmap-allow-mixed\r\n", ""))
    assert "extmap-allow-mixed" not in build_answer(offer, plan_for(offer))


def test_an_extension_without_transport_cc_keeps_abs_send_time() -> None:
    text = read_offer("chromium156-phone-single")
    offer = parse_offer(re.sub(r"a=extmap:3 [^\r]*\r\n", "", text))
    assert "abs-send-time" in build_answer(offer, plan_for(offer))


def test_a_restart_gets_the_same_sources() -> None:
    offer = offer_of("chromium156-pc-simulcast")
    assert plan_streams(offer, 99) == plan_streams(offer, 99)


@given(base=st.integers(0, 0xFFFFFFFF))
def test_sources_are_different_and_nobody_elses(base: int) -> None:
    offer = offer_of("chromium156-phone-single")
    offered = {ssrc for section in offer.sections for pair in section.ssrcs for ssrc in pair}
    streams = plan_streams(offer, base).values()
    taken = [ssrc for stream in streams for ssrc in (stream.ssrc, stream.rtx_ssrc)]
    assert len(set(taken)) == len(taken) == 2 * 13
    assert not {0, *offered} & set(taken)
    assert all(0 < ssrc <= 0xFFFFFFFF for ssrc in taken)


def test_a_source_the_browser_uses_is_passed_over() -> None:
    offer = offer_of("safari18-phone-single")
    first = next(iter(plan_streams(offer, 616985218).values()))
    assert first == DownStream(616985219, 616985220)
