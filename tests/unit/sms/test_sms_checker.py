"""The checker of the fault matrix and the kills: it must see each way a promise can break."""

import pytest

from tests.support.sms_checker import Claim, losses, violations

ALICE, BOB = "+8610055500001", "+8610055500002"


def shown(*texts: str, number: str = ALICE) -> list[dict[str, str]]:
    return [{"kind": "received", "number": number, "text": text} for text in texts]


def claim(state: str, *, is_alert: bool = False, extra: int = 0) -> Claim:
    return Claim(ALICE, "go", is_alert, state, extra)


@pytest.mark.parametrize(
    ("journal", "one", "word"),
    [
        (shown("go", "go"), claim("delivered"), "2 copies, at most 1"),
        (shown("go", "go"), claim("sent", is_alert=True), "2 copies, at most 1"),
        (shown("go", "（补发）go"), claim("unknown"), "2 copies, at most 1"),
        (shown("go", "（补发）go", "go"), claim("sent", is_alert=True, extra=2), "3 copies"),
        (shown(), claim("delivered"), "never arrived"),
        (shown(), claim("sent"), "never arrived"),
        (shown("go"), claim("failed"), "but 1 arrived"),
        (shown("go"), claim("queued"), "but 1 arrived"),
        (shown("go", "stop"), claim("sent"), "nobody sent"),
        ([*shown("go"), *shown("go", number=BOB)], claim("sent"), "nobody sent"),
    ],
)
def test_a_broken_promise_is_found(journal: list[dict[str, str]], one: Claim, word: str) -> None:
    (found,) = violations(journal, [one])
    assert word in found


@pytest.mark.parametrize(
    ("journal", "one"),
    [
        (shown("go"), claim("delivered")),
        (shown("go", "（补发）go"), claim("sent", is_alert=True, extra=1)),
        (shown("go"), claim("unknown")),
        (shown(), claim("unknown")),
        (shown(), claim("failed")),
        ([{"kind": "submitted", "number": ALICE, "text": "go"}], claim("queued")),
    ],
)
def test_kept_promises_are_no_violation(journal: list[dict[str, str]], one: Claim) -> None:
    assert violations(journal, [one]) == []


def test_a_text_that_reached_no_handset_is_lost_whatever_the_board_says() -> None:
    assert losses(shown("other"), [claim("unknown")]) == [f"{ALICE} (unknown): lost"]
    assert losses(shown("go"), [claim("unknown")]) == []
