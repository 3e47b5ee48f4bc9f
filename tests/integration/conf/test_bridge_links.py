"""Weak links, seeded: the voice gets through, and a picture where there is room for one."""

import pytest

from bench.bridge_links import Cell, run

pytestmark = pytest.mark.timeout(90)


async def test_voice_first_on_weak_links() -> None:
    """30 % loss keeps 95 % of the voices; 300 kbit/s has voice and a picture; nobody else pays.

    No picture rate is asked for: a busy machine delays packets, which is all a full link does.
    """
    cells = [Cell(0.30, 1_000_000, 120), Cell(0.0, 300_000, 120), Cell(0.30, 300_000, 20)]
    cells, clean = await run(cells, 9.0, seed=7, settle_s=6.0)
    for cell in cells:
        assert cell.voices >= 0.95
    assert cells[1].pictures_hz > 0
    assert clean > 0.9
