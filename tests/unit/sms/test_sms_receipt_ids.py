"""Which text a receipt means: ids in another form, lost answers, and when nothing is certain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.receipt_ids import Candidate, IdForm, as_answered, canonical, meant, proven_form

SAME, HEX, DECIMAL = IdForm.SAME, IdForm.HEX_DECIMAL, IdForm.DECIMAL_HEX


def named(answer_id: str, receipt_id: str = "") -> Candidate:
    return Candidate(f"attempt {answer_id}", answer_id, receipt_id)


LOST = Candidate("lost", "", "", is_nameless=True)
LOST_TOO = Candidate("lost too", "", "", is_nameless=True)


@pytest.mark.parametrize(
    ("receipt", "form", "answer"),
    [
        ("id-7", SAME, "id-7"),
        ("001A", SAME, "1a"),
        ("000", SAME, "0"),
        ("26", HEX, "1a"),
        ("0000000026", HEX, "1a"),
        ("1A", HEX, None),
        ("٢٦", HEX, None),
        ("1A", DECIMAL, "26"),
        ("id-7", DECIMAL, None),
    ],
)
def test_an_id_is_read_in_every_form(receipt: str, form: IdForm, answer: str | None) -> None:
    assert as_answered(receipt, form) == answer


@given(st.integers(0, 2**128))
def test_the_same_number_is_found_again_in_the_other_form(number: int) -> None:
    assert as_answered(str(number), HEX) == canonical(f"{number:032X}")
    assert as_answered(f"{number:x}", DECIMAL) == canonical(f"{number:040}")


@pytest.mark.parametrize(
    ("answer", "receipt", "form"),
    [
        ("1a", "26", HEX), ("26", "1A", DECIMAL), ("1a", "1A", SAME), ("16", "16", SAME),
        ("5", "5", None), ("16", "17", None), ("id-7", "id-7", SAME),
    ],
)  # fmt: skip
def test_a_pair_of_ids_may_prove_how_the_line_writes_them(
    answer: str, receipt: str, form: IdForm | None
) -> None:
    assert proven_form(answer, receipt) is form


@pytest.mark.parametrize(
    ("receipt", "candidates", "fixed", "learnt", "found"),
    [
        ("16", [named("16")], None, None, "attempt 16"),
        ("16", [named("10")], None, None, "attempt 10"),
        # "16" is the text answered as "10" in hex, or the one answered as "16"
        ("16", [named("16"), named("10")], None, None, None),
        ("16", [named("16"), named("10")], None, HEX, "attempt 10"),
        ("16", [named("16"), named("10")], None, SAME, "attempt 16"),
        ("16", [named("16"), named("10")], HEX, None, "attempt 10"),
        ("16", [named("16")], HEX, None, None),
        ("16", [named("10")], SAME, None, None),
        # of a text whose answer was lost
        ("16", [LOST], None, None, "lost"),
        ("16", [LOST, LOST_TOO], None, None, None),
        ("16", [named("17"), LOST], None, SAME, "lost"),
        ("16", [named("10"), LOST], None, None, None),
        ("16", [named("10"), LOST], None, HEX, "attempt 10"),
        ("16", [named("10"), LOST], SAME, None, "lost"),
        ("id-7", [named("id-7"), LOST], None, None, "attempt id-7"),  # in no other form
        # told before: the same again
        ("16", [named("16"), Candidate("told", "", "16")], None, SAME, "told"),
        ("16", [], None, None, None),
    ],
)
def test_a_receipt_settles_the_one_text_it_can_mean(
    receipt: str,
    candidates: list[Candidate],
    fixed: IdForm | None,
    learnt: IdForm | None,
    found: str | None,
) -> None:
    one = meant(receipt, candidates, fixed=fixed, learnt=learnt)
    assert (one.attempt_id if one is not None else None) == found
