"""What runs has an owner, a "ready" and a "stopped"; started in order, stopped in reverse."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import structlog

log = structlog.get_logger(__name__)


class Component(Protocol):
    """A long-lived part of the process.

    `run` sets `ready` once the part can serve and returns after `stop`; expected faults (a modem
    unplugged, Redis gone) are states inside it, a bug escapes and ends the process.
    `stop` asks it to finish what is in hand; idempotent; returns at once.
    """

    name: str
    stop_deadline_s: float

    async def run(self, ready: asyncio.Event) -> None: ...

    def stop(self) -> None: ...


@dataclass(frozen=True)
class State:
    """How a component stands. `note`: for the operator, what is wrong or missing."""

    is_ready: bool
    note: str = ""


@runtime_checkable
class Reports(Protocol):
    """A component that can say more than that it runs."""

    def state(self) -> State: ...


class States:
    """How each component stands. Written by `serve`, read by /readyz and the status page."""

    def __init__(self) -> None:
        self._components: dict[str, Component] = {}
        self._states: dict[str, State] = {}

    def note(self, component: Component, state: State) -> None:
        """Remember where `component` is in its life."""
        self._components[component.name] = component
        self._states[component.name] = state

    def all(self) -> dict[str, State]:
        """The state of each component by name; a running one is asked if it can say."""
        return {name: self._of(name) for name in self._states}

    def _of(self, name: str) -> State:
        state, component = self._states[name], self._components[name]
        return component.state() if state.is_ready and isinstance(component, Reports) else state


async def _start(tasks: asyncio.TaskGroup, component: Component) -> "asyncio.Task[None]":
    ready = asyncio.Event()
    task = tasks.create_task(component.run(ready), name=component.name)
    waiter = asyncio.create_task(ready.wait(), name=f"{component.name}:ready")
    try:
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()  # a failed start raises here, before the next component starts
    finally:
        waiter.cancel()
    log.info("started", component=component.name)
    return task


async def _stop(component: Component, task: "asyncio.Task[None]") -> None:
    component.stop()
    with suppress(asyncio.CancelledError):
        done, _ = await asyncio.wait({task}, timeout=component.stop_deadline_s)
        if not done:
            log.warning("stop_deadline_passed", component=component.name)
            task.cancel()
            await asyncio.wait({task}, timeout=2.0)
    log.info("stopped", component=component.name)


async def serve(
    components: Sequence[Component], stop_requested: asyncio.Event, states: States | None = None
) -> None:
    """Run `components` until `stop_requested`: started first to last, stopped last to first.

    A component that ends by itself, or a stop asked for during the start, stops the others too.
    Raises: whatever a component's `run` raised, as an ExceptionGroup.
    """
    noted = states if states is not None else States()
    for component in components:
        noted.note(component, State(is_ready=False, note="not started"))
    async with asyncio.TaskGroup() as tasks:
        running: list[tuple[Component, asyncio.Task[None]]] = []
        for component in components:
            if stop_requested.is_set():
                break
            task = await _start(tasks, component)
            running.append((component, task))
            task.add_done_callback(lambda _: stop_requested.set())
            noted.note(component, State(is_ready=True))
        await stop_requested.wait()
        for component, task in reversed(running):
            noted.note(component, State(is_ready=False, note="stopping"))
            await _stop(component, task)
            noted.note(component, State(is_ready=False, note="stopped"))
