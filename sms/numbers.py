"""Phone numbers: the demo block, and the one written form (pure)."""

import re
import unicodedata

DEMO_PREFIX = "+86100555"
"""Demo phones are `+86100555NNNNN`; 100 is no assigned mobile prefix, so none can be real."""

_DEMO = re.compile(re.escape(DEMO_PREFIX) + r"[0-9]{5}\Z")
_SENDABLE = re.compile(r"\+[0-9]{8,15}|1[0-9]{4}")
_DIALLED = re.compile(r"\+?[0-9]+")
_MAINLAND_MOBILE = re.compile(r"1[0-9]{10}\Z")


def is_demo_number(number: str) -> bool:
    """True for E.164 numbers of the demo block only; nothing else may reach the simulator."""
    return _DEMO.match(number) is not None


def demo_number(index: int) -> str:
    """The `index`-th demo phone, 0..99999."""
    if not 0 <= index <= 99_999:
        raise ValueError(f"no demo phone {index}")
    return f"{DEMO_PREFIX}{index:05d}"


def to_e164(number: str) -> str:
    """Mainland mobiles as `+86…`; numbers with `+` or `00` stay international; others unchanged.

    Spaces, hyphens, brackets and full-width digits are put right. Says nothing about validity.
    """
    compact = re.sub(r"[\s\-().\u3000（）－]", "", number)
    compact = "".join(chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else c for c in compact)
    if compact.startswith("00"):
        return "+" + compact[2:]
    if _MAINLAND_MOBILE.match(compact):
        return "+86" + compact
    if compact.startswith("86") and _MAINLAND_MOBILE.match(compact[2:]):
        return "+" + compact
    return compact


def folded(written: str) -> str:
    """Compatibility forms as plain signs, but no ¹ and no ①: a footnote is no digit of a number."""
    return "".join(
        sign if unicodedata.category(sign) == "No" else unicodedata.normalize("NFKC", sign)
        for sign in written
    )


def masked(number: str) -> str:
    """A number as lists and logs show it: all but the last four digits hidden."""
    return f"{number[:3]}****{number[-4:]}" if len(number) > 8 else number


def is_number(number: str) -> bool:
    """Plain digits, perhaps after one `+`: "²" and "١" are digits elsewhere, in no number."""
    return bool(_DIALLED.fullmatch(number))


def is_sendable(number: str) -> bool:
    """E.164, or a service number of five digits; a row number in a first column is neither."""
    return bool(_SENDABLE.fullmatch(number))
