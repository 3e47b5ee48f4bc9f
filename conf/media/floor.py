"""Floor control: who may speak, in the words of RFC 8855 (BFCP), as pure moves over frozen state.

A participant requests the floor; the chair grants or denies it, or revokes it later; the holder
releases it, and who still waits may withdraw (BFCP: FloorRelease of a pending request, Cancelled).
The forwarder lets through the audio of `holders` only, when the room's floor is controlled.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from core.errors import Conflict, NotFound, TooMany

MAX_WAITING = 256


class RequestStatus(StrEnum):
    """RFC 8855 §5.2.5. Accepted means: in the queue."""

    ACCEPTED = "accepted"
    GRANTED = "granted"
    DENIED = "denied"
    CANCELLED = "cancelled"
    RELEASED = "released"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class FloorRequest:
    """One participant waiting, since `requested_at_s` (room clock)."""

    participant: str
    requested_at_s: float


@dataclass(frozen=True, slots=True)
class Floor:
    """`waiting` is in the order of requests; nobody waits and holds at once."""

    max_holders: int = 1
    holders: tuple[str, ...] = ()
    waiting: tuple[FloorRequest, ...] = ()

    def status(self, participant: str) -> RequestStatus | None:
        """GRANTED, ACCEPTED, or None when the participant neither holds nor waits."""
        if participant in self.holders:
            return RequestStatus.GRANTED
        return RequestStatus.ACCEPTED if self.position(participant) else None

    def position(self, participant: str) -> int:
        """Place in the queue from 1 (BFCP Queue Position); 0 when not waiting."""
        for place, request in enumerate(self.waiting, 1):
            if request.participant == participant:
                return place
        return 0


@dataclass(frozen=True, slots=True)
class Moved:
    """The floor after a move, and what each participant is to be told."""

    floor: Floor
    told: tuple[tuple[str, RequestStatus], ...] = ()


def request(floor: Floor, participant: str, now_s: float) -> Moved:
    """Ask for the floor; asking again keeps the place.

    Raises: Conflict: the participant holds it. TooMany: the queue is full.
    """
    if participant in floor.holders:
        raise Conflict("the participant holds the floor", field="participant")
    if floor.position(participant):
        return Moved(floor)
    if len(floor.waiting) >= MAX_WAITING:
        raise TooMany("the queue is full")
    waiting = (*floor.waiting, FloorRequest(participant, now_s))
    return Moved(replace(floor, waiting=waiting), ((participant, RequestStatus.ACCEPTED),))


def grant(floor: Floor, participant: str, *, takes_over: bool = False) -> Moved:
    """The chair gives the floor, asked for or not (calling on a site).

    `takes_over`: when all places are taken, the one who holds longest is revoked.
    Raises: Conflict: no place is free, or the participant holds it already.
    """
    if participant in floor.holders:
        raise Conflict("the participant holds the floor", field="participant")
    told: tuple[tuple[str, RequestStatus], ...] = ((participant, RequestStatus.GRANTED),)
    holders = floor.holders
    if len(holders) >= floor.max_holders:
        if not takes_over:
            raise Conflict("the floor is held", field="participant")
        told = ((holders[0], RequestStatus.REVOKED), *told)
        holders = holders[1:]
    waiting = _without(floor.waiting, participant)
    return Moved(replace(floor, holders=(*holders, participant), waiting=waiting), told)


def deny(floor: Floor, participant: str) -> Moved:
    """The chair refuses a request. Raises: NotFound: there is none."""
    return _end_request(floor, participant, RequestStatus.DENIED)


def withdraw(floor: Floor, participant: str) -> Moved:
    """The participant takes the request back. Raises: NotFound: there is none."""
    return _end_request(floor, participant, RequestStatus.CANCELLED)


def release(floor: Floor, participant: str) -> Moved:
    """The holder gives the floor back. Raises: NotFound: the participant does not hold it."""
    return _end_hold(floor, participant, RequestStatus.RELEASED)


def revoke(floor: Floor, participant: str) -> Moved:
    """The chair takes the floor away. Raises: NotFound: the participant does not hold it."""
    return _end_hold(floor, participant, RequestStatus.REVOKED)


def leave(floor: Floor, participant: str) -> Moved:
    """The participant is gone for good: nothing of it stays; nobody need be told."""
    holders = tuple(holder for holder in floor.holders if holder != participant)
    return Moved(replace(floor, holders=holders, waiting=_without(floor.waiting, participant)))


def _without(waiting: tuple[FloorRequest, ...], participant: str) -> tuple[FloorRequest, ...]:
    return tuple(request for request in waiting if request.participant != participant)


def _end_request(floor: Floor, participant: str, status: RequestStatus) -> Moved:
    if not floor.position(participant):
        raise NotFound("no such request", field="participant")
    waiting = _without(floor.waiting, participant)
    return Moved(replace(floor, waiting=waiting), ((participant, status),))


def _end_hold(floor: Floor, participant: str, status: RequestStatus) -> Moved:
    if participant not in floor.holders:
        raise NotFound("the participant does not hold the floor", field="participant")
    holders = tuple(holder for holder in floor.holders if holder != participant)
    return Moved(replace(floor, holders=holders), ((participant, status),))
