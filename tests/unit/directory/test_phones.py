"""A number written by hand becomes one E.164 number or a reason, never something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from directory.model import Phone, PhoneKind, demo_number, is_demo_number, mask
from directory.phones import parse_phone, split_phones

MOBILE, LANDLINE, SHORT = PhoneKind.MOBILE, PhoneKind.LANDLINE, PhoneKind.SHORT

WRITTEN = [
    ("13800138000", "+8613800138000", MOBILE),
    ("138 0013 8000", "+8613800138000", MOBILE),
    ("138-0013-8000", "+8613800138000", MOBILE),
    ("+86 138 0013 8000", "+8613800138000", MOBILE),
    ("+86-13800138000", "+8613800138000", MOBILE),
    ("008613800138000", "+8613800138000", MOBILE),
    ("8613800138000", "+8613800138000", MOBILE),
    ("１３８００１３８０００", "+8613800138000", MOBILE),
    ("＋８６　１３８００１３８０００", "+8613800138000", MOBILE),
    ("手机：13800138000", "+8613800138000", MOBILE),
    ("\u202a13800138000\u202c", "+8613800138000", MOBILE),
    ("19912345678", "+8619912345678", MOBILE),
    ("0571-88888888", "+8657188888888", LANDLINE),
    ("(0571)88888888", "+8657188888888", LANDLINE),
    ("（0571）8888 8888", "+8657188888888", LANDLINE),
    ("0571—88888888", "+8657188888888", LANDLINE),
    ("010-62345678", "+861062345678", LANDLINE),
    ("+86 571 8888 8888", "+8657188888888", LANDLINE),
    ("400-123-4567", "+864001234567", LANDLINE),
    ("119", "119", SHORT),
    ("12345", "12345", SHORT),
    ("668001", "668001", SHORT),
    ("10055500042", "+8610055500042", MOBILE),
    ("+8610055599999", "+8610055599999", MOBILE),
    ("+852 9123 4567", "+85291234567", MOBILE),
]


@pytest.mark.parametrize(("written", "number", "kind"), WRITTEN)
def test_mainland_forms_become_one_number(written: str, number: str, kind: PhoneKind) -> None:
    phone = parse_phone(written)
    assert (phone.number, phone.kind) == (number, kind)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "phone_empty"),
        ("   ", "phone_empty"),
        ("1380013800", "phone_length"),
        ("138001380000", "phone_length"),
        ("1380013800O", "phone_characters"),
        ("1380013800²", "phone_characters"),
        ("1380013800①", "phone_characters"),
        ("0571-88888888转٣", "phone_characters"),
        ("张三", "phone_characters"),
        ("=1+1", "phone_characters"),
        ("88888888", "phone_area_code"),
        ("0999-12", "phone_unknown"),
        ("00000000000", "phone_unknown"),
        ("+999123456", "phone_unknown"),
        ("12", "phone_unknown"),
        ("13800138000转801", "phone_extension"),
        ("1" * 80, "phone_length"),
    ],
)
def test_what_is_no_number_says_why(written: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_phone(written)
    assert refused.value.wire_code == code
    assert refused.value.field == "phones"


@pytest.mark.parametrize("written", ["0571-88888888转801", "0571-88888888-801", "057188888888#801"])
def test_a_landline_keeps_its_extension(written: str) -> None:
    assert parse_phone(written) == Phone("+8657188888888", LANDLINE, extension="801")


def test_an_area_code_completes_a_landline() -> None:
    assert parse_phone("8888 8888", area_code="0571").number == "+8657188888888"


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("13800138000/13900139000", ["13800138000", "13900139000"]),
        ("13800138000、13900139000", ["13800138000", "13900139000"]),
        (
            "13800138000，13900139000；0571-88888888",
            ["13800138000", "13900139000", "0571-88888888"],
        ),
        ("13800138000\n13900139000", ["13800138000", "13900139000"]),
        ("13800138000 13900139000", ["13800138000", "13900139000"]),
        ("138 0013 8000", ["138 0013 8000"]),
        (" / ", []),
    ],
)
def test_several_numbers_in_one_cell_are_told_apart(cell: str, parts: list[str]) -> None:
    assert split_phones(cell) == parts


@given(st.text(max_size=80))
def test_any_text_is_a_number_or_a_reason(text: str) -> None:
    """Nothing but InvalidInput is raised; what comes out reads as itself again."""
    try:
        phone = parse_phone(text)
    except InvalidInput:
        return
    assert parse_phone(phone.number).number == phone.number
    assert len(phone.number) <= 20


@given(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.sampled_from(["", "+86", "0086", "+86 ", "86"]),
    st.sets(st.integers(1, 10), max_size=3),
    st.booleans(),
)
def test_however_a_mobile_is_spaced_it_is_the_same(
    national: str, prefix: str, gaps: set[int], is_wide: bool
) -> None:
    spaced = "".join(f" {sign}" if index in gaps else sign for index, sign in enumerate(national))
    written = prefix + spaced
    if is_wide:
        written = "".join(chr(ord(sign) + 0xFEE0) if sign.isdigit() else sign for sign in written)
    assert parse_phone(written).number == f"+86{national}"


@given(st.integers(0, 99_999))
def test_demo_numbers_are_accepted_and_marked(index: int) -> None:
    number = demo_number(index)
    phone = parse_phone(number)
    assert phone.is_demo
    assert is_demo_number(phone.number)
    assert len(number) == 14


@given(st.from_regex(r"\+861[3-9][0-9]{9}", fullmatch=True))
def test_no_assigned_mobile_is_a_demo_number(number: str) -> None:
    assert not is_demo_number(number)
    assert not parse_phone(number).is_demo


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+8613812345678", "138****5678"),
        ("+8610055500042", "100****0042"),
        ("+8657188888888", "571******88"),
        ("119", "119"),
        ("+85291234567", "852******67"),
    ],
)
def test_lists_show_a_masked_number(number: str, shown: str) -> None:
    assert mask(number) == shown


@given(st.from_regex(r"\+[0-9]{7,15}", fullmatch=True))
def test_a_mask_never_shows_the_number(number: str) -> None:
    assert mask(number).count("*") >= 2
    assert number.lstrip("+") not in mask(number)
