"""A limit: a burst at once, the rate on the average, never more than the burst saved up."""

from hypothesis import given
from hypothesis import strategies as st

from conf.media.bucket import Bucket


def test_a_burst_then_the_rate() -> None:
    """Three at once, then two a second."""
    bucket = Bucket(2.0, 3.0)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(100.5), bucket.take(100.5)] == [True, False]
    assert [bucket.take(999.0) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 1), max_size=200))
def test_never_more_than_burst_and_rate(pauses: list[float]) -> None:
    """Over any stretch of time."""
    bucket, now, taken = Bucket(5.0, 4.0), 50.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
    assert taken <= 4 + 5.0 * (now - 50.0) + 1e-6
