"""How a media worker's memory is asked for, and how late its loop says it is."""

import pytest

from conf.media import hugepages
from conf.media.lag import LATELY_S, LagMeter


@pytest.fixture
def glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever this runs."""
    monkeypatch.setattr(hugepages.platform, "libc_ver", lambda: ("glibc", "2.36"))


@pytest.mark.usefixtures("glibc")
def test_the_worker_asks_for_huge_pages_and_keeps_the_rest() -> None:
    """The operator's tunables come last and so win."""
    made = hugepages.worker_environment({"HOME": "/x", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"})
    assert made["HOME"] == "/x"
    assert made["PYTHONMALLOC"] == "malloc"
    assert made["GLIBC_TUNABLES"].startswith("glibc.malloc.hugetlb=1:")
    assert made["GLIBC_TUNABLES"].endswith(":glibc.malloc.hugetlb=0")


@pytest.mark.usefixtures("glibc")
def test_an_operator_who_chose_an_allocator_keeps_it() -> None:
    """For hunting a fault in memory, say."""
    assert hugepages.worker_environment({"PYTHONMALLOC": "debug"}) == {"PYTHONMALLOC": "debug"}


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its allocator knows nothing of huge pages, and is slower than Python's."""
    monkeypatch.setattr(hugepages.platform, "libc_ver", lambda: ("", ""))
    assert hugepages.worker_environment({"HOME": "/x"}) == {"HOME": "/x"}


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
