"""Sections of a document that several benchmarks write, each its own."""

from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


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
