"""Real headless Chromiums with fake devices, as participants of a bridge under test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from services.session import ServiceMissing
from tools.services import chromium_path

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]


class BrowserSite:
    """One page that speaks the fixed pool; `offer` and `answer` are the only signalling."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def offer(self, **options: Any) -> str:
        """Make the connection and its first offer."""
        sdp: str = await self.page.evaluate("o => makeOffer(o)", options)
        return sdp

    async def restart_offer(self) -> str:
        """An offer with new ICE credentials on the same connection."""
        sdp: str = await self.page.evaluate("() => nextOffer({iceRestart: true})")
        return sdp

    async def answer(self, sdp: str) -> None:
        """Set the bridge's answer."""
        await self.page.evaluate("s => setAnswer(s)", sdp)

    async def stats(self) -> dict[str, Any]:
        """getStats, cut down: see bridge_page.html."""
        figures: dict[str, Any] = await self.page.evaluate("() => stats()")
        return figures


async def _serve_page() -> tuple[web.AppRunner, int]:
    page = (Path(__file__).parent / "bridge_page.html").read_text()

    async def handle(_: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    return runner, runner.addresses[0][1]


class Browsers:
    """Opens sites, each in a context of its own."""

    def __init__(self, browser: Browser, port: int) -> None:
        self._browser = browser
        self._port = port

    async def site(self) -> BrowserSite:
        """A fresh page."""
        context = await self._browser.new_context()
        page = await context.new_page()
        await page.goto(f"http://127.0.0.1:{self._port}/")
        return BrowserSite(page)


@asynccontextmanager
async def browsers() -> AsyncIterator[Browsers]:
    """One Chromium process group for the test."""
    path = chromium_path()
    if path is None:
        raise ServiceMissing("Chromium is not installed: run `make test`, or install it")
    runner, port = await _serve_page()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
            try:
                yield Browsers(browser, port)
            finally:
                await browser.close()
    finally:
        await runner.cleanup()
