"""H.264: the packet a picture can be joined at."""

import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.errors import DecodeError
from conf.media.h264 import is_parameter_set, starts_key_frame

VECTORS = [
    bytes.fromhex(vector["hex"])
    for vector in tomllib.loads(
        (Path(__file__).parents[3] / "vectors" / "h264" / "chromium156.toml").read_text()
    )["payload"]
]


def starts(data: bytes) -> bool:
    return starts_key_frame(b"??" + data, 2, 2 + len(data))


def test_chromium_begins_with_parameter_sets_and_an_idr() -> None:
    """STAP-A of SPS and PPS, FU-A of the IDR (first fragment counts too), then deltas."""
    assert [starts(data) for data in VECTORS] == [True, True] + [False] * (len(VECTORS) - 2)


CASES = {
    "sps alone": ("6742c0", True),
    "pps alone": ("68ce3c", False),
    "idr alone": ("6588", True),
    "delta": ("419a", False),
    "access unit delimiter": ("09f0", False),
    "sei and sps": ("18000206010002" + "6742", True),
    "deltas together": ("180002419a0002419b", False),
    "first fragment of an idr": ("7c85", True),
    "later fragment of an idr": ("7c05", False),
    "first fragment of a delta": ("7c81", False),
}


@pytest.mark.parametrize("case", CASES)
def test_where_a_picture_can_be_joined(case: str) -> None:
    data, expected = CASES[case]
    assert starts(bytes.fromhex(data)) is expected


@pytest.mark.parametrize(
    "data", ["", "7c", "18ff", "18000567", "180000", "18000167" + "000167" * 40]
)
def test_a_torn_payload_is_refused(data: str) -> None:
    with pytest.raises(DecodeError):
        starts(bytes.fromhex(data))


@given(st.binary(max_size=60))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(DecodeError):
        starts(data)


def test_lone_parameter_sets_are_known() -> None:
    assert is_parameter_set(b"\x67\x42", 0, 2)
    assert is_parameter_set(b"\x68\x42", 0, 2)
    assert not is_parameter_set(b"\x65\x42", 0, 2)
    assert not is_parameter_set(b"\x67", 1, 1)
