"""What the pages of docs/ and the README name is there: commands, settings, variables, places."""

import re
import tomllib
from pathlib import Path

import pytest

from server import COMMANDS
from signaling.settings import CONFIG_VARIABLE, Settings, load, variables

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


OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")


def test_every_command_is_in_the_operations_page() -> None:
    assert [name for name in COMMANDS if f"`{name}`" not in OPERATIONS] == []


def test_every_command_the_pages_show_exists() -> None:
    shown = set()
    for page in PAGES:
        text = page.read_text("utf-8")
        shown |= set(re.findall(r"server\.py ([a-z][a-z-]+)", text))
    shown |= set(re.findall(r"^fengsui ([a-z-]+)", OPERATIONS, re.MULTILINE))
    assert len(shown) > 8
    assert shown - COMMANDS.keys() == set()


def test_every_section_of_the_settings_is_in_the_operations_page() -> None:
    assert [name for name in Settings.model_fields if f"`{name}`" not in OPERATIONS] == []


def test_every_setting_the_operations_page_names_is_known() -> None:
    sections = "|".join(Settings.model_fields)
    named = set(re.findall(rf"`((?:{sections})\.[a-z_.]+)[ `]", OPERATIONS))
    assert len(named) > 12
    assert named - {path for _, path in variables()} == set()


def test_the_settings_of_the_example_load() -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```", OPERATIONS, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks:
        load({}, overrides=tomllib.loads(block))


def test_the_unit_starts_a_server_and_lets_it_end_its_children() -> None:
    unit = (ROOT / "tools" / "fengsui.service").read_text("utf-8")
    start = re.search(
        r"^ExecStart=/opt/fengsui/\.venv/bin/python server\.py .*", unit, re.MULTILINE
    )
    assert start is not None
    assert start[0].endswith(" serve")
    assert "KillMode=mixed" in unit, "a SIGTERM to the workers would end meetings before the drain"
    for place in ("/opt/fengsui", "/etc/fengsui/fengsui.toml", "tools/fengsui.service"):
        assert place in OPERATIONS
