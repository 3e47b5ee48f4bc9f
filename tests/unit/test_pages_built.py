"""The built pages: the meeting entry is light, and nothing comes from outside."""

import gzip
import re
from html.parser import HTMLParser

from tools.pages import OUTPUT

ROOM_LIMIT_BYTES = 120_000
"""gzip, all that room.html loads before a person can act (design, section 6)."""


class _Loaded(HTMLParser):
    """Collects what a page loads at once: scripts, preloaded modules, style sheets."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        words = dict(attrs)
        if tag == "script" and words.get("src"):
            self.found.append(words["src"] or "")
        if tag == "link" and words.get("rel") in {"modulepreload", "stylesheet"}:
            self.found.append(words["href"] or "")


def _loaded_by(page: str) -> list[str]:
    parser = _Loaded()
    parser.feed((OUTPUT / page).read_text())
    assert parser.found, f"{page} loads nothing: is it built?"
    return parser.found


def test_the_meeting_page_is_light() -> None:
    sizes = {
        path: len(gzip.compress((OUTPUT / path.lstrip("/")).read_bytes(), 9))
        for path in _loaded_by("room.html")
    }
    assert sum(sizes.values()) <= ROOM_LIMIT_BYTES, sizes


def test_no_page_loads_anything_from_outside() -> None:
    for page in OUTPUT.glob("*.html"):
        assert [path for path in _loaded_by(page.name) if "//" in path] == []


def test_no_style_sheet_fetches_anything_from_outside() -> None:
    outside = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//")
    sheets = list(OUTPUT.rglob("*.css"))
    assert [sheet.name for sheet in sheets if outside.search(sheet.read_text())] == []
