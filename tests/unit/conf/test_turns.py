"""An owner that has closed keeps nobody waiting."""

import asyncio

import pytest

from conf.turns import Turns
from core.errors import Unavailable


async def test_what_is_queued_before_the_end_is_done_and_nothing_after_it_waits() -> None:
    owner, done = Turns("room"), list[int]()

    async def call() -> int:
        done.append(len(done))
        return done[-1]

    before = asyncio.create_task(owner.ask(call))
    await asyncio.sleep(0)
    owner.close()
    owner.close()
    with pytest.raises(Unavailable) as late:
        await owner.ask(call)
    assert late.value.wire_code == "draining"
    owner.tell(call)  # type: ignore[arg-type]
    await owner.run()
    assert await before == 0
    assert done == [0]
