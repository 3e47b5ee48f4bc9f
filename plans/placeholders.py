"""The placeholders of notice texts (pure).

`{name}` stands for a value; `[[ … ]]` is left out as a whole when a value in it is empty.
"""

import re
from collections.abc import Mapping

PLACEHOLDERS = {
    "incident": "title of the incident",
    "kind": "kind of the incident",
    "place": "where it happened",
    "time": "when it happened, HH:MM local time",
    "plan": "title of the plan",
    "level": "response level, Ⅲ级",
    "role": "role of the person called",
    "name": "name of the person called",
    "task": "first task of the role",
    "due": "when that task is due, HH:MM local time",
    "link": "address of the person's seat in the emergency meeting",
}

_NAME = re.compile(r"\{([^{}]*)\}")
_OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)


def unknown(template: str) -> list[str]:
    """Names in `template` that no value will ever be given for, in order."""
    return [name for name in _NAME.findall(template) if name not in PLACEHOLDERS]


def fill(template: str, values: Mapping[str, str]) -> str:
    """`template` with its placeholders replaced; a name without a value becomes empty.

    A value is taken as it is: braces and brackets in it have no meaning.
    """
    pieces: list[str] = []
    position = 0
    for section in _OPTIONAL.finditer(template):
        pieces.append(_replace(template[position : section.start()], values))
        inner = section.group(1)
        if all(values.get(name) for name in _NAME.findall(inner)):
            pieces.append(_replace(inner, values))
        position = section.end()
    pieces.append(_replace(template[position:], values))
    return "".join(pieces)


def _replace(text: str, values: Mapping[str, str]) -> str:
    return _NAME.sub(lambda match: values.get(match.group(1), ""), text)
