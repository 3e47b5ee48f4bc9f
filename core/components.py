"""What runs has an owner, a "ready" and a "stopped"; started in order, stopped in reverse."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

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


async def serve(components: Sequence[Component], stop_requested: asyncio.Event) -> None:
    """Run `components` until `stop_requested`: started first to last, stopped last to first.

    Raises: whatever a component's `run` raised, as an ExceptionGroup.
    """
    async with asyncio.TaskGroup() as tasks:
        running: list[tuple[Component, asyncio.Task[None]]] = []
        for component in components:
            running.append((component, await _start(tasks, component)))  # noqa: PERF401 - in order
        await stop_requested.wait()
        for component, task in reversed(running):
            await _stop(component, task)
