"""Reading phone numbers as people write them, into E.164 (pure).

Mainland forms: 138 0013 8000, +86…, 0086…, 0571-8888 8888 转 801, (0571)88888888, short codes;
full-width digits and signs as well. Other countries only with `+` or `00`.
"""

import re
import unicodedata

import phonenumbers

from core.errors import InvalidInput
from directory.model import DEMO_NUMBER_PREFIX, Phone, PhoneKind, is_demo_number

_SEPARATORS = re.compile(r"[/、,;|\n\r]+|(?<=\d{7})\s{2,}|\s+(?=(?:\+|00)?(?:86)?1[3-9]\d{9}\b)")
_EXTENSION = re.compile(r"(?:转|ext\.?|x|#|分机)\s*[:.]?\s*([0-9]{1,6})$", re.IGNORECASE)
_DASHED_EXTENSION = re.compile(r"^(\(?0\d{2,3}\)?[-\s]?\d{7,8})-(\d{1,5})$")
_DECORATION = re.compile(r"[\s\-().·]+")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_DEMO_NATIONAL = re.compile(DEMO_NUMBER_PREFIX.removeprefix("+86") + r"\d{5}")
_SHORT = re.compile(r"[1-9]\d{2,5}")
_NATIONWIDE = re.compile(r"[48]00\d{7}")
_LABEL = re.compile(r"^(?:手机|电话|办公|座机|办|宅|tel|mobile)[:.]?", re.IGNORECASE)
_LONGEST_WRITTEN = 60


def split_phones(text: str) -> list[str]:
    """The numbers written into one cell: separated by / 、 , ; | or a line break."""
    folded = _fold(text)
    return [part.strip() for part in _SEPARATORS.split(folded) if part.strip()]


def parse_phone(text: str, area_code: str = "") -> Phone:
    """Read one number. `area_code` (`0571`) completes a landline written without one.

    Raises: InvalidInput, with a finer code that says what is wrong with the number.
    """
    written = _LABEL.sub("", _fold(text)).strip()
    if not written:
        raise _bad("the number is empty", "phone_empty")
    if len(written) > _LONGEST_WRITTEN:
        raise _bad("the number is too long", "phone_length")
    written, extension = _cut_extension(written)
    digits = _DECORATION.sub("", written)
    if not re.fullmatch(r"\+?\d+", digits, re.ASCII):
        raise _bad("a number holds digits only", "phone_characters")
    national = _national(digits)
    phone = _foreign(digits) if national is None else _mainland(national, area_code)
    if not extension:
        return phone
    if phone.kind is not PhoneKind.LANDLINE:
        raise _bad("only a landline has an extension", "phone_extension")
    return Phone(phone.number, phone.kind, extension=extension)


def _fold(text: str) -> str:
    """Full-width forms to plain ones; every dash, minus and invisible sign to `-` or nothing.

    ¹ and ① stay: the mark of a footnote is no digit of a number.
    """
    folded = "".join(
        sign if unicodedata.category(sign) == "No" else unicodedata.normalize("NFKC", sign)
        for sign in text
    )
    kept = []
    for sign in folded:
        category = unicodedata.category(sign)
        if category == "Pd" or sign in "−ー~":
            kept.append("-")
        elif category == "Cf":  # zero-width signs that travel along when copied from a web page
            continue
        else:
            kept.append("、" if sign == "、" else "," if sign == "，" else sign)
    return "".join(kept).strip()


def _cut_extension(written: str) -> tuple[str, str]:
    for pattern in (_EXTENSION, _DASHED_EXTENSION):
        found = pattern.search(written)
        if found and pattern is _EXTENSION:
            return written[: found.start()].rstrip(" -,"), found.group(1)
        if found:
            return found.group(1), found.group(2)
    return written, ""


def _national(digits: str) -> str | None:
    """The part after the country code; None for another country's number."""
    for prefix in ("+86", "0086"):
        if digits.startswith(prefix):
            return digits.removeprefix(prefix)
    if digits.startswith(("+", "00")):
        return None
    if len(digits) == 13 and digits.startswith("861"):
        return digits[2:]
    return digits


def _mainland(national: str, area_code: str) -> Phone:
    if _DEMO_NATIONAL.fullmatch(national):
        return Phone(f"+86{national}", PhoneKind.MOBILE, is_demo=True)
    if _MOBILE.fullmatch(national):
        return Phone(f"+86{national}", PhoneKind.MOBILE)
    if _NATIONWIDE.fullmatch(national):
        return Phone(f"+86{national}", PhoneKind.LANDLINE)
    if _SHORT.fullmatch(national):
        return Phone(national, PhoneKind.SHORT)
    if re.match(r"1[3-9]", national):
        raise _bad(f"a mobile number has 11 digits, this one {len(national)}", "phone_length")
    return _landline(national, area_code)


def _landline(national: str, area_code: str) -> Phone:
    if len(national) in (7, 8) and not national.startswith("0"):
        if not area_code:
            raise _bad("a landline needs its area code", "phone_area_code")
        national = area_code + national
    trimmed = national.removeprefix("0")
    parsed = phonenumbers.PhoneNumber(country_code=86, national_number=int(trimmed or "0"))
    if trimmed.startswith("0") or not _is_fixed_line(parsed):
        raise _bad("this is no number of the mainland's plan", "phone_unknown")
    return Phone(f"+86{trimmed}", PhoneKind.LANDLINE)


def _is_fixed_line(number: phonenumbers.PhoneNumber) -> bool:
    return phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in (
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    )


def _foreign(digits: str) -> Phone:
    written = digits if digits.startswith("+") else "+" + digits.removeprefix("00")
    try:
        parsed = phonenumbers.parse(written)
    except phonenumbers.NumberParseException as error:
        raise _bad("this is no number of any country", "phone_unknown") from error
    if not phonenumbers.is_valid_number(parsed):
        raise _bad("this is no number of any country", "phone_unknown")
    is_mobile = phonenumbers.number_type(parsed) in (
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    )
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return Phone(number, PhoneKind.MOBILE if is_mobile else PhoneKind.LANDLINE)


def checked(phone: Phone, *, is_primary: bool) -> Phone:
    """`phone` with its place in the list and its demo mark."""
    return Phone(
        phone.number, phone.kind, is_primary, is_demo_number(phone.number), phone.extension
    )


def _bad(reason: str, code: str) -> InvalidInput:
    return InvalidInput(reason, field="phones", code=code)
