"""Error codes of modems and networks, sorted by what must be done about them (pure).

TS 27.005 §3.2.5 (+CMS), TS 27.007 §9.2 (+CME), TS 24.011 annex E and TS 23.040 §9.2.3.22 for the
values below 256; vendor values from 512 up.
"""

from collections.abc import Mapping
from enum import StrEnum


class ErrorFamily(StrEnum):
    CMS = "cms"
    CME = "cme"
    PLAIN = "plain"  # bare ERROR or COMMAND NOT SUPPORT; code 0


class ErrorClass(StrEnum):
    """Whose fault it is."""

    NUMBER = "number"
    MESSAGE = "message"
    DUPLICATE = "duplicate"
    SIM = "sim"
    NETWORK = "network"
    STORAGE = "storage"
    MODEM = "modem"
    UNKNOWN = "unknown"


class ErrorAction(StrEnum):
    """What the platform does; the outbox holds the figures (back-off, counts)."""

    FAIL = "fail"  # at once; mark the number
    OTHER_SIM_ONCE = "other_sim_once"  # one try on another SIM, no blind retry
    COUNT_AS_SENT = "count_as_sent"
    TAKE_SIM_OUT = "take_sim_out"  # SIM leaves the pool, message goes to another
    BACK_OFF = "back_off"  # 5 s·2ⁿ ≤ 5 min, then another operator
    SWEEP_AND_RETRY = "sweep_and_retry"
    WAIT_AND_RETRY = "wait_and_retry"  # 1–5 s, re-initialise; the third time reset
    WAIT_FOR_REPORT = "wait_for_report"  # outcome unknown


_ACTIONS: Mapping[ErrorClass, ErrorAction] = {
    ErrorClass.NUMBER: ErrorAction.FAIL,
    ErrorClass.MESSAGE: ErrorAction.OTHER_SIM_ONCE,
    ErrorClass.DUPLICATE: ErrorAction.COUNT_AS_SENT,
    ErrorClass.SIM: ErrorAction.TAKE_SIM_OUT,
    ErrorClass.NETWORK: ErrorAction.BACK_OFF,
    ErrorClass.STORAGE: ErrorAction.SWEEP_AND_RETRY,
    ErrorClass.MODEM: ErrorAction.WAIT_AND_RETRY,
    ErrorClass.UNKNOWN: ErrorAction.WAIT_FOR_REPORT,
}

_CMS_CODES: Mapping[ErrorClass, frozenset[int]] = {
    ErrorClass.NUMBER: frozenset({1, 28, 30, 195, 196}),
    ErrorClass.MESSAGE: frozenset(
        {21, 29, 50, 69, 81, *range(95, 100), 111, 198, 199, 304, 305},
    ),
    ErrorClass.DUPLICATE: frozenset({197}),
    ErrorClass.SIM: frozenset({8, 10, 193, *range(310, 314), *range(315, 319), 330}),
    ErrorClass.NETWORK: frozenset({17, 22, 27, 38, 41, 42, 47, 127, 192, 194, 331}),
    ErrorClass.STORAGE: frozenset({208, 211, 320, 321, 322}),
    ErrorClass.MODEM: frozenset({*range(300, 304), 314, 340}),
    ErrorClass.UNKNOWN: frozenset({255, 332, 500}),
}
_BY_CMS_CODE: Mapping[int, ErrorClass] = {
    code: error_class for error_class, codes in _CMS_CODES.items() for code in codes
}

_CME_CODES: Mapping[ErrorClass, frozenset[int]] = {
    ErrorClass.SIM: frozenset({5, 6, 7, *range(10, 14), *range(15, 19)}),
    ErrorClass.STORAGE: frozenset({20, 21, 22, 23}),
    ErrorClass.NETWORK: frozenset({30, 31, 32, 40}),
    ErrorClass.MODEM: frozenset({0, 1, 2, 3, 4, 14, 50, 100, 515}),
}
_BY_CME_CODE: Mapping[int, ErrorClass] = {
    code: error_class for error_class, codes in _CME_CODES.items() for code in codes
}


def classify(family: ErrorFamily, code: int) -> ErrorClass:
    """The class of `code`.

    After a PDU a code nobody explains, or a bare ERROR, is UNKNOWN (the text may be on the air),
    except the vendor range from 512 up, which all known modems use for refusing before the radio.
    """
    if family is ErrorFamily.PLAIN:
        return ErrorClass.UNKNOWN
    if family is ErrorFamily.CME:
        return _BY_CME_CODE.get(code, ErrorClass.UNKNOWN)
    if code >= 512:
        return ErrorClass.MODEM
    return _BY_CMS_CODE.get(code, ErrorClass.UNKNOWN)


def action_for(error_class: ErrorClass) -> ErrorAction:
    """What to do about an error of this class."""
    return _ACTIONS[error_class]
