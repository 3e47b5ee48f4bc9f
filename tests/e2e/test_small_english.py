"""A leader on the road: a phone, in English, from sign-in to the board of a running response."""

import pytest
from playwright.async_api import Browser, expect

from support.county import DemoCounty
from support.pages import PHONE, fits_and_is_named
from support.response import running_leak


@pytest.mark.e2e
async def test_a_leader_follows_a_response_on_a_phone_in_english(
    county: DemoCounty, chromium: Browser
) -> None:
    await running_leak(county)
    context = await chromium.new_context(
        viewport=PHONE, has_touch=True, is_mobile=True, locale="en-GB", timezone_id="Asia/Shanghai"
    )
    page = await context.new_page()
    await page.goto(county.address)
    await page.get_by_role("button", name="English").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.fill('[name="username"]', "leader")
    await page.fill('[name="password"]', "qinglan-demo")
    await page.press('[name="password"]', "Enter")
    await expect(page.get_by_text("Open incidents").first).to_be_visible()
    await fits_and_is_named(page)

    await page.get_by_role("link", name="自来水厂氯气泄漏").first.click()
    await expect(page.locator('[data-test="matrix"]')).to_be_visible()
    await expect(page.get_by_text("Duties confirmed")).to_be_visible()
    await expect(page.get_by_role("link", name="Join the meeting")).to_be_visible()
    await fits_and_is_named(page)

    # The menu opens, closes by choosing, and everything it leads to fits as well.
    await page.get_by_role("button", name="Main navigation").click()
    await page.get_by_role("link", name="Meetings").click()
    await expect(page.get_by_role("heading", name="Meetings").first).to_be_visible()
    await fits_and_is_named(page)
