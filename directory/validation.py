"""What a unit, a person or a group must be like, whoever writes it (pure)."""

import re

from core.errors import InvalidInput
from core.ids import is_id
from directory.model import UnitKind

NAME_LONGEST = 60
TITLE_LONGEST = 80
NOTE_LONGEST = 500
PHONES_MOST = 8
PATH_LONGEST = 300
_POST = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CODE = re.compile(r"[A-Za-z0-9_-]{0,30}")

_PARENTS: dict[UnitKind, frozenset[UnitKind | None]] = {
    UnitKind.COUNTY: frozenset({None}),
    UnitKind.TOWNSHIP: frozenset({UnitKind.COUNTY}),
    UnitKind.VILLAGE: frozenset({UnitKind.TOWNSHIP}),
    UnitKind.DEPARTMENT: frozenset({UnitKind.COUNTY, UnitKind.TOWNSHIP, UnitKind.DEPARTMENT}),
    UnitKind.COMPANY: frozenset(
        {UnitKind.COUNTY, UnitKind.TOWNSHIP, UnitKind.VILLAGE, UnitKind.COMPANY}
    ),
    UnitKind.STATION: frozenset(
        {UnitKind.COUNTY, UnitKind.TOWNSHIP, UnitKind.DEPARTMENT, UnitKind.COMPANY}
    ),
}


def text(value: str, field: str, longest: int, *, required: bool = False) -> str:
    """`value` without surrounding space.

    Raises: InvalidInput: empty though required, longer than `longest`, or with control characters.
    """
    cleaned = value.strip()
    if required and not cleaned:
        raise InvalidInput("this must not be empty", field=field, code="empty")
    if len(cleaned) > longest:
        raise InvalidInput(f"at most {longest} characters", field=field, code="too_long")
    if any(ord(sign) < 32 and sign not in "\n\t" for sign in cleaned):
        raise InvalidInput("control characters are not admitted", field=field, code="characters")
    return cleaned


def name(value: str) -> str:
    """A unit's, person's or group's name: one line.

    Raises: InvalidInput.
    """
    return " ".join(text(value, "name", NAME_LONGEST, required=True).split())


def given_id(value: str) -> str:
    """An id chosen by the caller.

    Raises: InvalidInput: it is not 1–26 of A–Z, a–z, 0–9, `_`, `-`.
    """
    if not is_id(value):
        raise InvalidInput("1 to 26 letters, digits, _ or -", field="id", code="id")
    return value


def post(value: str) -> str:
    """The key of a post.

    Raises: InvalidInput.
    """
    if not _POST.fullmatch(value):
        raise InvalidInput("lower-case letters, digits and _", field="post", code="post")
    return value


def code(value: str) -> str:
    """A division or unit code.

    Raises: InvalidInput.
    """
    if not _CODE.fullmatch(value):
        raise InvalidInput("up to 30 letters, digits, _ or -", field="code", code="code")
    return value


def place(longitude: float | None, latitude: float | None) -> None:
    """Both coordinates or none, in range.

    Raises: InvalidInput.
    """
    if (longitude is None) != (latitude is None):
        raise InvalidInput(
            "longitude and latitude come together", field="latitude", code="coordinates"
        )
    if longitude is not None and not -180 <= longitude <= 180:
        raise InvalidInput("-180 to 180 degrees", field="longitude", code="coordinates")
    if latitude is not None and not -90 <= latitude <= 90:
        raise InvalidInput("-90 to 90 degrees", field="latitude", code="coordinates")


def nesting(kind: UnitKind, parent: UnitKind | None) -> None:
    """Whether a unit of `kind` may lie under `parent` (None: at the root).

    Raises: InvalidInput.
    """
    if parent not in _PARENTS[kind]:
        where = f"under a {parent.value}" if parent else "without a parent"
        raise InvalidInput(f"no {kind.value} {where}", field="parent_id", code="nesting")
