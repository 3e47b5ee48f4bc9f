"""Many sites at once: each sees soon, the publisher is not pestered, who is there loses nothing."""

import pytest

from bench.bridge_joins import run

pytestmark = pytest.mark.timeout(60)


async def test_a_dozen_joins_in_two_seconds() -> None:
    """The same rate as sixty in ten; each has a whole key frame within 1.5 s of its click."""
    joins = await run(12, 2.0)
    assert joins.never == 0
    assert joins.share(0.95) <= 1.5
    assert joins.plis_hz <= 2
    assert joins.lost_by_others == 0
