"""Late answers find their attempt."""

import pytest

from sms.at.tickets import Tickets, outcome_of, settings_seem_lost
from sms.driver import ModemError, SendState, Ticket
from sms.errors_cms import ErrorFamily


def _open(*names: str) -> Tickets:
    tickets = Tickets()
    for name in names:
        tickets.begin(Ticket(name))
        tickets.leave_open()
    return tickets


def _answer(tickets: Tickets, name: str, reference: int) -> None:
    tickets.begin(Ticket(name))
    tickets.answered(reference)


def _settled(tickets: Tickets, reference: int) -> list[tuple[str, int | None]]:
    return [(late.ticket, late.outcome.reference) for late in tickets.late_reference(reference)]


def test_a_late_reference_settles_the_oldest_open_attempt() -> None:
    tickets = _open("a", "b")
    assert _settled(tickets, 5) == [("a", 5)]
    assert _settled(tickets, 6) == [("b", 6)]
    assert _settled(tickets, 7) == []
    assert not tickets.has_open


def test_the_answer_after_the_next_one_was_not_swapped_if_the_numbers_say_so() -> None:
    tickets = _open("a")
    _answer(tickets, "b", 6)
    assert _settled(tickets, 5) == [("a", 5)]


@pytest.mark.parametrize(("first", "second"), [(5, 6), (255, 0)])
def test_swapped_answers_are_both_put_right(first: int, second: int) -> None:
    tickets = _open("a")
    _answer(tickets, "b", first)
    assert _settled(tickets, second) == [("a", first), ("b", second)]


@pytest.mark.parametrize(
    ("code", "state"), [(38, SendState.REFUSED), (197, SendState.SENT), (500, None)]
)
def test_a_late_error(code: int, state: SendState | None) -> None:
    settled = _open("a").late_error(ModemError(ErrorFamily.CMS, code))
    assert [late.outcome.state for late in settled] == ([] if state is None else [state])


def test_what_was_settled_or_forgotten_gets_nothing() -> None:
    tickets = Tickets()
    tickets.begin(Ticket("a"))
    tickets.settle()
    tickets.leave_open()
    assert _settled(tickets, 1) == []
    tickets = _open("a")
    tickets.forget_open()
    assert _settled(tickets, 1) == []
    assert tickets.late_error(ModemError(ErrorFamily.CMS, 38)) == []


def test_an_answer_nobody_awaits_changes_nothing() -> None:
    tickets = _open("a")
    tickets.answered(3)
    assert _settled(tickets, 4) == [("a", 4)]


@pytest.mark.parametrize(
    ("family", "code", "is_lost"),
    [("plain", 0, True), ("cms", 302, True), ("cms", 304, True), ("cms", 331, False)],
)
def test_errors_of_a_modem_that_lost_its_settings(family: str, code: int, is_lost: bool) -> None:
    assert settings_seem_lost(ModemError(ErrorFamily(family), code)) is is_lost


@pytest.mark.parametrize(
    ("code", "state"),
    [(500, SendState.UNKNOWN), (197, SendState.SENT), (38, SendState.REFUSED)],
)
def test_what_an_error_behind_the_text_says(code: int, state: SendState) -> None:
    assert outcome_of(ModemError(ErrorFamily.CMS, code)).state is state


def test_open_attempts_are_bounded() -> None:
    tickets = _open(*map(str, range(100)))
    assert _settled(tickets, 0) == [("84", 0)]
