"""What a check finds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One result.

    `subject`: a setting or a part; `code`: what was found, stable; `text`: the facts; `mend`: what
    to do, where something is wrong.
    """

    subject: str
    code: str
    text: str
    mend: str = ""

    @property
    def is_good(self) -> bool:
        """Whether there is nothing to mend."""
        return not self.mend


def good(subject: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding(subject, "ok", text)
