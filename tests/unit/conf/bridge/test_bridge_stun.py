"""ICE-lite: what counts as a check, and what is answered."""

import socket
from typing import Any

import pytest
from aioice import stun as codec
from hypothesis import given
from hypothesis import strategies as st

from conf.media import stun
from conf.media.udp import pack_sockaddr, unpack_sockaddr


def request(username: str = "ours:theirs", password: str = "secret" * 4) -> bytes:
    """A binding request as a browser sends it."""
    message = codec.Message(
        codec.Method.BINDING,
        codec.Class.REQUEST,
        attributes={"USERNAME": username, "PRIORITY": 1, "USE-CANDIDATE": None},
    )
    message.add_message_integrity(password.encode())
    return bytes(message)


def test_the_ufrag_before_the_colon_is_ours() -> None:
    """RFC 8445 §7.2.2."""
    assert stun.requested_ufrag(request()) == "ours"
    assert stun.requested_ufrag(request("nocolon")) is None


def test_a_check_needs_the_right_password() -> None:
    assert stun.is_intact(request(), "secret" * 4)
    assert not stun.is_intact(request(), "other")


@pytest.mark.parametrize("place", [8, 24, -25, -9])
def test_one_changed_octet_is_seen_before_anything_is_parsed(place: int) -> None:
    asked = bytearray(request())
    assert stun.is_intact(bytes(asked), "secret" * 4)
    assert not stun.is_intact(bytes(asked), "other")
    asked[place] ^= 1
    assert not stun.is_intact(bytes(asked), "secret" * 4)


@pytest.mark.parametrize("is_fingerprinted", [True, False])
@pytest.mark.parametrize("name", ["ours:theirs", "ours:" + "\0\x08\0\x14" * 3, "a" * 513])
def test_the_signature_is_found_wherever_it_is(name: str, is_fingerprinted: bool) -> None:
    """Last, or before the FINGERPRINT, or behind something that looks the same."""
    message = codec.Message(
        codec.Method.BINDING,
        codec.Class.REQUEST,
        attributes={"PRIORITY": 1, "USERNAME": name},
    )
    message.add_message_integrity(b"secret" * 4)
    if is_fingerprinted:
        message.add_fingerprint()
    data = bytes(message)
    assert stun.is_intact(data, "secret" * 4)
    assert not stun.is_intact(data, "secret" * 3)
    assert not stun.is_intact(data[:8] + bytes(12) + data[20:], "secret" * 4)
    assert stun.requested_ufrag(data) == ("ours" if ":" in name else None)


@pytest.mark.parametrize(("before", "is_found"), [(11, True), (12, False), (300, False)])
def test_who_hides_an_attribute_behind_hundreds_is_not_followed(
    before: int, is_found: bool
) -> None:
    """A datagram of empty attributes cost a stranger's victim a tenth of a millisecond."""
    asked = request()
    padding = b"\xc0\x57\x00\x00" * before
    size = (len(asked) - 20 + len(padding)).to_bytes(2, "big")
    padded = asked[:2] + size + asked[4:20] + padding + asked[20:]
    assert stun.requested_ufrag(padded) == ("ours" if is_found else None)
    assert bool(stun._find(padded, 0x0006)[0]) is is_found


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_the_answer_is_small_and_names_the_source(host: str) -> None:
    """No amplification: never more than the request."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    source = pack_sockaddr(family, (host, 4711))
    asked = request()
    answer = stun.answer(stun.transaction_of(asked), source, "secret" * 4)
    message = codec.parse_message(answer)
    assert message.check_message_integrity(b"secret" * 4)
    assert message.attributes["XOR-MAPPED-ADDRESS"] == (host, 4711)
    assert len(answer) <= len(asked)


@given(
    st.binary(min_size=12, max_size=12),
    st.ip_addresses(),
    st.integers(1, 65_535),
    st.booleans(),
)
def test_the_answer_is_the_codec_s(
    transaction_id: bytes, host: Any, number: int, is_mapped: bool
) -> None:
    """To the byte; an IPv4 address that came over IPv6 is IPv4's (RFC 4291 §2.5.5.2)."""
    text, family = str(host), socket.AF_INET if host.version == 4 else socket.AF_INET6
    if is_mapped and host.version == 4:
        text, family = "::ffff:" + text, socket.AF_INET6
    source = pack_sockaddr(family, (text, number))
    message = codec.Message(
        message_method=codec.Method.BINDING,
        message_class=codec.Class.RESPONSE,
        transaction_id=transaction_id,
        attributes={"XOR-MAPPED-ADDRESS": unpack_sockaddr(source)},
    )
    message.add_message_integrity(b"secret" * 4)
    assert stun.answer(transaction_id, source, "secret" * 4) == bytes(message)


@given(st.binary(max_size=200))
def test_noise_is_no_check(data: bytes) -> None:
    """Neither random bytes nor a request with bytes changed raise or pass."""
    assert stun.requested_ufrag(data) is None or len(data) >= 28
    assert not stun.is_intact(data, "secret")
    good = request()
    assert not stun.is_intact(good[:20] + data + good[20 + len(data) :], "x")


def test_credentials_are_long_and_fresh() -> None:
    """RFC 8445 §5.3: at least 24 and 128 bits."""
    one, two = stun.make_credentials(), stun.make_credentials()
    assert one != two
    assert len(one.ufrag) == 8
    assert len(one.password) == 24
