"""Which tests run together, and when: rows of browsers early, what is short at the end.

Two rows, one after another in each: what measures time or carries media, and what only turns pages.
A row is minutes of one worker: begun last, it would leave the others without work.
"""

import pytest

E2E_LIMIT_S = 240
MEDIA = "test_main_job.py"
"""The file of end-to-end tests that see and hear: it shares its row with what measures time."""


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """A pytest-xdist group holds what must not share the machine with itself."""
    if item.path.is_relative_to(item.config.rootpath / "tests" / "e2e"):
        item.add_marker(pytest.mark.e2e)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(E2E_LIMIT_S))
    if place(item) in ("pages", "alone"):
        item.add_marker(pytest.mark.xdist_group(place(item)))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The row with media begins half-way: beside neither the pages' row nor the tools of lint."""
    at: dict[str, list[pytest.Item]] = {"pages": [], "lint": [], "alone": [], "": [], "unit": []}
    for item in items:
        at[place(item)].append(item)
    half = len(at[""]) // 2
    rest = [*at[""][:half], *at["alone"], *at[""][half:]]
    items[:] = [*at["pages"], *at["lint"], *rest, *at["unit"]]


def place(item: pytest.Item) -> str:
    """`pages` or `alone` (the rows), `lint`, `unit`, or nothing."""
    marks = {mark.name for mark in item.iter_markers()}
    if "alone" in marks or ("e2e" in marks and item.path.name == MEDIA):
        return "alone"
    if "e2e" in marks:
        return "pages"
    if "lint" in marks:
        return "lint"
    is_unit = item.path.is_relative_to(item.config.rootpath / "tests" / "unit")
    return "unit" if is_unit else ""
