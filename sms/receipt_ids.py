"""Which text a carrier's receipt means: by its id, in the form answers have or in another (pure).

A receipt names the id the answer to submit_sm gave (SMPP 3.4 §5.3.2.12, appendix B), but many
carriers answer in hexadecimal and report in decimal, some the other way round. "16" is then the
text answered as "10", or the one answered as "16": only what the line is known to do tells.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

LONGEST_ID = 65  # §5.3.2.12
_HEX = re.compile(r"[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[0-9]+")


class IdForm(StrEnum):
    """How a line writes its ids: in answers, in receipts."""

    SAME = "same"
    HEX_DECIMAL = "hex-decimal"
    DECIMAL_HEX = "decimal-hex"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An attempt on the receipt's line to the receipt's number; ids canonical, empty: none known.

    `is_nameless`: its answer was lost, and no receipt has told of it yet.
    """

    attempt_id: str
    answer_id: str
    receipt_id: str
    is_nameless: bool = False


def canonical(given: str) -> str:
    """One writing of an id: a number without leading zeros in small letters, else as it came."""
    return given.lower().lstrip("0") or "0" if _HEX.fullmatch(given) else given[:LONGEST_ID]


def as_answered(receipt_id: str, form: IdForm) -> str | None:
    """The canonical id of the answer that a receipt means on a line of this form."""
    match form:
        case IdForm.SAME:
            return canonical(receipt_id)
        case IdForm.HEX_DECIMAL:
            return f"{int(receipt_id):x}" if _DECIMAL.fullmatch(receipt_id) else None
        case IdForm.DECIMAL_HEX:
            return str(int(receipt_id, 16)) if _HEX.fullmatch(receipt_id) else None


def proven_form(answer_id: str, receipt_id: str) -> IdForm | None:
    """The one form in which both are the same text; None: none, or they do not tell."""
    forms = [form for form in IdForm if as_answered(receipt_id, form) == answer_id]
    return forms[0] if len(forms) == 1 else None


def meant(
    receipt_id: str,
    candidates: Sequence[Candidate],
    *,
    fixed: IdForm | None = None,
    learnt: IdForm | None = None,
) -> Candidate | None:
    """The attempt a receipt means, or None where that is not certain. Newest candidates first.

    `fixed`: the form the settings name, no other counts; `learnt`: the one seen on this line.
    A receipt no known id fits is of a text whose answer was lost, if only one was.
    """
    told_before = [one for one in candidates if one.receipt_id == canonical(receipt_id)]
    if told_before:
        return told_before[0]
    forms = IdForm if fixed is None else (fixed,)
    keys = {form: key for form in forms if (key := as_answered(receipt_id, form)) is not None}
    fits: dict[str, Candidate] = {}
    for one in candidates:
        if one.answer_id in keys.values():
            fits.setdefault(one.answer_id, one)
    if (form := fixed or learnt) is not None and keys.get(form) in fits:
        return fits[keys[form]]
    nameless = [one for one in candidates if one.is_nameless]
    if not fits:
        return nameless[0] if len(nameless) == 1 else None
    is_certain = len(set(keys.values())) == 1 or (len(fits) == 1 and not nameless)
    return next(iter(fits.values())) if is_certain else None
