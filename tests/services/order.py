"""Which tests run together: those with browsers and those that measure time, at the end.

Two rows of them, side by side: what measures time or carries media, and what only turns pages.
"""

import pytest

E2E_LIMIT_S = 120
MEDIA = "test_main_job.py"
"""The file of end-to-end tests that see and hear: it shares its row with what measures time."""


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """A pytest-xdist group holds what must not share the machine with itself."""
    if item.path.is_relative_to(item.config.rootpath / "tests" / "e2e"):
        item.add_marker(pytest.mark.e2e)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(E2E_LIMIT_S))
    if _is_alone(item):
        turns_pages = item.get_closest_marker("e2e") and item.path.name != MEDIA
        item.add_marker(pytest.mark.xdist_group("pages" if turns_pages else "alone"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_is_alone)


def _is_alone(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("e2e", "alone"))
