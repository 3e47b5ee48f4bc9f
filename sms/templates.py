"""Texts with variables: `{姓名}请于{时间}到{地点}` (pure).

A variable is a plain word in braces; nothing is looked up behind it, so a hostile template can only
name words. Measured with the longest value each variable may have, so no recipient costs more.
"""

import re
from collections.abc import Mapping

from core.errors import InvalidInput
from sms.segments import Preview, preview

MOST_VARIABLES = 20
LONGEST_VALUE = 200
_VARIABLE = re.compile(r"\{(\w{1,20})\}")
_USUAL_LENGTH = 8
_LONGEST_CHAR = "国"


def variables(text: str) -> tuple[str, ...]:
    """The variables in order of first use. Raises: InvalidInput: a brace that is none, too many."""
    if set("{}") & set(_VARIABLE.sub("", text)):
        raise InvalidInput("a brace must enclose one word, like {姓名}", field="text")
    found = tuple(dict.fromkeys(_VARIABLE.findall(text)))
    if len(found) > MOST_VARIABLES:
        raise InvalidInput(f"at most {MOST_VARIABLES} variables", field="text")
    return found


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables replaced; braces inside a value stay as they are.

    Raises: InvalidInput: a variable without a value, or a value that is too long.
    """
    missing = [name for name in variables(text) if not values.get(name, "").strip()]
    if missing:
        raise InvalidInput(f"no value for {{{missing[0]}}}", field=f"values.{missing[0]}")
    too_long = [name for name, value in values.items() if len(value) > LONGEST_VALUE]
    if too_long:
        raise InvalidInput(
            f"{{{too_long[0]}}} is longer than {LONGEST_VALUE}", field=f"values.{too_long[0]}"
        )
    return _VARIABLE.sub(lambda found: values[found[1]], text)


def at_worst(text: str, longest: Mapping[str, str], frame: str = "") -> tuple[str, Preview]:
    """The longest result, and what it costs. `frame`: signature and marks put before it."""
    values = {name: longest.get(name) or _LONGEST_CHAR * _USUAL_LENGTH for name in variables(text)}
    filled = fill(text, values)
    return filled, preview(frame + filled)
