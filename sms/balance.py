"""Reading money in the text a network answers to a USSD code (pure)."""

import re
import unicodedata

_MONEY = re.compile(
    r"(?<![0-9.,])(-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]{1,2})?)\s*(?:元|yuan|RMB|CNY)",
    re.IGNORECASE,
)


def balance_fen(text: str) -> int | None:
    """The first sum of money in a balance text, in fen; None where there is none.

    Full-width figures and 1,234.50 are read; the tail of a figure that is none, never.
    """
    found = _MONEY.search(unicodedata.normalize("NFKC", text))
    return round(float(found[1].replace(",", "")) * 100) if found else None


def is_low(fen: int | None, limit_fen: int) -> bool:
    """Whether a balance is below the limit; an unknown one is not."""
    return fen is not None and fen < limit_fen
