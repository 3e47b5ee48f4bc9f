"""In-band FEC is seen in packets of the real encoder, and nothing else is taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.media.opus import repeats_earlier
from tests.support.encoded import opus_packets

LOSSY = {"application": "voip", "packet_loss": "30"}
SILK_20_MS, LBRR = 9 << 3, 0x40


@pytest.mark.parametrize("frame_duration", ["10", "20", "60"])
@pytest.mark.parametrize("bit_rate", [24_000, 32_000])
def test_the_encoder_repeats_voices_only_when_it_is_told_to(
    bit_rate: int, frame_duration: str
) -> None:
    """SILK alone at 24 kbit/s, CELT above it at 32; mono and stereo; 60 ms are three frames."""
    plain = {**LOSSY, "frame_duration": frame_duration}
    assert not any(map(repeats_earlier, opus_packets(50, bit_rate, **plain)))
    redundant = opus_packets(50, bit_rate, **plain, fec="1")
    assert not repeats_earlier(redundant[0])  # there is none before it
    assert sum(map(repeats_earlier, redundant)) > len(redundant) // 4


@pytest.mark.parametrize(
    ("packet", "found"),
    [
        (b"", False),
        (bytes((SILK_20_MS, LBRR)), True),
        (bytes((SILK_20_MS, 0xFF ^ LBRR)), False),
        (bytes((SILK_20_MS | 4, LBRR >> 2)), True),  # of the second channel
        (bytes((SILK_20_MS,)), False),  # DTX
        (bytes((0x80, LBRR)), False),  # CELT
        (bytes((SILK_20_MS | 1, LBRR, 0)), True),  # two frames of one size
        (bytes((SILK_20_MS | 2, 1, LBRR, 0)), True),  # of two
        (bytes((SILK_20_MS | 2, 252, 0, LBRR)) + bytes(251), True),
        (bytes((SILK_20_MS | 2, 9, LBRR)), False),  # too short for what it says
        (bytes((SILK_20_MS | 3, 2, LBRR, 0)), True),
        (bytes((SILK_20_MS | 3, 0x42, 255, 1, LBRR, 0)) + bytes(256), True),  # padded
        (bytes((SILK_20_MS | 3, 0x83, 1, 1, LBRR, 0, 0)), True),  # three of sizes of their own
        (bytes((SILK_20_MS | 3, 0x83, 1)), False),
    ],
)
def test_the_flag_is_found_however_the_frames_are_packed(packet: bytes, found: bool) -> None:
    """RFC 6716 §3.2."""
    assert repeats_earlier(packet) is found


@given(st.binary(max_size=80))
def test_any_bytes_have_an_answer(packet: bytes) -> None:
    """They come from strangers' encoders."""
    repeats_earlier(packet)
