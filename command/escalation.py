"""The escalation chain and where it stands (pure): who is called when, until a human answers.

Link k begins at t0 + Σ wait of the links before it. A decline or a certain failure begins the next
link at once, and the waits count from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.ids import PersonId, UnitId
from plans.model import EscalationPolicy, LinkTo

LINK_NAMES = {LinkTo.PRINCIPAL: "主责", LinkTo.DEPUTY: "副职", LinkTo.LEADER: "领导"}
LINK_CODES = {name: to.value for to, name in LINK_NAMES.items()}


@dataclass(frozen=True)
class Contact:
    """Somebody who can be called by SMS, as known when the chain was frozen."""

    person_id: PersonId
    name: str
    title: str
    unit_id: UnitId
    unit_name: str
    number: str
    is_demo: bool


@dataclass(frozen=True)
class Link:
    """One link: these people are called together, then `wait_s` seconds are given for an answer.

    `is_above`: they do not hold the role, they stand above it and are told that nobody answers.
    """

    name: str
    wait_s: int
    people: tuple[Contact, ...]
    is_above: bool = False


@dataclass(frozen=True)
class Position:
    """Link `step` has been called at `since`."""

    step: int
    since: datetime


def chain_of(
    policy: EscalationPolicy, holders: Sequence[Contact], leaders: Sequence[Contact]
) -> tuple[Link, ...]:
    """The chain for a role held by `holders` (principal first), above them `leaders`.

    Each deputy is a link of their own. Nobody is called twice in a round; a link without people is
    left out, so the chain is empty where nobody can be called at all.
    """
    called: set[PersonId] = set()
    links: list[Link] = []
    for link in policy.links:
        for person in _candidates(link.to, holders, leaders):
            if person.person_id not in called:
                called.add(person.person_id)
                is_above = link.to is LinkTo.LEADER
                links.append(Link(LINK_NAMES[link.to], link.wait_min * 60, (person,), is_above))
    return tuple(links) * policy.rounds


def _candidates(
    to: LinkTo, holders: Sequence[Contact], leaders: Sequence[Contact]
) -> Sequence[Contact]:
    match to:
        case LinkTo.PRINCIPAL:
            return holders[:1]
        case LinkTo.DEPUTY:
            return holders[1:]
        case LinkTo.LEADER:
            return leaders[:1]


def next_at(chain: Sequence[Link], position: Position) -> datetime:
    """When the wait of the present link is over."""
    return position.since + timedelta(seconds=chain[position.step].wait_s)


def following(chain: Sequence[Link], position: Position, at: datetime) -> Position | None:
    """The next link, called at `at`; None where the chain is at its end."""
    step = position.step + 1
    return Position(step, at) if step < len(chain) else None


def due(chain: Sequence[Link], position: Position, now: datetime) -> list[Position]:
    """The links that must have been called by `now` and have not been, in order.

    After a standstill of the server several may be due at once; each counts from when it should
    have been called, so nobody waits longer because we were down.
    """
    positions: list[Position] = []
    while (at := next_at(chain, position)) <= now:
        later = following(chain, position, at)
        if later is None:
            break
        positions.append(later)
        position = later
    return positions


def is_exhausted(chain: Sequence[Link], position: Position, now: datetime) -> bool:
    """Whether the last link has had its time."""
    return position.step == len(chain) - 1 and next_at(chain, position) <= now
