"""A leader on the road: a phone, in English, from sign-in to the board of a running response."""

from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from support.county import DemoCounty, desk

PHONE = {"width": 390, "height": 844}
UNNAMED = """() => [...document.querySelectorAll('button, a[href], input, select, textarea')]
  .filter((one) => one.checkVisibility({visibilityProperty: true}))
  .filter((one) => !one.closest('[aria-hidden="true"]'))
  .filter((one) => !(one.getAttribute('aria-label') || one.title || one.innerText?.trim()
    || one.placeholder || one.labels?.length || one.getAttribute('aria-labelledby')))
  .map((one) => one.outerHTML.slice(0, 120))"""
"""Controls without a name: a screen reader would say only "button"."""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def running_leak(county: DemoCounty) -> str:
    """An activated leak of level III. Returns: the incident's id."""
    async with desk(county, "duty") as duty:
        hazards = (await duty.get("/hazards"))["items"]
        works = next(hazard for hazard in hazards if "自来水厂" in hazard["name"])
        report: dict[str, Any] = {
            "key": "e2e-phone", "title": "自来水厂氯气泄漏", "kind_code": "92Z05",
            "unit_id": works["unit_id"], "place": works["name"], "hazard_id": works["id"],
            "occurred_at": datetime.now(UTC).isoformat(), "source": "phone",
        }  # fmt: skip
        incident = await duty.post("/incidents", report)
        board = await duty.get(f"/incidents/{incident['id']}")
        order = {"plan_id": board["proposals"][0]["plan_id"], "level": 3, "key": "e2e-phone-1"}
        await duty.post(f"/incidents/{incident['id']}/activate", order)
        return str(incident["id"])


async def fits_and_is_named(page: Page) -> None:
    """Nothing sticks out sideways, every control has a name, one heading leads the page."""
    assert await page.evaluate(OVERFLOW) <= 1, page.url
    assert await page.evaluate(UNNAMED) == [], page.url
    await expect(page.locator("h1").first).to_be_visible()


@pytest.mark.e2e
@pytest.mark.timeout(180)
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
