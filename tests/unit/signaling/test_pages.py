"""Pages: hashed assets are kept for good, entries are asked for again, join links open the room."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from signaling.http import Route
from signaling.pages import FRESH, IMMUTABLE, add_pages

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def static(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>console</title>")
    (folder / "room.html").write_text("<title>room</title>")
    (folder / "beacon.svg").write_text("<svg/>")
    (folder / "assets" / "index-3f2a.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


async def _ask(static: Path, path: str) -> tuple[int, str, str | None]:
    application = web.Application()
    add_pages(application, [], static)
    async with TestClient(TestServer(application)) as client:
        response = await client.get(path)
        return response.status, await response.text(), response.headers.get("Cache-Control")


@pytest.mark.parametrize(
    ("path", "title", "cache"),
    [
        ("/", "console", FRESH),
        ("/incidents", "console", FRESH),
        ("/incidents/01m7", "console", FRESH),
        ("/j/abcdefghijklmnopq", "room", FRESH),
        ("/room/01m7zsqd", "room", FRESH),
        ("/assets/index-3f2a.js", "1", IMMUTABLE),
        ("/beacon.svg", "svg", FRESH),
    ],
)
async def test_what_each_address_opens(static: Path, path: str, title: str, cache: str) -> None:
    status, text, kept = await _ask(static, path)
    assert (status, kept) == (200, cache)
    assert title in text


@pytest.mark.parametrize(
    "path", ["/assets/none.js", "/favicon.ico", "/api/none", "/assets/", "/x/%2e%2e/secret.txt"]
)
async def test_what_is_not_there_is_not_answered_with_a_page(static: Path, path: str) -> None:
    """A script tag that gets HTML shows a blank page and no reason."""
    status, text, _ = await _ask(static, path)
    assert status == 404
    assert "secret" not in text


async def test_pages_that_are_not_built_say_so(tmp_path: Path) -> None:
    status, text, _ = await _ask(tmp_path, "/")
    assert status == 503
    assert "make web" in text


class Table(list[Route]):
    """Counts who looks through it."""

    looks = 0

    def __iter__(self) -> Iterator[Route]:
        self.looks += 1
        return super().__iter__()


async def test_the_api_is_described_once_when_it_is_asked_for(static: Path) -> None:
    application, table = web.Application(), Table()
    add_pages(application, table, static)
    assert table.looks == 0, "a start has no time for it"
    async with TestClient(TestServer(application)) as client:
        first = await (await client.get("/api/openapi.json")).json()
        looks = table.looks
        assert first["openapi"] == "3.1.0"
        assert await (await client.get("/api/openapi.json")).json() == first
        assert table.looks == looks > 0
