"""What a check finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One result.

    `subject`: a setting or a part; `code`: what was found, stable; `text`: the facts; `mend`: what
    to do, where something is wrong. `fact`, `values`: the text as a stable code and what stands in
    it, for a page in another language.
    """

    subject: str
    code: str
    text: str
    mend: str = ""
    fact: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether there is nothing to mend."""
        return not self.mend


def good(subject: str, text: str, fact: str, **values: object) -> Finding:
    """Nothing to do; `text` says in English what `fact` and `values` say."""
    told = {name: str(value) for name, value in values.items()}
    return Finding(subject, "ok", text, fact=fact, values=told)
