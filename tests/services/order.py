"""Which tests run together: end-to-end and timing tests one after another, at the end."""

import pytest

E2E_LIMIT_S = 120


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """One pytest-xdist group holds everything that must not share the machine with itself."""
    if item.path.is_relative_to(item.config.rootpath / "tests" / "e2e"):
        item.add_marker(pytest.mark.e2e)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(E2E_LIMIT_S))
    if _is_alone(item):
        item.add_marker(pytest.mark.xdist_group("alone"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_is_alone)


def _is_alone(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("e2e", "alone"))
