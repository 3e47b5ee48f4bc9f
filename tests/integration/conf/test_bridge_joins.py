"""Many sites at once: each sees soon, the publisher is not pestered, who is there loses nothing."""

import pytest

from bench.bridge_joins import run
from tests.support.bridge import kernel_drops

pytestmark = pytest.mark.timeout(60)


async def test_a_dozen_joins_in_two_seconds() -> None:
    """The same rate as sixty in ten; a layer is asked for a key frame at most twice a second.

    So many times at most as half seconds have passed, however late a busy machine is: requests that
    arrive together were sent apart. How soon the picture comes is for bench/bridge_joins.py.
    """
    dropped = kernel_drops()
    joins = await run(12, 2.0)
    assert joins.never == 0
    assert 1 <= joins.plis <= 1 + joins.asking_s / 0.5
    assert joins.lost_by_others <= kernel_drops() - dropped
