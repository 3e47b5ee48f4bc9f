"""An administrator's ceilings of a unit's line: stored, told to the page, held in open meetings."""

import asyncio

import pytest

from conf.model import SiteRole
from core.auth.model import Role
from tests.support.meeting import House, Page, Refused

pytestmark = pytest.mark.timeout(60)
CAPS = {"max_up_bps": 300_000, "max_down_bps": 100_000}


async def received_bps(house: House, page: Page, speaker: Page, seconds: float) -> float:
    """What the page's media got while the speaker streams."""
    loop = asyncio.get_running_loop()

    def octets() -> int:
        return sum(stream.octets for stream in page.media.streams.values())

    await page.media.check()  # what was under way before has been read
    before, start = octets(), loop.time()
    await house.stream(speaker, seconds=seconds)
    await page.media.check()
    return 8 * (octets() - before) / (loop.time() - start)


async def test_a_ceiling_holds_at_once_and_at_the_next_join(house: House) -> None:
    """Set while the site is shown half a Mbit/s; its next join is told the ceiling up."""
    await house.found_county()
    await house.open(hall=SiteRole.CHAIR, county=SiteRole.SITE)
    hall, county = await house.joined("hall", "county")
    await house.stream_until(hall, county, done=lambda: county.media.mid("6").packets > 50)
    desk = await house.desk("ops", Role.MEETING_STAFF)
    assert await desk.call("PUT", "/units/county/line-caps", CAPS) == CAPS
    await house.stream(hall, seconds=1)
    assert await received_bps(house, county, hall, 2) <= CAPS["max_down_bps"]
    sites = (await desk.get(f"/meetings/{house.meeting_id}"))["sites"]
    assert {site["unit_id"]: site["caps"] for site in sites}["county"] == CAPS
    again = await (await house.page("county")).join(resume=county.joined["resume"])
    assert "b=TIAS:300000" in again.joined["answer"]
    none = {"max_up_bps": None, "max_down_bps": None}
    await desk.call("PUT", "/units/county/line-caps", none)
    await house.stream_until(
        hall, again, done=lambda: again.media.mid("6").packets > 50, within_s=30
    )
    assert "unit.set_line_caps" in await house.audited()


async def test_a_ceiling_is_set_by_those_who_manage_the_unit(house: House) -> None:
    """And lies where a call is still possible."""
    await house.found_county()
    watcher = await house.desk("watcher", Role.VILLAGE_REPORTER)
    with pytest.raises(Refused) as refused:
        await watcher.call("PUT", "/units/county/line-caps", CAPS)
    assert refused.value.code == "not_allowed"
    desk = await house.desk("ops", Role.MEETING_STAFF)
    with pytest.raises(Refused) as refused:
        await desk.call("PUT", "/units/county/line-caps", {"max_down_bps": 1000})
    assert refused.value.code == "invalid_input"
