"""What no text of ours may hold: NUL (PostgreSQL stores none) and halves of a surrogate pair."""

from collections.abc import Mapping

from core.errors import InvalidInput


def check_storable(value: object) -> None:
    """Refuse JSON `value` (or one text) with a sign that cannot be stored or sent on.

    Raises: InvalidInput: names the field.
    """
    waiting: list[tuple[str, object]] = [("", value)]  # no recursion: its depth is the sender's
    while waiting:
        path, found = waiting.pop()
        if isinstance(found, str):
            if not is_storable(found):
                raise InvalidInput(
                    "a sign that cannot be stored", field=path or None, code="unstorable"
                )
        elif isinstance(found, Mapping):
            waiting += [("key", key) for key in found]
            waiting += [(_joined(path, key), inner) for key, inner in found.items()]
        elif isinstance(found, list | tuple):
            waiting += [(_joined(path, index), inner) for index, inner in enumerate(found)]


def is_storable(text: str) -> bool:
    """Whether every sign of `text` can be stored and sent on."""
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _joined(path: str, key: object) -> str:
    name = str(key) if is_storable(str(key)) else "?"
    return f"{path}.{name}" if path else name
