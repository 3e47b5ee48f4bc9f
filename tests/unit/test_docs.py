"""What the pages of docs/ and the README name is there: commands, settings, variables, places."""

import re
from pathlib import Path

import pytest

from signaling.settings import CONFIG_VARIABLE, variables

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
TOOLS = [*sorted((ROOT / "tools").iterdir()), ROOT / "Makefile", ROOT / "config-sample.toml"]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _anchors(page: Path) -> set[str]:
    """What a heading is called in a link: small letters, no signs, dashes for spaces."""
    headings = HEADING.findall(FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    lost = []
    for target in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            lost.append(target)
    assert lost == []


@pytest.mark.parametrize("file", [*PAGES, *(one for one in TOOLS if one.is_file())], ids=_name)
def test_every_variable_named_is_one_the_settings_accept(file: Path) -> None:
    """An unknown FENGSUI_ variable ends every process of ours, so none may be recommended."""
    known = {variable for variable, _ in variables()} | {CONFIG_VARIABLE}
    named = set(re.findall(r"FENGSUI_[A-Z0-9_]*[A-Z0-9](?!_*<)", file.read_text("utf-8")))
    assert named - known == set()
