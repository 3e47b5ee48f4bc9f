"""How a media worker's memory is asked for, and how late its loop says it is."""

import pytest

from conf.media import hugepages
from conf.media.lag import LATELY_S, LagMeter


@pytest.mark.parametrize(("library", "asks"), [("glibc", True), ("", False)])
def test_only_glibc_is_asked_for_huge_pages(
    monkeypatch: pytest.MonkeyPatch, library: str, asks: bool
) -> None:
    """Another C library knows nothing of them, and its allocator is slower than Python's."""
    monkeypatch.setattr(hugepages.platform, "libc_ver", lambda: (library, "2.36"))
    assert any("hugetlb=1" in word for word in hugepages.prefix()) is asks
    assert bool(hugepages.prefix()) is asks


def test_lag_is_of_the_last_ten_seconds() -> None:
    """A bad moment is forgotten, and one in two hundred does not count."""
    meter = LagMeter()
    assert meter.p99() == 0.0
    meter.add(0.0, 0.5)
    assert meter.p99() == 0.5
    for n in range(200):
        meter.add(0.01 * n, 0.002)
    assert meter.p99() == 0.002
    meter.add(0.0 + LATELY_S + 2.0, 0.001)
    assert meter.p99() == 0.001
