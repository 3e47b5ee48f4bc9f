"""Dialogs as people fill them: wrong first, told at the field or in words, then right."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from support.county import DemoCounty, desk
from support.pages import WIDE

LONG_MS = 20_000


async def _as(chromium: Browser, county: DemoCounty, login: str, path: str) -> Page:
    context = await chromium.new_context(viewport=WIDE, locale="zh-CN", timezone_id="Asia/Shanghai")
    given = {"username": login, "password": "qinglan-demo"}
    assert (await context.request.post(f"{county.address}/api/v1/session", data=given)).ok
    page = await context.new_page()
    page.set_default_timeout(LONG_MS)
    await page.goto(county.address + path)
    return page


async def _pick(page: Page, field: str, word: str) -> None:
    """Choose from a list one types into."""
    await page.locator(field).click()
    await page.keyboard.type(word)
    await page.locator(".el-select-dropdown__item:visible", has_text=word).first.click()


@pytest.mark.e2e
async def test_an_administrator_fills_the_camera_the_hazard_and_the_plan(
    county: DemoCounty, chromium: Browser
) -> None:
    page = await _as(chromium, county, "admin", "/cameras")
    await page.click('[data-test="add-camera"]')
    await page.fill('[name="camera-name"]', "青石水库东坝")
    await page.fill('[name="camera-url"]', "http://10.1.2.3/")
    await page.click('[data-test="save-camera"]')
    await expect(page.locator("#camera-url-hint")).to_contain_text("rtsp://")
    await page.fill('[name="camera-url"]', "rtsp://op:geheim@127.0.0.1:9/sub")
    await page.click('[data-test="try-camera"]')
    await expect(page.locator('[data-test="trial"]')).to_contain_text("没有应答", timeout=LONG_MS)
    await page.click('[data-test="save-camera"]')
    row = page.locator('[data-camera="青石水库东坝"]')
    await expect(row).to_contain_text("rtsp://op:•••@127.0.0.1:9/sub")
    assert "geheim" not in await page.content()

    await page.goto(county.address + "/hazards")
    await page.click('[data-test="add-hazard"]')
    await page.fill('[name="hazard-name"]', "雁回液氨罐")
    await _pick(page, '[data-test="hazard-unit"]', "应急管理局")
    await page.fill('[name="longitude"]', "110.1")
    await page.fill('[name="latitude"]', "30.1")
    await page.click('[data-test="add-holding"]')
    holding = page.locator(".holdings input")
    await holding.nth(0).fill("液氨")
    await holding.nth(1).fill("0")
    await page.click('[data-test="save-hazard"]')
    await expect(page.locator(".el-dialog [role=alert]")).to_be_visible()
    await holding.nth(1).fill("20")
    await page.click('[data-test="save-hazard"]')
    await expect(page.locator("tbody", has_text="雁回液氨罐")).to_be_visible()

    await page.goto(county.address + "/plans")
    await page.click('[data-test="upload-plan"]')
    plan = await (await page.request.get(f"{county.address}/api/v1/plans/flood")).json()

    async def upload(text: str) -> None:
        file: Any = {"name": "p.json", "mimeType": "application/json", "buffer": text.encode()}
        await page.set_input_files('[data-test="plan-file"]', [file])

    await upload('{"id": "flood",\n"title" "x"}')
    await expect(page.locator('[data-test="plan-fault"]')).to_contain_text("第 2 行")
    await upload(json.dumps({**plan, "title": ""}, indent=1))
    await expect(page.locator('[data-test="plan-fault"]')).to_contain_text("title")
    await upload(json.dumps({**plan, "issuer": "青澜县人民政府"}, indent=1))
    await expect(page.locator('[data-test="plan-changes"] tbody tr')).to_have_count(1)
    await page.click('[data-test="publish-plan"]')
    await expect(page.locator(f'[data-version="{plan["version"] + 1}"]')).to_contain_text("当前")


async def _saved(page: Page, button: str) -> None:
    await page.click(f'[data-test="{button}"]')
    await expect(page.locator(".el-dialog")).to_have_count(0)


async def _second_is_told(page: Page, button: str, theirs: str) -> None:
    """The notice says who was first; the difference is shown, and saving again is deliberate."""
    await page.click(f'[data-test="{button}"]')
    notice = page.locator('[data-test="stale"]')
    await expect(notice).to_contain_text("已先修改")
    await page.click('[data-test="look"]')
    await expect(notice.locator("tbody")).to_contain_text(theirs)
    await _saved(page, button)


async def _hold_a_line(county: DemoCounty, chromium: Browser) -> None:
    """To a ceiling, from the list of meetings."""
    now = datetime.now(UTC)
    async with desk(county, "duty") as duty:
        unit = (await duty.get("/directory/units"))["items"][1]["id"]
        await duty.post(
            "/meetings",
            {
                "key": "meeting-with-a-weak-line", "title": "弱线会商", "unit_id": "county",
                "starts_at": now.isoformat(), "ends_at": (now + timedelta(hours=1)).isoformat(),
                "sites": [{"unit_id": unit}],
            },
        )  # fmt: skip
    page = await _as(chromium, county, "duty", "/meetings")
    await page.get_by_role("button", name="弱线会商").click()
    await page.locator('[data-test="set-caps"]').first.click()
    down = page.locator('[data-test="cap-down"]')
    await down.fill("10")
    await page.click('[data-test="cap-save"]')
    assert await down.evaluate("(one) => one.validity.rangeUnderflow")
    await down.fill("300")
    await page.click('[data-test="cap-save"]')
    await expect(page.locator('[data-test="caps"]').first).to_contain_text("下行≤300k")


@pytest.mark.e2e
async def test_two_people_change_one_shift_and_one_post_and_a_line_is_held(
    county: DemoCounty, chromium: Browser
) -> None:
    first = await _as(chromium, county, "duty", "/roster")
    second = await _as(chromium, county, "leader", "/roster")
    hours = 'input[type="number"]'
    for page in (first, second):
        await page.locator('[data-test="edit-shift"]').last.click()
    await first.fill(hours, "60")
    await first.click('[data-test="save-shift"]')
    assert await first.locator(f"{hours}:invalid").count() == 1
    await first.fill(hours, "23")
    await _saved(first, "save-shift")
    await second.fill(hours, "22")
    await _second_is_told(second, "save-shift", "23")

    pages = [await _as(chromium, county, "admin", "/directory") for _ in range(2)]
    for page in pages:
        await page.locator(".el-tree-node__content").first.click()
        await page.click('[data-test="appointments"]')
        await page.locator('[data-post="head"] li button').last.click()
    stays = await pages[0].locator('[data-post="head"] li b').first.inner_text()
    await _saved(pages[0], "save-appointments")
    await pages[1].locator('[data-post="head"] li button').last.click()
    await _second_is_told(pages[1], "save-appointments", stays)
    await _hold_a_line(county, chromium)
