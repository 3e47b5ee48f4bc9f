"""Every entry of the navigation, as each role sees it, in both languages, on a wall and a phone."""

import re

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from core.auth.model import Role
from support.county import DemoCounty, desk, link_in, until
from support.pages import PHONE, WIDE, fits_and_is_named, speaks
from support.response import running_leak

LOGINS = {
    Role.ADMIN: "admin", Role.AUDITOR: "auditor", Role.CHAIR: "chair", Role.MEETING_STAFF: "staff",
    Role.DUTY_OFFICER: "duty", Role.LEADER: "leader", Role.TOWNSHIP_OFFICIAL: "township",
    Role.VILLAGE_REPORTER: "reporter",
}  # fmt: skip
ENTRIES = "nav.side a.item:not([target], .mine a)"


class Faults:
    """What the browser's console complained about, with the page it was on."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        page.on("pageerror", lambda error: self.found.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._said(page, message))

    def _said(self, page: Page, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.found.append(f"{page.url}: {message.text}")


async def _signed_in(browser: Browser, county: DemoCounty, login: str) -> BrowserContext:
    context = await browser.new_context(
        viewport=WIDE, locale="zh-CN", timezone_id="Asia/Shanghai", permissions=["camera"]
    )
    given = {"username": login, "password": "qinglan-demo"}
    answer = await context.request.post(f"{county.address}/api/v1/session", data=given)
    assert answer.ok, await answer.text()
    return context


async def _on_both(page: Page) -> None:
    """As it stands, on the wall and on the phone."""
    for size in (PHONE, WIDE):
        await page.set_viewport_size(size)  # type: ignore[arg-type]  # a TypedDict of two numbers
        await fits_and_is_named(page)
    await speaks(page)


async def _all_entries(page: Page) -> int:
    entries = page.locator(ENTRIES)
    await expect(entries.first).to_be_visible()
    count = await entries.count()
    for index in range(count):
        entry = entries.nth(index)
        await entry.click()
        await expect(entry).to_have_attribute("aria-current", "page")
        await expect(page.locator(".data-state[role=status]")).to_have_count(0)
        await _on_both(page)
    return count


async def _lost(page: Page, address: str) -> None:
    """An address that leads nowhere says so, keeps it, and leads home."""
    await page.goto(f"{address}/incidents/new/foo")
    await expect(page).to_have_title("没有这个页面 · 烽燧")
    await expect(page.locator("[data-test=lost]")).to_contain_text("/incidents/new/foo")
    await _on_both(page)
    await page.get_by_role("link", name="回到首页").click()
    await expect(page).to_have_url(f"{address}/")
    await expect(page).to_have_title("首页 · 烽燧")


@pytest.mark.e2e
@pytest.mark.timeout(300)
async def test_every_page_of_every_role_fits_and_speaks(
    county: DemoCounty, chromium: Browser
) -> None:
    await running_leak(county)
    seen: dict[Role, int] = {}
    for role, login in LOGINS.items():
        context = await _signed_in(chromium, county, login)
        page = await context.new_page()
        faults = Faults(page)
        await page.goto(county.address)
        seen[role] = await _all_entries(page)
        if role is Role.ADMIN:
            await _lost(page, county.address)
        await page.get_by_role("button", name=re.compile("^EN$")).first.click()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        assert await _all_entries(page) == seen[role]
        assert faults.found == []
        await context.close()
    assert min(seen.values()) >= 2
    assert seen[Role.DUTY_OFFICER] > seen[Role.VILLAGE_REPORTER]


@pytest.mark.e2e
async def test_the_door_of_a_meeting_fits_and_speaks(county: DemoCounty, chromium: Browser) -> None:
    """Whoever taps the link in the SMS, on a phone or at a wall, in both languages."""
    await running_leak(county)

    async def invited() -> bool:
        return bool(await county.texts())

    await until(invited, within_s=60)
    link = link_in(next(iter((await county.texts()).values()))[0])
    context = await chromium.new_context(
        viewport=PHONE, locale="zh-CN", timezone_id="Asia/Shanghai",
        permissions=["camera", "microphone"],
    )  # fmt: skip
    page = await context.new_page()
    faults = Faults(page)
    for locale in ("zh-CN", "en"):
        await page.goto(link)
        await page.evaluate("(locale) => localStorage.setItem('fengsui.locale', locale)", locale)
        await page.goto(link)
        await expect(page.locator("html")).to_have_attribute("lang", locale)
        await expect(page.locator('[name="pin"]')).to_be_visible()
        await _on_both(page)
    assert faults.found == []
    async with desk(county, "duty") as duty:
        assert (await duty.get("/meetings"))["items"], "the link was of a real meeting"
