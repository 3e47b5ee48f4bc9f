"""The door of a room on both databases: links, PINs, seats in use, a locked room."""

from datetime import timedelta

import pytest

from tests.support.meeting import House, Refused, refusal, refused_join

pytestmark = pytest.mark.timeout(60)
HEARD, MAIN = "3", "6"
PIN = "204863"


async def test_a_link_holder_gets_a_seat_media_and_the_rooms_state(house: House) -> None:
    hall, east = await house.joined("hall", "east")
    await house.stream_until(
        hall, east,
        done=lambda: east.media.mid(HEARD).packets > 30 and hall.media.mid(MAIN).packets > 30,
    )  # fmt: skip
    snapshot = await hall.room()
    roles = {seat["site"]: seat["role"] for seat in snapshot["participants"]}
    assert roles == {"hall": "chair", "east": "site"}
    assert await hall.change("participant.joined", site="east")
    shown = await hall.until(
        "slots", lambda d: any(s["participant_id"] == east.pid for s in d["slots"])
    )
    assert {slot["kind"] for slot in shown["slots"]} == {"audio", "main", "share", "thumbnail"}


async def test_five_wrong_pins_lock_the_link_until_the_chair_unlocks_it(house: House) -> None:
    async with house.app.database.write() as uow:
        await house.app.meetings.set_pin(uow, "east", PIN)
    (hall,) = await house.joined("hall")
    east = await house.page("east")
    for _ in range(5):
        assert await refused_join(east, pin="000000") == "wrong_pin"
    assert await refused_join(east, pin=PIN) == "link_locked"
    with pytest.raises(Refused, match="link_locked"):
        await house.page("east")
    await hall.order("unlock_token", value=await house.link_id("east"))
    await east.join(pin=PIN)
    assert await hall.change("participant.joined", site="east")


async def test_a_made_up_resume_secret_stands_for_no_pin(house: House) -> None:
    async with house.app.database.write() as uow:
        await house.app.meetings.set_pin(uow, "east", PIN)
    east = await house.page("east")
    assert await refused_join(east, resume="anything") == "wrong_pin"
    await east.join(pin=PIN, with_media=False)
    await east.drop()
    again = await house.page("east")
    assert await refused_join(again, resume="anything") == "wrong_pin"
    await again.join(resume=east.joined["resume"], with_media=False)


async def test_a_seat_in_use_needs_its_secret_or_the_chairs_consent(house: House) -> None:
    hall, east = await house.joined("hall", "east")
    second = await house.page("east")
    assert await refused_join(second) == "seat_taken"
    await hall.order("allow_takeover", east.pid)
    await second.join()
    assert second.pid == east.pid
    assert (await east.until("room.removed"))["reason"] == "taken_over"
    assert await refusal(east, "room.chat", text="我还在") == "not_in_room"
    third = await house.page("east")
    assert await refused_join(third) == "seat_taken"
    await third.join(resume=second.joined["resume"])
    assert third.pid == east.pid


async def test_a_locked_room_takes_nobody_new_and_everybody_back(house: House) -> None:
    hall, east = await house.joined("hall", "east")
    await hall.order("lock")
    assert await refused_join(await house.page("west")) == "room_locked"
    await east.drop()
    back = await (await house.page("east")).join(resume=east.joined["resume"])
    assert back.pid == east.pid
    await hall.order("unlock")
    await (await house.page("west")).join()


async def test_a_link_opens_a_day_before_and_no_sooner(house: House) -> None:
    async with house.app.database.read() as uow:
        meeting = await house.app.meetings.meeting(uow, house.meeting_id)
        link = (await house.app.meetings.sites(uow, house.meeting_id))[0]
    assert link.valid_from == meeting.starts_at - timedelta(hours=24)
