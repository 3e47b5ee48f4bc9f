"""Components: started in order, stopped in reverse, none left behind."""

import asyncio
from collections.abc import Callable

import pytest

from core.components import Component, State, States, serve


class Part:
    """A component that writes down what happens to it."""

    stop_deadline_s = 0.2

    def __init__(self, name: str, said: list[str], *, fault: str = "") -> None:
        self.name = name
        self._said = said
        self._fault = fault
        self._stop = asyncio.Event()

    async def run(self, ready: asyncio.Event) -> None:
        if self._fault == "start":
            raise OSError("cannot start")
        self._said.append(f"+{self.name}")
        ready.set()
        await self._stop.wait()
        if self._fault == "stop":
            await asyncio.sleep(60)
        self._said.append(f"-{self.name}")

    def stop(self) -> None:
        self._stop.set()


class Talking(Part):
    """One that can say more than that it runs."""

    def state(self) -> State:
        return State(is_ready=False, note="no modem")


class Last:
    """Started when all others have been: does `act` then."""

    name = "last"
    stop_deadline_s = 0.2

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._stop = asyncio.Event()

    async def run(self, ready: asyncio.Event) -> None:
        ready.set()
        self._act()
        await self._stop.wait()

    def stop(self) -> None:
        self._stop.set()


async def _served(parts: list[Component], states: States | None = None) -> None:
    """Until all have started; then the stop is asked for."""
    stop = asyncio.Event()
    async with asyncio.timeout(20):
        await serve([*parts, Last(stop.set)], stop, states)


async def test_started_first_to_last_and_stopped_last_to_first() -> None:
    said: list[str] = []
    await _served([Part("modems", said), Part("events", said), Part("http", said)])
    assert said == ["+modems", "+events", "+http", "-http", "-events", "-modems"]


async def test_one_that_does_not_stop_in_time_is_cancelled_and_the_others_still_stop() -> None:
    said: list[str] = []
    await _served([Part("modems", said), Part("stuck", said, fault="stop"), Part("http", said)])
    assert said == ["+modems", "+stuck", "+http", "-http", "-modems"]


async def test_a_failed_start_is_raised_and_nothing_after_it_starts() -> None:
    said: list[str] = []
    with pytest.raises(ExceptionGroup) as fault:
        await _served([Part("modems", said), Part("bad", said, fault="start"), Part("http", said)])
    assert isinstance(fault.value.exceptions[0], OSError)
    assert said == ["+modems"]


async def test_one_that_ends_by_itself_stops_the_process() -> None:
    said: list[str] = []
    ending = Part("ending", said)
    async with asyncio.timeout(20):
        await serve([Part("modems", said), ending, Last(ending.stop)], asyncio.Event())
    assert said == ["+modems", "+ending", "-ending", "-modems"]


async def test_states_tell_what_is_ready_and_what_a_component_says_of_itself() -> None:
    said: list[str] = []
    states = States()
    seen: dict[str, State] = {}
    look = Last(lambda: seen.update(states.all()))
    await _served([Part("events", said), Talking("modems", said), look], states)
    seen.pop(look.name)
    assert seen == {"events": State(True), "modems": State(False, "no modem")}
    assert states.all()["events"] == State(False, "stopped")
