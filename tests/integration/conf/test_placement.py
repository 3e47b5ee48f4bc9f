"""One room, one node: the first that claims it holds it, and others are told where to go."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from conf.model import MeetingOrder, SiteInvite
from conf.placement import LEASE, Elsewhere, Placement
from conf.service import Meetings
from core.clock import MovableClock
from core.database import Database
from core.errors import NotFound
from core.ids import UnitId
from signaling.settings import Settings
from tests.support.meeting import running_house

NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
EAST, WEST = "https://east.example", "https://west.example"


async def no_hash(pin: str) -> str:
    return pin


async def no_check(stored: str | None, pin: str) -> bool:
    return stored == pin


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    async with Database(postgresql_url, clock=MovableClock(NOW, frozen=True)) as opened:
        yield opened


@pytest.fixture
async def meeting(database: Database) -> str:
    order = MeetingOrder(
        "key", "汛情会商", "county/", NOW, NOW + timedelta(hours=1),
        (SiteInvite(UnitId("county"), "县"),), "user",
    )  # fmt: skip
    async with database.write() as uow:
        return (await Meetings(no_hash, no_check).open(uow, order)).meeting_id


def nodes(database: Database) -> tuple[Placement, Placement]:
    return Placement(database, "east", EAST), Placement(database, "west", WEST)


async def test_a_room_held_by_one_node_sends_others_there(database: Database, meeting: str) -> None:
    east, west = nodes(database)
    await east.claim(meeting)
    with pytest.raises(Elsewhere) as refused:
        await west.claim(meeting)
    assert refused.value.as_wire()["code"] == "elsewhere"
    assert refused.value.as_wire()["url"] == EAST
    assert (await east.claim(meeting)).node == "east", "a restarted node takes its own back"


async def test_a_node_that_died_gives_its_rooms_up(database: Database, meeting: str) -> None:
    east, west = nodes(database)
    clock = database.clock
    assert isinstance(clock, MovableClock)
    await east.claim(meeting)
    clock.advance(LEASE.total_seconds() - 1)
    await east.keep([meeting])
    clock.advance(LEASE.total_seconds() - 1)
    with pytest.raises(Elsewhere):
        await west.claim(meeting)
    clock.advance(2)
    assert (await west.claim(meeting)).node == "west"
    with pytest.raises(Elsewhere):
        await east.claim(meeting)


async def test_a_node_that_stops_in_order_gives_its_rooms_up_at_once(
    database: Database, meeting: str
) -> None:
    east, west = nodes(database)
    await east.claim(meeting)
    await east.give_up([meeting])
    assert (await west.claim(meeting)).node == "west"


async def test_no_such_meeting(database: Database) -> None:
    with pytest.raises(NotFound):
        await nodes(database)[0].claim("nobody")


async def test_a_server_that_was_stopped_holds_no_room(
    postgresql_url: str, house_settings: Callable[..., Settings]
) -> None:
    """Its meetings go on elsewhere as soon as their sites ask there, not when a lease runs out."""
    async with running_house(house_settings(postgresql_url)) as house:
        await house.open()
        await (await house.page("hall")).join(with_media=False)
        west = Placement(house.app.database, "west", WEST)
        with pytest.raises(Elsewhere):
            await west.claim(house.meeting_id)
    async with Database(postgresql_url, clock=MovableClock()) as database:
        assert (await Placement(database, "west", WEST).claim(house.meeting_id)).node == "west"
