"""Offers of the fixed pool: what real browsers send is understood, what contradicts it is named."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.sdp import (
    MAX_OFFER_BYTES,
    CodecName,
    Extension,
    Offer,
    Role,
    parse_offer,
)
from core.errors import InvalidInput
from tests.support.offers import BROWSERS
from tests.support.offers import read_offer as read

SIMULCAST = "chromium156-pc-simulcast"


def refused(text: str) -> str:
    """The field named by the refusal."""
    with pytest.raises(InvalidInput) as caught:
        parse_offer(text)
    assert caught.value.field is not None
    return caught.value.field


def edited(old: str, new: str, *, count: int = 1, name: str = SIMULCAST) -> str:
    text = read(name)
    assert old in text
    return text.replace(old, new, count)


@pytest.mark.parametrize("name", BROWSERS)
def test_every_browser_offer_has_the_whole_pool(name: str) -> None:
    offer = parse_offer(read(name))
    roles = [section.role for section in offer.sections]
    assert roles[:8] == [
        Role.AUDIO_UP,
        Role.CAMERA_UP,
        Role.SCREEN_UP,
        *[Role.AUDIO_DOWN] * 3,
        Role.MAIN_DOWN,
        Role.SHARE_DOWN,
    ]
    thumbnails = 25 if "wall" in name else 16 if "pc" in name else 8
    assert roles[8:] == [Role.THUMBNAIL_DOWN] * thumbnails
    assert [section.mid for section in offer.sections] == [str(i) for i in range(8 + thumbnails)]
    assert len(offer.fingerprints) == 1
    numbers = {"firefox": 3, "safari13": 9}
    known = next((number for start, number in numbers.items() if name.startswith(start)), 4)
    assert offer.extensions[Extension.MID] == known


@pytest.mark.parametrize("name", BROWSERS)
def test_every_browser_offers_vp8_and_opus_with_rtx(name: str) -> None:
    for section in parse_offer(read(name)).sections:
        if section.kind == "audio":
            assert section.codec(CodecName.OPUS) is not None
            assert section.codec(CodecName.VP8) is None
        else:
            vp8 = section.codec(CodecName.VP8)
            h264 = section.codec(CodecName.H264)
            assert vp8 is not None
            assert vp8.rtx_payload_type is not None
            assert {"nack", "nack pli", "transport-cc"} <= vp8.feedback
            if name.startswith("firefox153"):
                continue  # its H.264 is a plugin, fetched later
            assert h264 is not None
            assert "42e01f" in h264.parameters


@pytest.mark.parametrize(
    ("name", "h264", "vp8", "red"), [("safari18", 98, 106, 63), ("safari13", 98, 100, None)]
)
def test_of_safaris_pictures_those_all_decode_are_taken(
    name: str, h264: int, vp8: int, red: int | None
) -> None:
    """It puts H.264 high first, and has whole-unit H.264, H.265 and VP9 besides."""
    offer = parse_offer(read(f"{name}-phone-single"))
    for section in offer.sections:
        found = {codec.name: codec.payload_type for codec in section.codecs}
        if section.kind == "video":
            assert found == {CodecName.H264: h264, CodecName.VP8: vp8}
        else:
            assert found == {CodecName.OPUS: 111} | ({CodecName.RED: red} if red else {})
    assert offer.allows_mixed_extensions == (name == "safari18")
    assert (Extension.RID in offer.extensions) == (name == "safari18")


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        (SIMULCAST, ("q", "h", "f")),
        ("firefox-pc-simulcast", ("q", "h", "f")),
        ("firefox153-pc-simulcast", ("q", "h", "f")),
        ("firefox153-phone-single", ()),
        ("chromium156-phone-single", ()),
        ("safari13-phone-single", ()),
        ("safari18-phone-single", ()),
    ],
)
def test_layers_are_known_smallest_first(name: str, layers: tuple[str, ...]) -> None:
    (camera,) = parse_offer(read(name)).of(Role.CAMERA_UP)
    assert camera.layers == layers


def test_layers_are_put_in_order_whatever_the_offer_says() -> None:
    offer = parse_offer(edited("a=simulcast:send q;h;f", "a=simulcast:send f;~h;q,x"))
    assert offer.sections[1].layers == ("q", "h", "f")
    assert offer.sections[1].simulcast_as_offered == ("f", "h", "q")


def test_layers_of_other_names_keep_the_order_offered() -> None:
    text = edited("a=rid:q send", "a=rid:low send").replace("send q;h;f", "send f;low;h", 1)
    assert parse_offer(text).sections[1].layers == ("f", "low", "h")


def test_a_single_layer_names_its_sources() -> None:
    safari = parse_offer(read("safari18-phone-single"))
    assert safari.sections[1].ssrcs == ((3201680545, 2693598584),)
    assert safari.sections[0].ssrcs == ((616985218, None),)
    firefox = parse_offer(read("firefox-pc-simulcast"))
    assert firefox.sections[1].ssrcs == ((1001, 1002), (1003, 1004), (1005, 1006))
    assert parse_offer(read(SIMULCAST)).sections[1].ssrcs == ()


def test_an_extension_for_the_other_direction_is_left_out() -> None:
    offer = parse_offer(read("firefox-pc-simulcast"))
    assert Extension.PLAYOUT_DELAY not in offer.sections[1].extensions
    assert offer.sections[6].extensions[Extension.PLAYOUT_DELAY] == 6
    assert Extension.RID in offer.sections[1].extensions
    assert Extension.RID not in parse_offer(read(SIMULCAST)).sections[6].extensions


def test_todays_firefox_names_its_sources_and_numbers_its_voices() -> None:
    offer = parse_offer(read("firefox153-pc-simulcast"))
    assert len(offer.sections[1].ssrcs) == 3
    assert offer.sections[3].extensions[Extension.TRANSPORT_CC] == 7
    opus = offer.sections[3].codec(CodecName.OPUS)
    assert opus is not None
    assert "nack" in opus.feedback


def test_firefox_audio_may_have_no_transport_numbers() -> None:
    offer = parse_offer(read("firefox-phone-single"))
    assert Extension.TRANSPORT_CC not in offer.sections[3].extensions
    assert offer.extensions[Extension.TRANSPORT_CC] == 7


def test_session_level_credentials_serve_all_sections() -> None:
    text = read(SIMULCAST)
    lines = [
        re.search(pattern, text)[0]  # type: ignore[index]
        for pattern in (
            r"a=ice-ufrag:\S+",
            r"a=ice-pwd:\S+",
            r"a=fingerprint:[^\r]+",
            r"a=setup:\S+",
        )
    ]
    for line in lines:
        text = text.replace(line + "\r\n", "")
    text = text.replace("t=0 0\r\n", "t=0 0\r\n" + "\r\n".join(lines) + "\r\n")
    whole, moved = parse_offer(read(SIMULCAST)), parse_offer(text)
    assert moved == whole


def test_mixed_extensions_may_be_allowed_per_section() -> None:
    text = edited("a=extmap-allow-mixed\r\n", "")
    assert not parse_offer(text).allows_mixed_extensions
    text = re.sub(r"(m=[^\r]*\r\n)", r"\1a=extmap-allow-mixed\r\n", text)
    assert parse_offer(text).allows_mixed_extensions


def test_lone_newlines_end_lines_too() -> None:
    text = read(SIMULCAST)
    assert parse_offer(text.replace("\r\n", "\n")) == parse_offer(text)


def test_bundle_only_sections_may_have_port_zero() -> None:
    text = edited("m=video 9 UDP", "m=video 0 UDP").replace(
        "a=mid:1\r\n", "a=mid:1\r\na=bundle-only\r\n"
    )
    assert len(parse_offer(text).sections) == 24


def test_a_site_without_a_camera_offers_it_inactive() -> None:
    head, _, rest = read(SIMULCAST).partition("a=mid:1\r\n")
    offer = parse_offer(head + "a=mid:1\r\n" + rest.replace("a=sendonly", "a=inactive", 1))
    assert offer.sections[1].direction == "inactive"


def test_of_one_codec_under_two_numbers_the_one_offered_first_is_used() -> None:
    lines = read(SIMULCAST).split("\r\n")
    at = next(n for n, line in enumerate(lines) if line.startswith("m=video"))
    lines[at] += " 120"
    lines.insert(at + 1, "a=rtpmap:120 VP8/90000")
    vp8 = parse_offer("\r\n".join(lines)).sections[1].codec(CodecName.VP8)
    assert vp8 is not None
    assert vp8.payload_type == 96


def test_red_of_something_else_is_not_used() -> None:
    offer = parse_offer(edited("a=fmtp:63 111/111", "a=fmtp:63 9/9", count=99))
    assert offer.sections[0].codec(CodecName.RED) is None
    assert offer.sections[0].codec(CodecName.OPUS) is not None


def test_red_without_opus_leaves_nothing() -> None:
    assert refused(edited("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 opus/16000")) == (
        "offer.media[0].codecs"
    )


@pytest.mark.parametrize(
    "parameters",
    [
        "packetization-mode=0;profile-level-id=42e01f",
        "packetization-mode=1;profile-level-id=42001f",
        "packetization-mode=1;profile-level-id=640c1f",
        "packetization-mode=1;profile-level-id=zzzzzz",
        "packetization-mode=1",
    ],
)
def test_only_constrained_baseline_in_mode_1_is_forwarded(parameters: str) -> None:
    offered = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
    offer = parse_offer(edited(offered, parameters, count=99))
    assert offer.sections[1].codec(CodecName.H264) is None


UFRAG = "a=ice-ufrag:"
REFUSALS = {
    "not an offer": ("v=0", "v=1", "offer"),
    "plain transport": ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "offer.media[0].media"),
    "data channel": ("m=video 9 UDP/TLS/RTP/SAVPF", "m=application 9 x", "offer.media[1].media"),
    "no formats": ("m=audio 9 UDP/TLS/RTP/SAVPF 111 63", "m=audio 9", "offer.media[0].media"),
    "kinds swapped": ("m=video 9", "m=audio 9", "offer.media[1].media"),
    "stopped": ("m=video 9", "m=video 0", "offer.media[1].media"),
    "payload type": ("SAVPF 111 63", "SAVPF 111 163", "offer.media[0].media"),
    "payload type twice": ("SAVPF 111 63", "SAVPF 111 111", "offer.media[0].media"),
    "payload type in words": ("a=rtpmap:111 ", "a=rtpmap:x ", "offer.media[0].rtpmap"),
    "superscript digits": ("a=rtpmap:111 ", "a=rtpmap:¹¹ ", "offer.media[0].rtpmap"),
    "separate RTCP": ("a=rtcp-mux\r\n", "", "offer.media[0].rtcp-mux"),
    "no mid": ("a=mid:0\r\n", "", "offer.media[0].mid"),
    "bad mid": ("a=mid:0\r\n", "a=mid:a b\r\n", "offer.media[0].mid"),
    "same mid": ("a=mid:1\r\n", "a=mid:0\r\n", "offer.mid"),
    "not bundled": ("BUNDLE 0 1", "BUNDLE 1", "offer.group"),
    "no bundle": ("a=group:BUNDLE", "a=group:LS", "offer.group"),
    "sends and receives": ("a=sendonly", "a=sendrecv", "offer.media[0].direction"),
    "two directions": ("a=sendonly", "a=sendonly\r\na=inactive", "offer.media[0].direction"),
    "turned round": ("a=sendonly", "a=recvonly", "offer.media[0].direction"),
    "we would be client": ("a=setup:actpass", "a=setup:passive", "offer.media[0].setup"),
    "short ufrag": (UFRAG, "a=ice-ufrag:a\r\na=x:", "offer.media[0].ice-ufrag"),
    "ufrag of odd letters": (UFRAG, "a=ice-ufrag:ab%d\r\na=x:", "offer.media[0].ice-ufrag"),
    "short password": ("a=ice-pwd:", "a=ice-pwd:abc\r\na=x:", "offer.media[0].ice-pwd"),
    "weak hash": ("a=fingerprint:sha-256", "a=fingerprint:sha-1", "offer.media[0].fingerprint"),
    "torn hash": (
        "a=fingerprint:sha-256 ",
        "a=fingerprint:sha-256 A",
        "offer.media[0].fingerprint",
    ),
    "hash too short": ("sha-256 15:", "sha-256 ", "offer.media[0].fingerprint"),
    "hash of odd letters": ("sha-256 15:", "sha-256 zz:", "offer.media[0].fingerprint"),
    "RTX of nothing": ("a=fmtp:97 apt=96", "a=fmtp:97 x=96", "offer.media[1].fmtp"),
    "RTX of odd type": ("a=fmtp:97 apt=96", "a=fmtp:97 apt=296", "offer.media[1].fmtp"),
    "extension 0": ("a=extmap:1 ", "a=extmap:0 ", "offer.media[0].extmap"),
    "extension 15": ("a=extmap:1 ", "a=extmap:15 ", "offer.media[0].extmap"),
    "extension twice": ("a=extmap:1 ", "a=extmap:2 ", "offer.media[0].extmap"),
    "extension unnamed": ("a=extmap:1 ", "a=extmap:1\r\na=x:", "offer.media[0].extmap"),
    "extension moves": ("a=extmap:4 ", "a=extmap:11 ", "offer.media[1].extmap"),
    "layer undeclared": ("a=rid:q send\r\n", "", "offer.media[1].rid"),
    "layer with a space": ("send q;h;f", "send q;h;", "offer.media[1].rid"),
    "four layers": ("send q;h;f", "send q;h;f;g", "offer.media[1].simulcast"),
    "layer twice": ("send q;h;f", "send q;q", "offer.media[1].simulcast"),
    "simulcast received": ("simulcast:send q;h;f", "simulcast:recv q", "offer.media[1].simulcast"),
    "simulcast of nothing": ("simulcast:send q;h;f", "simulcast:send", "offer.media[1].simulcast"),
    "source": ("a=ssrc:558837949 cname", "a=ssrc:5588379490 cname", "offer.media[0].ssrc"),
    "control character": ("s=-\r\n", "s=\r-\r\n", "offer"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_contradiction_is_refused_by_name(case: str) -> None:
    old, new, field = REFUSALS[case]
    assert refused(edited(old, new)) == field


def test_sections_of_one_bundle_share_credentials() -> None:
    head, mark, rest = read(SIMULCAST).rpartition(UFRAG)
    last = head.count("\r\nm=") - 1
    assert refused(head + mark + "other" + rest) == f"offer.media[{last}].ice-ufrag"


def test_extension_ids_are_one_namespace() -> None:
    text = read(SIMULCAST)
    video = text.index("m=video")
    text = text[:video] + text[video:].replace("a=extmap:13 ", "a=extmap:1 ", 1)
    assert refused(text) == "offer.media[1].extmap"


def test_too_few_and_too_many_sections_are_refused() -> None:
    text = read(SIMULCAST)
    cut = text[: text.index("a=mid:7")].rpartition("m=")[0]
    assert refused(cut) == "offer.media"
    assert refused("v=0\r\ns=-\r\n") == "offer"
    last = text[text.rindex("m=video") :]
    assert refused(text + last * 12) == "offer.media"
    assert refused(text + last * 60) == "offer"


def test_groups_other_than_repair_are_passed_over() -> None:
    text = read("safari18-phone-single").replace("ssrc-group:FID", "ssrc-group:SIM")
    assert parse_offer(text).sections[1].ssrcs == ((3201680545, None), (2693598584, None))


def test_feedback_for_all_payload_types_is_passed_over() -> None:
    offer = parse_offer(edited("a=rtcp-fb:111 nack", "a=rtcp-fb:* nack"))
    opus = offer.sections[0].codec(CodecName.OPUS)
    assert opus is not None
    assert "nack" not in opus.feedback


def test_too_many_sources_are_refused() -> None:
    many = "".join(f"a=ssrc:{n} cname:x\r\n" for n in range(13))
    assert refused(read(SIMULCAST) + many) == "offer.media[23].ssrc"


def test_an_offer_over_256_kb_is_refused_unread() -> None:
    assert refused("v=0" + "x" * MAX_OFFER_BYTES) == "offer"
    assert refused("v=0" + "县" * (MAX_OFFER_BYTES // 3)) == "offer"


@given(st.text(max_size=400))
def test_any_text_is_refused_with_a_field(text: str) -> None:
    assert refused(text).startswith("offer")
    assert refused("v=0\n" + text).startswith("offer")


@given(st.data())
def test_a_damaged_offer_is_read_or_refused(data: st.DataObject) -> None:
    lines = read("chromium156-phone-single").split("\r\n")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(lines) - 1))
        kept = data.draw(st.integers(0, len(lines[place])))
        lines[place] = lines[place][:kept] + data.draw(st.text(max_size=4))
    with suppress(InvalidInput):
        assert isinstance(parse_offer("\r\n".join(lines)), Offer)
