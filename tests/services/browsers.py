"""Real Chromiums with fake cameras and microphones, driven by Playwright.

A failed test leaves a screenshot of every open page in `.stamps/e2e/`.
"""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright, expect

from services.session import ServiceMissing
from tools.services import chromium_path
from tools.steps import STAMPS

OUTCOME = pytest.StashKey[bool]()
PICTURES = STAMPS / "e2e"
FLAGS = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--lang=zh-CN",
]

PATIENCE_MS = 20_000
"""Of `expect`, which waits five seconds by itself: a busy machine's pages take longer."""
LaunchChromium = Callable[..., Awaitable[Browser]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.when == "call":
        item.stash[OUTCOME] = report.failed
    return report


@pytest.fixture
async def launch_chromium(request: pytest.FixtureRequest) -> AsyncIterator[LaunchChromium]:
    """`await launch_chromium(*flags)`: a browser process of its own; all are closed afterwards."""
    path = chromium_path()
    if path is None:
        raise ServiceMissing("Chromium is not installed: run `make test`, or install it")
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browsers: list[Browser] = []

        async def launch(*flags: str) -> Browser:
            browser = await playwright.chromium.launch(
                executable_path=path, args=[*FLAGS, *root, *flags]
            )
            browsers.append(browser)
            return browser

        yield launch
        if request.node.stash.get(OUTCOME, False):
            await _keep_pictures(browsers, request.node.name)
        for browser in browsers:
            await browser.close()


@pytest.fixture
async def chromium(launch_chromium: LaunchChromium) -> Browser:
    """One Chromium; `await chromium.new_context()` is another person with cookies of his own."""
    return await launch_chromium()


async def _keep_pictures(browsers: list[Browser], name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^\w-]+", "_", name)
    pages = [page for browser in browsers for context in browser.contexts for page in context.pages]
    for number, page in enumerate(pages):
        file: Path = PICTURES / f"{stem}-{number}.png"
        await page.screenshot(path=file, timeout=5_000)
        print(f"screenshot of {page.url}: {file}")
