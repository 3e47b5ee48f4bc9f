"""What every page owes: it fits, its controls have names, its texts are texts."""

import re

from playwright.async_api import Page, expect

from tools.steps import ROOT

WIDE, PHONE = {"width": 1920, "height": 1080}, {"width": 390, "height": 844}
UNNAMED = """() => [...document.querySelectorAll('button, a[href], input, select, textarea')]
  .filter((one) => one.checkVisibility({visibilityProperty: true}))
  .filter((one) => !one.closest('[aria-hidden="true"]'))
  .filter((one) => !(one.getAttribute('aria-label') || one.title || one.innerText?.trim()
    || one.placeholder || one.labels?.length || one.getAttribute('aria-labelledby')))
  .map((one) => one.outerHTML.slice(0, 120))"""
"""Controls without a name: a screen reader would say only "button"."""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
WIDER = """() => [...document.querySelectorAll('body *')]
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.scroll-x'))
  .map((one) => `${one.tagName}.${one.className}`).slice(0, 5)"""
"""What sticks out, for the failure's message."""
TINY = """() => [...document.querySelectorAll('button, a[href], input, select, textarea, summary')]
  .filter((one) => one.checkVisibility({visibilityProperty: true}) && one.type !== 'file')
  .filter((one) => !one.matches('tr.go a'))
  .map((one) => one.closest('label, .el-select, .el-date-editor, .el-input') || one)
  .map((one) => ({one, box: one.getBoundingClientRect()}))
  .filter(({one, box}) => box.width > 2 && !one.closest('.leaflet-control-attribution'))
  .filter(({box}) => box.height < 43.5 || box.width < 43.5)
  .map(({one, box}) => `${box.width}x${box.height} ${one.outerHTML.slice(0, 120)}`)"""
"""Controls a thumb would miss: under 44 px. In a row that opens at a tap, the row counts."""
TEXTS = """() => {
  const texts = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest('td, script, style, code'))
      texts.push(walker.currentNode.data);
  }
  return texts.join('\\n');
}"""
"""What stands on the page outside tables: those show the audit log's own words."""
_CATALOGUE = ROOT / "web" / "src" / "i18n" / "zh-CN"


def _keys() -> re.Pattern[str]:
    groups = {
        name
        for file in _CATALOGUE.glob("*.ts")
        for name in re.findall(r"^  (\w+): \{", file.read_text("utf-8"), re.MULTILINE)
    }
    return re.compile(rf"\b(?:{'|'.join(sorted(groups))})(?:\.[a-z]\w*)+\b")


KEY = _keys()


async def fits_and_is_named(page: Page) -> None:
    """Nothing sticks out; every control has a name and a thumb's size; a heading leads the page."""
    is_wider = await page.evaluate(OVERFLOW) > 1
    assert not is_wider, (page.url, page.viewport_size, await page.evaluate(WIDER))
    assert await page.evaluate(UNNAMED) == [], page.url
    if page.viewport_size == PHONE:
        tiny = await page.evaluate(TINY)
        assert not tiny, (page.url, tiny)
    await expect(page.locator("h1").first).to_be_visible()


async def speaks(page: Page) -> None:
    """No key of the catalogue stands where its text should, and nothing failed to load."""
    assert KEY.findall(await page.evaluate(TEXTS)) == [], page.url
    await expect(page.locator(".data-state[role=alert]")).to_have_count(0)
