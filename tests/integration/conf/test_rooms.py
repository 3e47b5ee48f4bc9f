"""Rooms end to end on both databases: real edge, real worker, synthetic sites over the protocol."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import pytest

from conf.store import MeetingRow
from core.auth.model import Role
from core.clock import MovableClock
from signaling.settings import Settings
from tests.support.bridge import eventually
from tests.support.cores import waited_s
from tests.support.meeting import House, Page, Refused, refusal, refused_join, running_house

pytestmark = pytest.mark.timeout(60)
HEARD, MAIN = "3", "6"
REJOINED_S = 10  # docs/protocol.md promises it


async def shows(page: Page, site: bytes) -> None:
    """Wait until the page's main picture is this site's and nobody else's."""
    main = page.media.mid
    await eventually(lambda: {o.rstrip(b"\0") for o in main(MAIN).origins[-20:]} == {site})


# -- orders --------------------------------------------------------------------------------------


async def test_a_muted_site_is_not_heard_and_knows_it(house: House) -> None:
    """Nothing passes once the order has been acknowledged, whatever the site sends."""
    hall, east, west = await house.joined("hall", "east", "west")
    await house.stream_until(east, done=lambda: west.media.mid(HEARD).packets > 20)
    await hall.order("mute", east.pid)
    await house.read_all()
    heard = west.media.mid(HEARD).packets
    seen = west.media.mid(MAIN).packets
    await house.stream_until(east, done=lambda: west.media.mid(MAIN).packets > seen + 30)
    assert west.media.mid(HEARD).packets == heard
    assert (await east.seat(east.pid))["audio"]["is_muted"]
    assert await refusal(east, "room.order", order="unmute", target=east.pid) == "not_allowed"
    assert "room.mute" in await house.audited()


async def test_an_order_is_stored_before_it_is_enforced(house: House) -> None:
    """While the database makes it wait it has changed nothing; once stored it holds."""
    hall, east, west = await house.joined("hall", "east", "west")
    async with house.app.database.write() as uow:
        await uow.session.get(MeetingRow, house.meeting_id, with_for_update=True)
        ordering = asyncio.create_task(hall.order("mute", east.pid))
        await house.stream_until(east, done=lambda: west.media.mid(HEARD).packets > 20)
    with suppress(Refused):  # it waited too long for an answer, on a busy machine
        await ordering
    await west.until(
        "change", lambda c: c["data"].get("participant_id") == east.pid
        and c["data"].get("audio", {}).get("is_muted"),
    )  # fmt: skip
    await house.read_all()
    heard, seen = west.media.mid(HEARD).packets, west.media.mid(MAIN).packets
    await house.stream_until(east, done=lambda: west.media.mid(MAIN).packets > seen + 30)
    assert west.media.mid(HEARD).packets == heard


async def test_a_site_called_on_is_heard_and_seen_by_all(house: House) -> None:
    hall, east, west = await house.joined("hall", "east", "west")
    await house.stream_until(hall, east, west, done=lambda: west.media.mid(MAIN).packets > 20)
    await hall.order("call_on", east.pid)
    assert await west.change("room.changed", called=east.pid, broadcast=east.pid)
    assert (await hall.seat(west.pid))["audio"]["is_muted"]
    main = west.media.mid

    def shown() -> set[bytes]:
        return {origin.rstrip(b"\0") for origin in main(MAIN).origins[-20:]}

    await house.stream_until(hall, east, west, done=lambda: shown() == {b"east"})
    before = main(MAIN).packets
    await house.stream_until(hall, east, west, done=lambda: main(MAIN).packets > before + 20)
    assert shown() == {b"east"}


async def test_the_floor_is_asked_for_granted_and_given_back(house: House) -> None:
    hall, east, west = await house.joined("hall", "east", "west")
    await hall.order("mute_all")
    await east.ask("room.floor", action="request")
    await west.ask("room.floor", action="request")
    assert (await hall.seat(east.pid))["hand_at"] < (await hall.seat(west.pid))["hand_at"]
    await hall.order("grant_floor", east.pid)
    seat = await hall.seat(east.pid)
    assert seat["has_floor"]
    assert not seat["audio"]["is_muted"]
    assert seat["hand_at"] is None
    await house.stream_until(east, done=lambda: hall.media.mid(HEARD).packets > 20)
    await hall.order("deny_floor", west.pid)
    assert await refusal(hall, "room.order", order="deny_floor", target=west.pid) == "conflict"
    await east.ask("room.floor", action="release")
    assert (await hall.seat(east.pid))["audio"]["is_muted"]
    await house.read_all()
    heard, seen = hall.media.mid(HEARD).packets, hall.media.mid(MAIN).packets
    await house.stream_until(east, done=lambda: hall.media.mid(MAIN).packets > seen + 30)
    assert hall.media.mid(HEARD).packets == heard
    assert await refusal(east, "room.floor", action="release") == "conflict"


async def test_polling_shows_one_site_after_another(house: House, clock: MovableClock) -> None:
    hall, east, west = await house.joined("hall", "east", "west")
    async with house.streaming(east, west):
        for page in (east, west):
            await hall.until(
                "change", lambda c, pid=page.pid: c["data"].get("participant_id") == pid
                and c["data"].get("camera", {}).get("is_published"),
            )  # fmt: skip
        await hall.order("poll_start", value="10")
        assert (await hall.room())["poll_source"] == east.pid
        await shows(hall, b"east")
        clock.advance(10)
        assert await hall.change("room.changed", poll_source=west.pid)
        await shows(hall, b"west")
    await hall.order("poll_stop")
    assert (await hall.room())["poll_source"] is None


async def test_a_removed_site_is_out_for_good(house: House) -> None:
    """It gets no packet, no change of the room, and neither link nor secret brings it back."""
    hall, east, west = await house.joined("hall", "east", "west")
    await house.stream_until(hall, east, done=lambda: east.media.mid(MAIN).packets > 20)
    await hall.order("remove", east.pid)
    assert (await east.until("room.removed"))["reason"] == "removed"
    await house.read_all()
    received, heard = east.media.received(), len(east.heard)
    shown = west.media.received()
    await house.stream_until(hall, done=lambda: west.media.received() > shown + 40)
    await hall.ask("room.chat", text="继续开会")
    assert await west.change("chat.said", text="继续开会")
    assert east.media.received() == received
    assert len(east.heard) == heard
    assert await refused_join(east) == "removed"
    assert await refusal(east, "topic.subscribe", topic=east.joined["topic"]) == "removed"
    again = await house.page("east")
    assert await refused_join(again, resume=east.joined["resume"]) == "removed"


async def test_only_its_own_meetings_links_are_a_chairs_to_unlock(house: House) -> None:
    foreign = await house.link_id("east")
    await house.open()
    (hall,) = await house.joined("hall")
    assert await refusal(hall, "room.order", order="unlock_token", value=foreign) == "not_found"


async def test_the_end_ends_it_for_everybody(house: House) -> None:
    hall, east = await house.joined("hall", "east")
    await hall.order("extend", value="30")
    assert await east.change("room.changed")
    await hall.order("end")
    assert (await east.until("room.removed"))["reason"] == "ended"
    with pytest.raises(Refused, match="meeting_over"):
        await house.page("west")
    audited = await house.audited()
    assert [a for a in audited if a.startswith("room.")] == ["room.extend", "room.end"]
    async with house.app.database.read() as uow:
        stays = await house.app.meetings.attendance(uow, house.meeting_id)
    assert all(stay.left_at is not None for stay in stays)


async def test_a_meeting_ended_from_outside_lets_everybody_out(house: House) -> None:
    """Its incident was closed: the room hears of it, whoever sits there."""
    (east,) = await house.joined("east")
    async with house.app.database.write() as uow:
        assert await house.app.meetings.end(uow, house.meeting_id)
    assert (await east.until("room.removed"))["reason"] == "ended"
    with pytest.raises(Refused, match="meeting_over"):
        await house.page("west")


async def test_an_order_from_the_console_counts_as_much(house: House) -> None:
    hall, east = await house.joined("hall", "east")
    duty = await house.desk("duty", Role.DUTY_OFFICER)
    path = f"/meetings/{house.meeting_id}/orders"
    await duty.post(path, {"order": "mute", "target": east.pid})
    assert (await hall.seat(east.pid))["audio"]["is_muted"]
    village = await house.desk("village", Role.VILLAGE_REPORTER)
    with pytest.raises(Refused, match="not_allowed"):
        await village.post(path, {"order": "unmute", "target": east.pid})
    page = await (await duty.page("duty")).join(meeting_id=house.meeting_id)
    assert (await hall.seat(page.pid))["role"] == "chair"


# -- words and presence --------------------------------------------------------------------------


async def test_what_is_said_reaches_all_in_order(house: House) -> None:
    hall, east = await house.joined("hall", "east")
    for line in ("水位 18.2 米", "还在涨"):
        await east.ask("room.chat", text=line)
    assert [line["text"] for line in (await hall.room())["chat"]] == ["水位 18.2 米", "还在涨"]
    changes = [data for name, data in hall.heard if name == "change"]
    assert all(later["seq"] == earlier["seq"] + 1 for earlier, later in pairwise(changes))
    assert await refusal(east, "room.chat", text="x" * 501) == "invalid_input"


async def test_a_broken_connection_keeps_its_seat_a_while(
    house: House, clock: MovableClock
) -> None:
    hall, east = await house.joined("hall", "east")
    await hall.order("mute", east.pid)
    await east.drop()
    assert await hall.change("participant.changed", participant_id=east.pid, is_connected=False)
    back = await (await house.page("east")).join(resume=east.joined["resume"])
    seat = await hall.seat(back.pid)
    assert seat["is_connected"]
    assert seat["audio"]["is_muted"]
    hall.heard.clear()
    await back.drop()
    assert await hall.change("participant.changed", participant_id=east.pid, is_connected=False)
    left = asyncio.create_task(hall.change("participant.left", participant_id=east.pid))
    while not left.done():
        clock.advance(6)
        await asyncio.wait([left], timeout=0.05)
    assert await left


async def test_attendance_is_every_stay_with_its_reason(house: House) -> None:
    hall, east = await house.joined("hall", "east")
    await east.ask("room.leave")
    await (await house.page("east")).join()
    await hall.order("remove", east.pid)
    async with house.app.database.read() as uow:
        stays = await house.app.meetings.attendance(uow, house.meeting_id)
    told = [(stay.site, stay.reason) for stay in stays]
    assert told == [("hall", None), ("east", "left"), ("east", "removed")]
    assert all(stay.left_at is None or stay.left_at >= stay.joined_at for stay in stays)


async def test_a_meeting_past_its_time_ends_when_nobody_is_left(
    house: House, clock: MovableClock
) -> None:
    (hall,) = await house.joined("hall")
    async with asyncio.timeout(30):
        clock.advance(3700)
        assert (await hall.room())["is_open"]  # who is still talking is not cut off
        await hall.ask("room.leave")
        while True:
            clock.advance(6)
            await asyncio.sleep(0.05)
            async with house.app.database.read() as uow:
                if (await house.app.meetings.meeting(uow, house.meeting_id)).state == "ended":
                    break


# -- what breaks ---------------------------------------------------------------------------------


async def test_a_killed_worker_is_replaced_and_orders_hold_from_its_first_packet(
    house: House,
) -> None:
    hall, east, west = await house.joined("hall", "east", "west")
    await hall.order("mute", east.pid)
    await house.stream_until(east, done=lambda: west.media.mid(MAIN).packets > 10)
    loop = asyncio.get_running_loop()
    killed_at, waited = loop.time(), waited_s()
    os.kill(house.worker.process_id, signal.SIGKILL)
    back = []
    for page in (hall, east, west):
        assert (await page.until("room.rejoin"))["reason"] == "worker_restarted"
        await page.join(resume=page.joined["resume"])
        back.append(page.pid)
    took_s = loop.time() - killed_at
    assert took_s - (waited_s(house.worker.process_id) - waited) < REJOINED_S
    assert (await hall.seat(east.pid))["audio"]["is_muted"]
    await house.stream_until(east, done=lambda: west.media.mid(MAIN).packets > 20)
    assert west.media.mid(HEARD).packets == 0
    assert len(set(back)) == 3


async def test_orders_given_while_the_worker_is_away_hold_when_it_is_back(house: House) -> None:
    hall, east, west = await house.joined("hall", "east", "west")
    os.kill(house.worker.process_id, signal.SIGKILL)
    await hall.order("mute", east.pid)
    for page in (hall, east, west):
        await page.until("room.rejoin")
        await page.join(resume=page.joined["resume"])
    await house.stream_until(east, done=lambda: west.media.mid(MAIN).packets > 20)
    assert west.media.mid(HEARD).packets == 0


async def test_a_restarted_server_knows_orders_mutes_and_seats(
    database_url: str, house_settings: Callable[..., Settings]
) -> None:
    settings = house_settings(database_url)
    async with running_house(settings) as first:
        await first.open()
        meeting_id, tokens = first.meeting_id, first.tokens
        hall, east, west = await first.joined("hall", "east", "west")
        await hall.order("mute", east.pid)
        await hall.order("mute_all")
        await hall.order("remove", west.pid)
        await hall.order("lock")
    async with running_house(settings) as second:
        second.meeting_id, second.tokens = meeting_id, tokens
        back = await (await second.page("east")).join(resume=east.joined["resume"])
        assert back.pid == east.pid
        snapshot = await back.room()
        assert snapshot["is_locked"]
        assert snapshot["is_muting_all"]
        assert (await back.seat(back.pid))["audio"]["is_muted"]
        assert await refused_join(await second.page("west")) == "removed"


async def test_who_left_is_off_the_air_after_a_restart_and_whose_line_broke_is_on_it(
    database_url: str, house_settings: Callable[..., Settings], clock: MovableClock
) -> None:
    """Nobody is put on the air without an order, and an order outlives a line and a server.

    Who does not come back to the new server is no longer counted as present.
    """
    settings = house_settings(database_url)
    async with running_house(settings, clock=clock) as first:
        await first.open()
        meeting_id, tokens = first.meeting_id, first.tokens
        hall, east, west = await first.joined("hall", "east", "west")
        await hall.order("broadcast", east.pid)
        await east.ask("room.leave")
        assert (await hall.room())["broadcast"] is None
        other_id, other_tokens = await _another_meeting(first)
        other_hall, other_east = await first.joined("hall", "east")
        await other_hall.order("call_on", other_east.pid)
        await other_east.drop()
        gone = {"participant_id": other_east.pid, "is_connected": False}
        assert await other_hall.change("participant.changed", **gone)
    async with running_house(settings, clock=clock) as second:
        second.meeting_id, second.tokens = meeting_id, tokens
        east = await (await second.page("east")).join()
        assert (await east.room())["broadcast"] is None
        left = asyncio.create_task(_reason(second, west.pid))
        while not left.done():
            clock.advance(6)
            await asyncio.wait([left], timeout=0.05)
        assert await left == "lost"
        second.meeting_id, second.tokens = other_id, other_tokens
        other_east = await (await second.page("east")).join(resume=other_east.joined["resume"])
        room = await other_east.room()
        assert (room["broadcast"], room["called"]) == (other_east.pid, other_east.pid)
        seat = await other_east.seat(other_east.pid)
        assert (seat["has_floor"], seat["audio"]["is_muted"]) == (True, False)


async def _another_meeting(house: House) -> tuple[str, dict[str, str]]:
    await house.open()
    return house.meeting_id, house.tokens


async def _reason(house: House, participant_id: str) -> str | None:
    """How this participant's stay came to its end."""
    while True:
        async with house.app.database.read() as uow:
            for stay in await house.app.meetings.attendance(uow, house.meeting_id):
                if stay.participant_id == participant_id and stay.left_at is not None:
                    return stay.reason
        await asyncio.sleep(0.02)


async def test_a_meeting_nobody_came_back_to_ends_all_the_same(
    database_url: str, house_settings: Callable[..., Settings], clock: MovableClock
) -> None:
    """No room holds it after the restart; nor was there ever one of that to which nobody came."""
    settings = house_settings(database_url)
    async with running_house(settings, clock=clock) as first:
        await first.open()
        missed = first.meeting_id
        await first.open()
        (hall,) = await first.joined("hall")
        await hall.order("record_start")
    clock.advance(3600 + 660)
    async with running_house(settings, clock=clock) as second:
        second.meeting_id = first.meeting_id
        over = asyncio.create_task(_over(second, missed, second.meeting_id))
        while not over.done():
            clock.advance(6)
            await asyncio.wait([over], timeout=0.05)
        assert await over == ["ended"]
        assert await _reason(second, hall.pid) == "ended"


async def _over(house: House, *meeting_ids: str) -> list[str | None]:
    """Wait until they have ended. Returns: how the recordings of the last did."""
    while True:
        async with house.app.database.read() as uow:
            states = {(await house.app.meetings.meeting(uow, one)).state for one in meeting_ids}
            rows = await house.app.rooms.recordings.of_meeting(uow, meeting_ids[-1])
        causes = [row.end_cause for row in rows]
        if states == {"ended"} and all(causes):
            return causes
        await asyncio.sleep(0.02)


async def test_a_poll_goes_on_after_a_restart(
    sqlite_url: str, house_settings: Callable[..., Settings], clock: MovableClock
) -> None:
    settings = house_settings(sqlite_url)
    async with running_house(settings, clock=clock) as first:
        await first.open()
        meeting_id, tokens = first.meeting_id, first.tokens
        hall, east = await first.joined("hall", "east")
        async with first.streaming(east):
            await hall.until(
                "change", lambda c: c["data"].get("participant_id") == east.pid
                and c["data"].get("camera", {}).get("is_published"),
            )  # fmt: skip
            await hall.order("poll_start", value="15")
    async with running_house(settings, clock=clock) as second:
        second.meeting_id, second.tokens = meeting_id, tokens
        hall, east = await second.joined("hall", "east")
        async with second.streaming(east):
            shown = asyncio.create_task(hall.change("room.changed", poll_source=east.pid))
            while not shown.done():
                clock.advance(6)
                await asyncio.wait([shown], timeout=0.1)
            assert await shown


async def test_a_site_may_leave_while_the_worker_is_away(house: House) -> None:
    """Its page is not told of a fault, and attendance says that it left."""
    hall, east = await house.joined("hall", "east")
    os.kill(house.worker.process_id, signal.SIGKILL)
    await eventually(lambda: not house.worker.child.is_connected)
    await east.ask("room.leave")
    assert await _reason(house, east.pid) == "left"
    await hall.until("room.rejoin")
    await hall.join(resume=hall.joined["resume"])
    assert [who["site"] for who in (await hall.room())["participants"]] == ["hall"]
