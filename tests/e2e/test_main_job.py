"""The main job, as a duty officer and two sites do it, with nothing replaced.

Browser → server → database → simulated modem through the real driver → handset → back; two
browsers in one meeting through the bridge.
"""

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from support.county import DemoCounty, desk, link_in, until

PASSWORD, PIN = "qinglan-demo", "246810"
KEEP_CONNECTIONS = """
window.__connections = [];
const Real = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Real {
  constructor(...given) { super(...given); window.__connections.push(this); }
};
"""
RECEIVED = """async () => {
  let frames = 0, energy = 0;
  for (const connection of window.__connections) {
    for (const report of (await connection.getStats()).values()) {
      if (report.type !== 'inbound-rtp') continue;
      if (report.kind === 'video') frames += report.framesDecoded || 0;
      else energy += report.totalAudioEnergy || 0;
    }
  }
  return {frames, energy};
}"""


async def person(browser: Browser, **options: Any) -> BrowserContext:
    context = await browser.new_context(
        locale="zh-CN", timezone_id="Asia/Shanghai", permissions=["camera", "microphone"], **options
    )
    await context.add_init_script(KEEP_CONNECTIONS)
    return context


async def sign_in(context: BrowserContext, county: DemoCounty, username: str) -> Page:
    page = await context.new_page()
    await page.goto(county.address)
    await page.fill('input[autocomplete="username"]', username)
    await page.fill('input[type="password"]', PASSWORD)
    await page.click('[data-test="sign-in"]')
    await page.wait_for_selector('[data-test="record-incident"]')
    return page


async def record_the_leak(page: Page) -> None:
    await page.click('[data-test="record-incident"]')
    await page.click('[data-test="kind"]')
    await page.keyboard.type("危险化学品")
    await page.locator(".el-select-dropdown__item:visible", has_text="危险化学品").first.click()
    await page.fill('input[placeholder*="氯气"]', "自来水厂氯气泄漏")
    await page.click('[data-test="hazard"]')
    await page.keyboard.type("第一自来水厂")
    await page.locator(".el-select-dropdown__item:visible", has_text="自来水厂").first.click()
    await page.click('[data-test="record"]')
    await page.wait_for_selector('[data-test="proposals"]')


async def activate(page: Page) -> None:
    await page.get_by_role("radio").nth(1).click()  # level III: one person may
    await page.locator('[data-test="preview"]').first.click()
    await page.click('[data-test="activate"]')


async def join(context: BrowserContext, link: str) -> Page:
    page = await context.new_page()
    await page.goto(link)
    pin = page.locator('input[inputmode="numeric"], input[name="pin"]')
    await page.wait_for_selector('[data-test="join"]')
    if await pin.count():
        await pin.first.fill(PIN)
    await page.click('[data-test="join"]')
    await page.wait_for_selector('[data-test="leave"]')
    return page


async def sees_and_hears(page: Page) -> bool:
    received = await page.evaluate(RECEIVED)
    return bool(received["frames"] > 20 and received["energy"] > 0)


async def do_the_main_job(county: DemoCounty, browser: Browser) -> None:
    officer = await sign_in(
        await person(browser, viewport={"width": 1600, "height": 900}), county, "duty"
    )
    await record_the_leak(officer)
    await expect(officer.locator('[data-test="proposals"]')).to_contain_text("危险化学品泄漏")
    await activate(officer)

    # Everybody the plan names has the text, with the plan, the duty and the link of his own site.
    async def all_told() -> bool:
        return len(await county.texts()) >= 9

    await until(all_told, within_s=60)
    texts = await county.texts()
    assert all(len(received) == 1 for received in texts.values())
    assert all("氯气泄漏" in received[0] and PIN not in received[0] for received in texts.values())

    # Two sites join by their own links and see and hear each other.
    first, second, silent = list(texts)[:3]
    east = await join(await person(browser), link_in(texts[first][0]))
    west = await join(await person(browser), link_in(texts[second][0]))

    async def both() -> bool:
        return await sees_and_hears(east) and await sees_and_hears(west)

    await until(both, within_s=30)

    # One answers by SMS: the board shows it at once, without a reload.
    board = officer.locator('[data-test="matrix"]')
    confirmed = board.get_by_text(re.compile("已确认.*短信"))
    await expect(confirmed).to_have_count(0)
    await county.answer(first, "1")
    await expect(confirmed).to_have_count(1, timeout=10_000)

    # A silent one is escalated to the deputy, once.
    before = await county.texts()
    await county.advance(3 * 60 + 5)

    async def deputies_told() -> bool:
        return len(await county.texts()) > len(before)

    await until(deputies_told, within_s=60)
    await expect(board.get_by_text("副职").first).to_be_visible(timeout=10_000)
    after = await county.texts()
    assert len(after[first]) == 1, "who has answered is not called again"
    assert len(after[silent]) >= 1

    # All of it is in the incident's log, and the audit chain is whole.
    log = officer.locator('[data-test="log"]')
    await expect(log).to_contain_text("启动")
    await expect(log).to_contain_text("已确认")
    status, output = await county.command("audit", "verify")
    assert status == 0, output


@pytest.mark.e2e
@pytest.mark.timeout(300)
async def test_the_main_job_on_one_box(county: DemoCounty, chromium: Browser) -> None:
    await do_the_main_job(county, chromium)


@pytest.mark.e2e
@pytest.mark.timeout(300)
async def test_the_main_job_on_postgresql_and_redis(
    big_county: DemoCounty, chromium: Browser
) -> None:
    await do_the_main_job(big_county, chromium)


@pytest.mark.e2e
@pytest.mark.timeout(300)
async def test_killed_between_activation_and_the_air_every_notice_goes_out_once(
    county: DemoCounty,
) -> None:
    """kill -9 once the activation is answered: after the restart everybody is told, once."""
    async with desk(county, "duty") as duty:
        incident = await duty.post("/incidents", await _leak(duty))
        one = f"/incidents/{incident['id']}"
        board = await duty.get(one)
        order = {"plan_id": board["proposals"][0]["plan_id"], "level": 3, "key": "e2e-kill"}
        await duty.post(f"{one}/activate", order)
        await county.kill()
    await county.start()

    async def all_told() -> bool:
        return len(await county.texts()) >= 9

    await until(all_told, within_s=60)
    await asyncio.sleep(3)  # whatever would be sent twice has had its chance
    assert {len(received) for received in (await county.texts()).values()} == {1}


async def _leak(duty: Any) -> dict[str, Any]:
    hazards = (await duty.get("/hazards"))["items"]
    works = next(hazard for hazard in hazards if "自来水厂" in hazard["name"])
    return {
        "key": "e2e-leak", "title": "自来水厂氯气泄漏", "kind_code": "92Z05",
        "unit_id": works["unit_id"], "place": works["name"], "hazard_id": works["id"],
        "occurred_at": datetime.now(UTC).isoformat(), "source": "phone",
    }  # fmt: skip
