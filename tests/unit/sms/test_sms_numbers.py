"""Error classes, carriers, the demo block."""

import pytest

from sms.carrier import Carrier, carrier_of, carrier_of_sim
from sms.driver import ModemError
from sms.errors_cms import ErrorAction, ErrorClass, ErrorFamily, action_for, classify
from sms.numbers import demo_number, is_demo_number, is_number, is_sendable, to_e164

CMS, CME, PLAIN = ErrorFamily.CMS, ErrorFamily.CME, ErrorFamily.PLAIN


@pytest.mark.parametrize(
    ("family", "codes", "error_class"),
    [
        (CMS, (1, 28, 30, 195, 196), ErrorClass.NUMBER),
        (CMS, (21, 29, 50, 69, 81, 95, 99, 111, 198, 199, 304, 305), ErrorClass.MESSAGE),
        (CMS, (197,), ErrorClass.DUPLICATE),
        (CMS, (8, 10, 193, 310, 313, 315, 318, 330), ErrorClass.SIM),
        (CMS, (17, 22, 27, 38, 41, 42, 47, 127, 192, 194, 331), ErrorClass.NETWORK),
        (CMS, (208, 211, 320, 322), ErrorClass.STORAGE),
        (CMS, (300, 303, 314, 340, 512, 515, 999), ErrorClass.MODEM),
        (CMS, (332, 500, 255, 7, 400), ErrorClass.UNKNOWN),
        (CME, (10, 11, 13, 16), ErrorClass.SIM),
        (CME, (30,), ErrorClass.NETWORK),
        (CME, (14, 100), ErrorClass.MODEM),
        (CME, (20,), ErrorClass.STORAGE),
        (CME, (999,), ErrorClass.UNKNOWN),
        (PLAIN, (0,), ErrorClass.UNKNOWN),
    ],
)
def test_error_classes(
    family: ErrorFamily, codes: tuple[int, ...], error_class: ErrorClass
) -> None:
    assert {classify(family, code) for code in codes} == {error_class}


def test_every_class_has_an_action() -> None:
    actions = [action_for(error_class) for error_class in ErrorClass]
    assert sorted(actions) == sorted(ErrorAction)
    error = ModemError(CMS, 331)
    assert (error.error_class, error.action) == (ErrorClass.NETWORK, ErrorAction.BACK_OFF)
    assert str(error) == "+CMS ERROR: 331"


@pytest.mark.parametrize(
    ("number", "carrier"),
    [
        ("+8613800138000", Carrier.MOBILE),
        ("+8613480000000", Carrier.MOBILE),
        ("+8613490000000", Carrier.TELECOM),
        ("+8613000000000", Carrier.UNICOM),
        ("+8619900000000", Carrier.TELECOM),
        ("+8619200000000", Carrier.BROADNET),
        ("+8617040000000", Carrier.UNICOM),
        ("+8617050000000", Carrier.MOBILE),
        ("+8610055500001", Carrier.DEMO),
        ("+8612345678901", Carrier.UNKNOWN),
        ("+861380013800", Carrier.UNKNOWN),
        ("10086", Carrier.UNKNOWN),
        ("+447700900123", Carrier.UNKNOWN),
    ],
)
def test_carriers(number: str, carrier: Carrier) -> None:
    assert carrier_of(number) is carrier


def test_a_ported_number_is_known_better() -> None:
    assert carrier_of("+8613800138000", {"+8613800138000": Carrier.UNICOM}) is Carrier.UNICOM


@pytest.mark.parametrize(
    ("imsi", "carrier"),
    [
        ("460001234567890", Carrier.MOBILE),
        ("460011234567890", Carrier.UNICOM),
        ("460111234567890", Carrier.TELECOM),
        ("460151234567890", Carrier.BROADNET),
        ("234150000000000", Carrier.UNKNOWN),
    ],
)
def test_whose_sim(imsi: str, carrier: Carrier) -> None:
    assert carrier_of_sim(imsi) is carrier


@pytest.mark.parametrize(
    ("number", "is_demo"),
    [
        ("+8610055500000", True),
        ("+8610055599999", True),
        ("8610055500000", False),
        ("+86100555000000", False),
        ("+861005550000", False),
        ("+8613800138000", False),
        ("+8610055500000\n", False),
        ("+861005550000x", False),
    ],
)
def test_the_demo_block(number: str, is_demo: bool) -> None:
    assert is_demo_number(number) is is_demo


def test_demo_numbers() -> None:
    assert demo_number(7) == "+8610055500007"
    assert is_demo_number(demo_number(99_999))
    with pytest.raises(ValueError, match="100000"):
        demo_number(100_000)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("138 0013 8000", "+8613800138000"),
        ("１３８００１３８０００", "+8613800138000"),
        ("86-13800138000", "+8613800138000"),
        ("0086 138 0013 8000", "+8613800138000"),
        ("+8613800138000", "+8613800138000"),
        ("10086", "10086"),
        ("（0574）88889999", "057488889999"),
    ],
)
def test_one_written_form(written: str, number: str) -> None:
    assert to_e164(written) == number


@pytest.mark.parametrize(
    ("written", "is_one"),
    [
        ("10086", True),
        ("+8613800138000", True),
        ("１３８００１３８０００", True),  # put right: to_e164
        ("138001380²0", False),
        ("1380013800²", False),
        ("٠١٢٣٤٥٦٧٨٩", False),
        ("+86١٣٨٠٠١٣٨٠٠٠", False),
        ("১৩৮০০১৩৮০০০", False),
        ("1008⑥", False),
        ("一三八", False),
        ("++10086", False),
        ("+", False),
        ("", False),
    ],
)
def test_only_plain_digits_make_a_number(written: str, is_one: bool) -> None:
    """What Python calls a digit (², ①, ١) is in no number; nobody is ever sent a text for it."""
    number = to_e164(written)
    assert is_number(number) is is_one
    assert is_one or not is_sendable(number)
    assert not is_demo_number("+86100555" + "١" * 5)
