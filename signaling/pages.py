"""The built pages of web/static: two entries, and assets whose names carry their hash."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from aiohttp import web

from core.errors import Unavailable
from signaling.api_page import STYLE, page
from signaling.application import fault
from signaling.http import Route
from signaling.openapi import as_text

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STATIC = Path(__file__).resolve().parent.parent / "web" / "static"
IMMUTABLE = "public, max-age=31536000, immutable"
FRESH = "no-cache"

ENTRIES = {
    "/": "index.html",
    "/j/{token:[A-Za-z0-9_-]{10,40}}": "room.html",
    "/room/{meeting_id:[A-Za-z0-9_-]{1,40}}": "room.html",
}


def add_pages(application: web.Application, routes: list[Route], static: Path = STATIC) -> None:
    """Serve the pages, and the API's description at /api."""
    for path, name in ENTRIES.items():
        application.router.add_get(path, _entry(static / name))
    texts = (
        ("/api/openapi.json", partial(as_text, routes), "application/json"),
        ("/api", partial(page, routes), "text/html"),
        ("/api/style.css", lambda: STYLE, "text/css"),
    )
    for path, make, kind in texts:
        application.router.add_get(path, _text(make, kind))
    application.router.add_get("/{path:.+}", _file(static))


def _entry(file: Path) -> Handler:
    async def entry(_request: web.Request) -> web.StreamResponse:
        if not await asyncio.to_thread(file.is_file):
            return fault(Unavailable("the pages are not built; run `make web`"))
        return web.FileResponse(file, headers={"Cache-Control": FRESH})

    return entry


def _text(make: Callable[[], str], kind: str) -> Handler:
    """What `make` says, made when first asked for: a start has no time for 0.2 s of each."""
    made: list[str] = []
    making = asyncio.Lock()

    async def answer(_request: web.Request) -> web.StreamResponse:
        async with making:
            if not made:
                made.append(await asyncio.to_thread(make))
        headers = {"Cache-Control": FRESH}
        return web.Response(text=made[0], content_type=kind, charset="utf-8", headers=headers)

    return answer


def _file(static: Path) -> Handler:
    root = static.resolve()

    async def file(request: web.Request) -> web.StreamResponse:
        """A file of the pages; a path without a suffix is one of the console's own addresses."""
        path = request.match_info["path"]
        found = await asyncio.to_thread(_within, root, path)
        if found is not None:
            is_hashed = path.startswith("assets/")
            headers = {"Cache-Control": IMMUTABLE if is_hashed else FRESH}
            return web.FileResponse(found, headers=headers)
        first = path.partition("/")[0]
        if "." in path.rpartition("/")[2] or first in {"api", "socket.io", "assets"}:
            raise web.HTTPNotFound
        return await _entry(root / "index.html")(request)

    return file


def _within(root: Path, path: str) -> Path | None:
    """The file `path` below `root`; None if there is none or it leads outside."""
    try:
        found = (root / path).resolve()
        return found if found.is_relative_to(root) and found.is_file() else None
    except (ValueError, OSError):  # a NUL, or a name longer than the file system can have
        return None
