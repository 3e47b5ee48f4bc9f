"""An independent checker: what the simulated air received against what the platform claims.

It knows nothing of segments, attempts or transitions: handsets and the board, that is all.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

ARRIVED = {"sent", "delivered"}
NOT_OUT = {"queued", "failed", "cancelled", "expired"}
COPY_MARK = "（补发）"


@dataclass(frozen=True)
class Claim:
    """What the board says of one recipient. `extra_copies`: ordered by policy or a person."""

    number: str
    text: str
    is_alert: bool
    state: str
    extra_copies: int = 0


def copies_on_handsets(journal: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """How many whole copies of each text each handset showed; a marked copy counts as one."""
    return Counter(
        (entry["number"], entry["text"].removeprefix(COPY_MARK))
        for entry in journal
        if entry["kind"] == "received"
    )


def violations(journal: list[dict[str, Any]], claims: list[Claim]) -> list[str]:
    """Every broken promise, in plain words; empty: all kept."""
    copies = copies_on_handsets(journal)
    found: list[str] = []
    known = {(claim.number, claim.text) for claim in claims}
    found += [
        f"{number}: a text nobody sent: {text[:20]}"
        for number, text in copies - Counter({key: copies[key] for key in known})
    ]
    for claim in claims:
        seen = copies[(claim.number, claim.text)]
        where = f"{claim.number} ({'alert' if claim.is_alert else 'notice'}, {claim.state})"
        most = 1 + (1 if claim.is_alert and claim.extra_copies else 0)
        if seen > most:
            found.append(f"{where}: {seen} copies, at most {most}")
        if claim.state in ARRIVED and seen == 0:
            found.append(f"{where}: never arrived")
        if claim.state in NOT_OUT and seen > 0:
            found.append(f"{where}: but {seen} arrived")
    return found


def losses(journal: list[dict[str, Any]], claims: list[Claim]) -> list[str]:
    """Texts that never arrived; for faults after which every text must."""
    copies = copies_on_handsets(journal)
    return [
        f"{claim.number} ({claim.state}): lost"
        for claim in claims
        if copies[(claim.number, claim.text)] == 0
    ]
