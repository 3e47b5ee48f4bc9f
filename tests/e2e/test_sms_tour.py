"""A day at the SMS pages on a phone: template, list, board, a real reply, conversation, figures."""

from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from sms.numbers import demo_number
from support.county import DemoCounty

PHONE = {"width": 390, "height": 844}
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
ONE, TWO = demo_number(99_001), demo_number(99_002)
SHEET = f"姓名,手机,座位\n赵一,{ONE},一排\n钱二,{TWO},二排\n孙三,没有,三排\n"
LIVE_MS = 20_000
"""Longest wait for what goes over the air and back, or for a busy machine."""


async def _context(chromium: Browser) -> BrowserContext:
    return await chromium.new_context(
        viewport=PHONE, has_touch=True, is_mobile=True, locale="zh-CN", timezone_id="Asia/Shanghai"
    )


async def _signed_in(context: BrowserContext, county: DemoCounty, name: str) -> tuple[Page, Any]:
    """A page of this user, and the list of what its console complained of since."""
    page = await context.new_page()
    await page.goto(f"{county.address}/login")
    await page.fill('[name="username"]', name)
    await page.fill('[name="password"]', "qinglan-demo")
    await page.press('[name="password"]', "Enter")
    await page.wait_for_url(f"{county.address}/")
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    return page, faults


async def _visit(page: Page, county: DemoCounty, path: str) -> None:
    await page.goto(county.address + path)
    await expect(page.locator("h1").first).to_be_visible(timeout=LIVE_MS)
    await _fits(page)


async def _fits(page: Page) -> None:
    assert await page.evaluate(OVERFLOW) <= 1, page.url


async def _compose(page: Page, county: DemoCounty) -> None:
    await _visit(page, county, "/templates")
    await page.click('[data-test="add-template"]')
    await page.fill('[name="template-name"]', "会商")
    await page.fill('[name="template-text"]', "{姓名}请于{时间}到会，坐{座位}")
    await page.click('[data-test="save-template"]')
    await expect(page.get_by_text("{姓名}请于{时间}到会，坐{座位}")).to_be_visible(timeout=LIVE_MS)

    await _visit(page, county, "/messages/new")
    await page.click('[data-test="template"]')
    await page.locator(".el-select-dropdown__item:visible", has_text="会商").first.click()
    file = {"name": "名单.csv", "mimeType": "text/csv", "buffer": SHEET.encode("gb18030")}
    await page.set_input_files('[data-test="sheet"]', [file])  # type: ignore[list-item]
    await expect(page.locator('[data-test="listed"]')).to_contain_text("2", timeout=LIVE_MS)
    await expect(page.get_by_text("1 行没有采用")).to_be_visible(timeout=LIVE_MS)
    await page.fill('[name="var-时间"]', "今晚八点")
    await page.get_by_label("要求回复").check()
    await expect(page.locator('[data-test="wire"]')).to_contain_text(
        "赵一请于今晚八点到会，坐一排", timeout=LIVE_MS
    )
    await expect(page.locator('[data-test="estimate"]')).to_contain_text("2 人", timeout=LIVE_MS)
    await _fits(page)
    await page.click('[data-test="send"]')
    await page.wait_for_url("**/messages/0*")


async def _follow(page: Page, county: DemoCounty) -> None:
    """The board fills from the air; an answer counts; a row tells its tries."""
    await expect(page.locator('[data-test="funnel-delivered"] b')).to_have_text(
        "2", timeout=LIVE_MS
    )
    assert any("钱二请于今晚八点到会，坐二排" in text for text in (await county.texts())[TWO])
    await county.answer(ONE, "1")
    await expect(page.locator('[data-test="funnel-answered"] b')).to_have_text("1", timeout=LIVE_MS)
    await page.click('[data-test="funnel-answered"]')
    await expect(page.locator('[data-test="expand"]')).to_have_count(1, timeout=LIVE_MS)
    await page.click('[data-test="expand"]')
    await expect(page.locator('[data-test="attempts"]')).to_contain_text(
        "网络已收", timeout=LIVE_MS
    )
    await _fits(page)


async def _talk(page: Page, county: DemoCounty) -> None:
    await county.answer(TWO, "请问在几楼")
    await _visit(page, county, "/inbox")
    row = page.locator("tr", has_text="请问在几楼")
    await expect(row).to_be_visible(timeout=LIVE_MS)
    await row.locator('[data-test="talk"]').click()
    await expect(page.locator("li p", has_text="请问在几楼")).to_be_visible(timeout=LIVE_MS)
    await page.fill('[name="answer"]', "在三楼会议室")
    await page.click('[data-test="answer"]')
    await expect(page.locator("li.ours", has_text="在三楼会议室")).to_be_visible(timeout=LIVE_MS)
    await _fits(page)
    await _visit(page, county, "/conversations")
    await expect(page.locator('[data-test="thread"]', has_text="在三楼会议室")).to_be_visible(
        timeout=LIVE_MS
    )


async def _look_around(page: Page, county: DemoCounty) -> None:
    await _visit(page, county, "/orders")
    await _visit(page, county, "/calls")
    await _visit(page, county, "/numbers")
    await _visit(page, county, "/messages")
    await expect(page.locator("tbody tr", has_text="{姓名}请于{时间}到会")).to_be_visible(
        timeout=LIVE_MS
    )
    await _visit(page, county, "/statistics")
    await page.click('[data-test="by-class"]')
    await expect(page.locator("tbody tr", has_text="通知")).to_contain_text(
        "100.0 %", timeout=LIVE_MS
    )
    await _fits(page)


async def _test_a_modem(page: Page, county: DemoCounty) -> None:
    await _visit(page, county, "/webhooks")
    await _visit(page, county, "/modems")
    await page.locator('form:has([data-test="modem-test"]) input').first.fill(ONE)
    await page.locator('[data-test="modem-test"]').first.click()
    await expect(page.get_by_text("已提交。")).to_be_visible(timeout=LIVE_MS)
    await _fits(page)


@pytest.mark.e2e
async def test_the_sms_pages_do_a_days_work_on_a_phone(
    county: DemoCounty, chromium: Browser
) -> None:
    page, faults = await _signed_in(await _context(chromium), county, "duty")
    await _compose(page, county)
    await _follow(page, county)
    await _talk(page, county)
    await _look_around(page, county)
    admin, of_admin = await _signed_in(await _context(chromium), county, "admin")
    await _test_a_modem(admin, county)
    assert faults + of_admin == []
