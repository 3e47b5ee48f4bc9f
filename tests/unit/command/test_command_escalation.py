"""The chain and its clock: who is called when, until a human answers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command.escalation import (
    Contact,
    Link,
    Position,
    chain_of,
    due,
    following,
    is_exhausted,
    next_at,
)
from core.ids import PersonId, UnitId
from plans.model import EscalationLink, EscalationPolicy, LinkTo

T0 = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
POLICY = EscalationPolicy(
    (
        EscalationLink(LinkTo.PRINCIPAL, 3),
        EscalationLink(LinkTo.DEPUTY, 2),
        EscalationLink(LinkTo.LEADER, 5),
    ),
    leader_role="leader",
    rounds=1,
    ack_expires_min=30,
)


def contact(name: str) -> Contact:
    return Contact(PersonId(name), name, "", UnitId("u"), "单位", "+8613800138000", False)


HEAD, DEPUTY, SECOND, LEADER = (contact(name) for name in ("head", "deputy", "second", "leader"))
CHAIN = chain_of(POLICY, [HEAD, DEPUTY], [LEADER])


def names(chain: tuple[Link, ...]) -> list[str]:
    return [person.name for link in chain for person in link.people]


@pytest.mark.parametrize(
    ("holders", "leaders", "expected"),
    [
        ([HEAD, DEPUTY], [LEADER], ["head", "deputy", "leader"]),
        ([HEAD, DEPUTY, SECOND], [LEADER], ["head", "deputy", "second", "leader"]),
        ([HEAD], [LEADER], ["head", "leader"]),
        ([], [LEADER], ["leader"]),
        ([HEAD], [], ["head"]),
        ([], [], []),
        ([LEADER, DEPUTY], [LEADER], ["leader", "deputy"]),
        ([HEAD, HEAD], [LEADER, SECOND], ["head", "leader"]),
    ],
)
def test_who_is_in_the_chain(
    holders: list[Contact], leaders: list[Contact], expected: list[str]
) -> None:
    assert names(chain_of(POLICY, holders, leaders)) == expected


def test_rounds_walk_the_chain_again() -> None:
    twice = chain_of(replace(POLICY, rounds=2), [HEAD], [LEADER])
    assert names(twice) == ["head", "leader", "head", "leader"]


@pytest.mark.parametrize(
    ("minutes", "steps"),
    [(0, []), (2.99, []), (3, [1]), (4.99, [1]), (5, [1, 2]), (600, [1, 2])],
)
def test_steps_due_after_a_silence(minutes: float, steps: list[int]) -> None:
    now = T0 + timedelta(minutes=minutes)
    assert [each.step for each in due(CHAIN, Position(0, T0), now)] == steps


def test_after_a_standstill_each_counts_from_when_it_should_have_been_called() -> None:
    late = due(CHAIN, Position(0, T0), T0 + timedelta(hours=1))
    assert [each.since - T0 for each in late] == [timedelta(minutes=3), timedelta(minutes=5)]


def test_a_decline_begins_the_next_link_at_once() -> None:
    at = T0 + timedelta(seconds=20)
    position = following(CHAIN, Position(0, T0), at)
    assert position == Position(1, at)
    assert next_at(CHAIN, position) == at + timedelta(minutes=2)
    assert following(CHAIN, Position(2, T0), at) is None


@pytest.mark.parametrize(
    ("step", "minutes", "expected"), [(2, 4.9, False), (2, 5, True), (1, 60, False)]
)
def test_the_end_of_the_chain(step: int, minutes: float, expected: bool) -> None:
    now = T0 + timedelta(minutes=minutes)
    assert is_exhausted(CHAIN, Position(step, T0), now) is expected


CHAINS = st.lists(st.integers(1, 3600), min_size=1, max_size=8).map(
    lambda waits: tuple(Link("主责", wait, (HEAD,)) for wait in waits)
)


@given(CHAINS, st.integers(0, 40_000))
def test_step_k_begins_at_the_sum_of_the_waits_before_it(
    chain: tuple[Link, ...], seconds: int
) -> None:
    positions = [Position(0, T0), *due(chain, Position(0, T0), T0 + timedelta(seconds=seconds))]
    for each in positions:
        waited = sum(link.wait_s for link in chain[: each.step])
        assert each.since == T0 + timedelta(seconds=waited)
        assert waited <= seconds or each.step == 0
    assert [each.step for each in positions] == list(range(len(positions)))


@given(CHAINS, st.lists(st.integers(0, 5000), max_size=12))
def test_looking_often_or_once_calls_the_same_links(
    chain: tuple[Link, ...], pauses: list[int]
) -> None:
    now, position, seen = T0, Position(0, T0), list[Position]()
    for pause in pauses:
        now += timedelta(seconds=pause)
        steps = due(chain, position, now)
        seen += steps
        position = steps[-1] if steps else position
    assert seen == due(chain, Position(0, T0), now)
