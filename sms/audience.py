"""Whom a message is for, and what its text says to each of them (pure).

A text with variables, `{姓名}请于{时间}到会`, becomes one text for each recipient. Nothing in
braces is ever sent: who has no value for a variable is named instead.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.errors import InvalidInput
from core.ids import GroupId, PersonId
from sms import templates
from sms.model import Recipient

NAME, UNIT, TITLE = ("姓名", "name"), ("单位", "unit"), ("职务", "title")
"""What the directory knows of a person, under its names in both languages."""
_NAMED = 3


@dataclass(frozen=True)
class Listed:
    """A number typed, pasted or read from a sheet, with what stood beside it."""

    number: str
    name: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Audience:
    """Who is meant: looked up when the message goes out, at each repetition anew.

    `values`: the same for everybody; `person_values`: person id → values. `scopes`: the unit paths
    the sender may write to; people outside are left out.
    """

    person_ids: tuple[PersonId, ...] = ()
    group_ids: tuple[GroupId, ...] = ()
    listed: tuple[Listed, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    person_values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Member:
    """One who is meant, and the values for a text to them."""

    recipient: Recipient
    values: Mapping[str, str]


@dataclass(frozen=True)
class Meant:
    """An audience looked up: each number once. The rest is for people to know.

    `out_of_reach`, `without_mobile`: names. `doubles`: how many came twice.
    """

    members: tuple[Member, ...]
    out_of_reach: tuple[str, ...] = ()
    without_mobile: tuple[str, ...] = ()
    doubles: int = 0


@dataclass(frozen=True)
class Missing:
    """A recipient for whom the text would still hold `{variable}`."""

    recipient: Recipient
    variable: str


def known(name: str, unit: str = "", title: str = "") -> dict[str, str]:
    """The values the directory gives for a person."""
    pairs = ((NAME, name), (UNIT, unit), (TITLE, title))
    return {word: value for words, value in pairs if value for word in words}


def merged(*layers: Mapping[str, str]) -> dict[str, str]:
    """Values of several origins; a later one wins, an empty one never."""
    return {
        name: value for layer in layers for name, value in layer.items() if value and value.strip()
    }


def addressed(text: str, members: Sequence[Member]) -> Iterator[Recipient | Missing]:
    """Each recipient with their own text, where the text has variables; or what is missing.

    Raises: InvalidInput: a brace that encloses no word, a value that is too long.
    """
    wanted = templates.variables(text)
    for member in members:
        if not wanted:
            yield member.recipient
            continue
        missing = next((name for name in wanted if not member.values.get(name, "").strip()), None)
        if missing is not None:
            yield Missing(member.recipient, missing)
            continue
        values = {name: member.values[name] for name in wanted}
        yield replace(member.recipient, text=templates.fill(text, values))


def refuse_missing(missing: Sequence[Missing]) -> None:
    """Raise InvalidInput that names the variable and some of those without a value."""
    if not missing:
        return
    variable = missing[0].variable
    without = [one.recipient for one in missing if one.variable == variable]
    names = ", ".join(one.name or f"…{one.number[-4:]}" for one in without[:_NAMED])
    more = f" and {len(without) - _NAMED} more" if len(without) > _NAMED else ""
    raise InvalidInput(f"no value for {{{variable}}}: {names}{more}", field=f"values.{variable}")
