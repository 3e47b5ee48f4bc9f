"""A segment moves only as the table says, and its recipient's state never claims too much."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.lifecycle import LANES, SegmentFact, copies_allowed, summarise, transition
from sms.model import MessageClass, RecipientState, SegmentState

S, F = SegmentState, SegmentFact


@pytest.mark.parametrize(
    ("start", "facts", "end"),
    [
        (S.QUEUED, [F.CLAIMED, F.ACCEPTED, F.REPORTED_DELIVERED], S.DELIVERED),
        (S.QUEUED, [F.CLAIMED, F.GIVEN_BACK, F.CLAIMED, F.ACCEPTED], S.SENT),
        (S.QUEUED, [F.CLAIMED, F.LEFT_OPEN, F.REPORTED_DELIVERED], S.DELIVERED),
        (S.QUEUED, [F.CLAIMED, F.LEFT_OPEN, F.ACCEPTED], S.SENT),
        (S.QUEUED, [F.CLAIMED, F.LEFT_OPEN, F.COPY_ORDERED, F.REPORTED_DELIVERED], S.DELIVERED),
        (S.QUEUED, [F.CLAIMED, F.REPORTED_DELIVERED, F.ACCEPTED], S.DELIVERED),
        (S.QUEUED, [F.CLAIMED, F.REFUSED], S.FAILED),
        (S.QUEUED, [F.RAN_OUT], S.EXPIRED),
        (S.QUEUED, [F.WITHDRAWN, F.CLAIMED], S.CANCELLED),
        (S.UNKNOWN, [F.COPY_ORDERED, F.COPY_WITHDRAWN, F.REPORTED_DELIVERED], S.DELIVERED),
        (S.SENT, [F.WITHDRAWN, F.RAN_OUT, F.GIVEN_BACK, F.COPY_ORDERED], S.SENT),
    ],
)
def test_a_segment_ends_where_its_story_ends(
    start: SegmentState, facts: list[SegmentFact], end: SegmentState
) -> None:
    state = start
    for fact in facts:
        state = transition(state, fact) or state
    assert state is end


def test_delivered_is_final() -> None:
    """Nothing takes back a delivery report, but a long text begun anew: its parts are useless."""
    later = set(F) - {F.RENEWED}
    assert all(transition(S.DELIVERED, fact) is None for fact in later)
    assert transition(S.DELIVERED, F.RENEWED) is S.QUEUED


def test_what_was_on_the_air_is_queued_again_only_if_surely_not_sent_or_by_policy() -> None:
    ways_back = {
        (state, fact)
        for state, fact in itertools.product(S, F)
        if transition(state, fact) is S.QUEUED and fact is not F.RENEWED
    }
    assert ways_back == {
        (S.SENDING, F.GIVEN_BACK),
        (S.UNKNOWN, F.GIVEN_BACK),
        (S.UNKNOWN, F.COPY_ORDERED),
    }


@given(st.lists(st.sampled_from(list(S)), min_size=1, max_size=10))
def test_a_recipient_is_never_shown_better_than_his_worst_segment(
    states: list[SegmentState],
) -> None:
    shown = summarise(states)
    assert (shown is RecipientState.DELIVERED) == all(state is S.DELIVERED for state in states)
    if S.UNKNOWN in states:
        assert shown in (
            RecipientState.UNKNOWN,
            RecipientState.FAILED,
            RecipientState.EXPIRED,
            RecipientState.CANCELLED,
        )


def test_only_an_alert_may_be_copied() -> None:
    assert {class_ for class_ in MessageClass if copies_allowed(class_)} == {MessageClass.ALERT}


def test_an_alert_goes_before_everything_else() -> None:
    assert min(LANES, key=LANES.__getitem__) is MessageClass.ALERT
