"""Sections of a document that several benchmarks write, each its own."""

from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def write_rows(document: str, name: str, head: str, rows: Sequence[str], keys: int) -> None:
    """Put table rows into a section; what it had of other runs stays, in its place.

    `keys`: how many first cells tell a row from others.
    """
    path = DOCS / document
    before = _section(path.read_text() if path.exists() else "", name)
    kept = {_key(line, keys): line for line in before.splitlines() if line.startswith("| ")}
    made = {_key(line, keys): line for line in rows}
    titles = [_key(line, keys) for line in head.splitlines() if line.startswith("| ")]
    whole = {key: line for key, line in {**kept, **made}.items() if key not in titles}
    write_section(document, name, head + "\n".join(whole.values()))


def _key(row: str, cells: int) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in row.split("|")[1 : cells + 1])


def _section(whole: str, name: str) -> str:
    return whole.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- end of {name} -->\n")[0]


def write_section(document: str, name: str, text: str) -> None:
    """Replace the section `name` of `docs/<document>` by `text`; append it if there is none."""
    path = DOCS / document
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    whole = path.read_text() if path.exists() else ""
    section = f"{begin}{text.strip()}\n{end}"
    if begin in whole:
        before, rest = whole.split(begin, 1)
        after = rest.split(end, 1)[1]
        path.write_text(before + section + after)
    else:
        path.write_text(f"{whole}\n{section}" if whole else section)
