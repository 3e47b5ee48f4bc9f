"""The GSM alphabet: packing, extension, national tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smspdudecoder.codecs import GSM

from sms.pdu import gsm7
from sms.pdu.gsm7_national import LOCKING, SINGLE

ALPHABET = [c for c in gsm7.DEFAULT if c != "\x1b"] + list(gsm7.EXTENSION.values())
TEXTS = st.text(st.sampled_from(ALPHABET), max_size=200)


@given(TEXTS, st.integers(0, 6))
def test_packing_and_unpacking_give_the_same_text(text: str, fill_bits: int) -> None:
    septets = gsm7.encode(text)
    packed = gsm7.pack(septets, fill_bits)
    assert gsm7.decode(gsm7.unpack(packed, len(septets), fill_bits)) == text


@given(TEXTS)
def test_a_second_opinion_packs_the_same_octets(text: str) -> None:
    # smspdudecoder has no form feed
    plain = text.replace("\f", "")
    assert gsm7.pack(gsm7.encode(plain)).hex().upper() == GSM.encode(plain)


def test_a_final_commercial_at_survives_eight_septets() -> None:
    septets = gsm7.encode("1234567@")
    assert gsm7.decode(gsm7.unpack(gsm7.pack(septets), 8)) == "1234567@"


@pytest.mark.parametrize("char", ["`", "中", "ç", "😀", "\t"])
def test_characters_outside_the_alphabet_are_refused(char: str) -> None:
    assert gsm7.cost(char) is None
    with pytest.raises(UnicodeEncodeError) as refused:
        gsm7.encode("ab" + char)
    assert refused.value.start == 2


@pytest.mark.parametrize("char", list("^{}\\[~]|€\f"))
def test_extension_characters_cost_two_septets(char: str) -> None:
    assert gsm7.cost(char) == 2


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        ([0x1B, 0x41], "A"),  # no such extension: the main table's character
        ([0x1B, 0x1B, 0x41], " A"),
        ([0x41, 0x1B], "A"),
        ([], ""),
    ],
)
def test_odd_escapes(septets: list[int], text: str) -> None:
    assert gsm7.decode(septets) == text


@pytest.mark.parametrize(
    ("septets", "locking", "single", "text"),
    [
        ([0x07, 0x0C, 0x1C], 1, 0, "ığŞ"),
        ([0x1B, 0x53, 0x1B, 0x49], 0, 1, "Şİ"),
        ([0x1B, 0x41, 0x1B, 0x6F], 0, 2, "Áó"),
        ([0x1B, 0x09], 0, 2, "ç"),
        ([0x04, 0x0E], 3, 0, "êÁ"),
        ([0x41], 99, 99, "A"),  # an unknown language is the default
        ([0x00], 6, 0, "ँ"),
    ],
)
def test_national_tables(septets: list[int], locking: int, single: int, text: str) -> None:
    assert gsm7.decode(septets, locking, single) == text


def test_every_locking_table_is_whole() -> None:
    assert set(LOCKING) == set(range(1, 14)) - {2}
    assert set(SINGLE) == set(range(1, 14))
    assert {len(table) for table in LOCKING.values()} == {128}
    assert {table[0x1B] for table in LOCKING.values()} == {"\x1b"}
    assert all(0 <= code < 128 for table in SINGLE.values() for code in table)


@pytest.mark.parametrize(("octets", "bits"), [(6, 1), (7, 0), (5, 2), (14, 0)])
def test_fill_bits_reach_the_next_septet(octets: int, bits: int) -> None:
    assert gsm7.fill_bits_after(octets) == bits
