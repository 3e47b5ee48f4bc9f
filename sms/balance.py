"""Reading money in the text a network answers to a USSD code (pure)."""

import re

_MONEY = re.compile(r"(-?\d+(?:\.\d{1,2})?)\s*(?:元|yuan|RMB|CNY)", re.IGNORECASE)


def balance_fen(text: str) -> int | None:
    """The first sum of money in a balance text, in fen; None where there is none."""
    found = _MONEY.search(text)
    return round(float(found[1]) * 100) if found else None


def is_low(fen: int | None, limit_fen: int) -> bool:
    """Whether a balance is below the limit; an unknown one is not."""
    return fen is not None and fen < limit_fen
