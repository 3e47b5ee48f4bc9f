"""Alerts: how soon one goes out behind a long queue, how fast many go out.

    python -m bench.sms_alerts [--queue 5000] [--alerts 200] [--radio-s 0.5] [--record]

One alert behind queued notices has to be on the air after at most the one segment in flight on
each modem; many alerts on four modems within 5 % of the air's limit. The journal of the simulated
air decides. Exits with 1 when a promise is broken.
"""

import argparse
import asyncio
import logging
import math
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from bench._document import write_section
from sms.model import MessageClass
from sms.numbers import demo_number
from tests.support.sms_flow import NOTICE, Flow, flow, load, moments

ALERT = "【县应急办】红色预警：请立即转移到安置点，回复1确认。"
FIRST_ALERT = 50_000
WITHIN = 1.05
HEAD = """## Alerts

`python -m bench.sms_alerts --record`, {radio_s:g} s on the air, {machine}.

"""


@dataclass(frozen=True)
class Promise:
    words: str
    is_kept: bool

    def row(self) -> str:
        return f"- {'kept' if self.is_kept else 'BROKEN'}: {self.words}"


async def behind_a_queue(modems: int, radio_s: float, queue: int) -> Promise:
    """One alert while `queue` notices wait and flow."""
    with tempfile.TemporaryDirectory() as folder:
        async with flow(Path(folder), modems, radio_s) as ours:
            await ours.submit(MessageClass.NOTICE, NOTICE, range(queue))
            await _until(ours, 3 * modems)
            await ours.submit(MessageClass.ALERT, ALERT, [FIRST_ALERT])
            before = len(await ours.air.on_air())
            order = await _until_out(ours, [FIRST_ALERT])
    place = next(n for n, entry in enumerate(order) if entry["recipient"] == _number(0))
    passed = max(0, place - before)
    words = f"{modems} modem(s), {queue} notices: {passed} segment(s) before the alert"
    return Promise(f"{words}, at most {modems}", passed <= modems)


async def many(modems: int, radio_s: float, alerts: int, queue: int) -> Promise:
    """All alerts at once, with notices waiting behind and on the air."""
    with tempfile.TemporaryDirectory() as folder:
        async with flow(Path(folder), modems, radio_s) as ours:
            await ours.submit(MessageClass.NOTICE, NOTICE, range(queue))
            await _until(ours, modems)
            people = range(FIRST_ALERT, FIRST_ALERT + alerts)
            await ours.submit(MessageClass.ALERT, ALERT, people)
            journal = await _until_out(ours, people)
    mine = {_number(n) for n in range(alerts)}
    alert_journal = [entry for entry in journal if entry["recipient"] in mine]
    times = sorted(at for each in moments(alert_journal).values() for at in each)
    took = times[-1] - times[0] + radio_s  # the first's own time on the air included
    limit = math.ceil(alerts / modems) * radio_s
    words = f"{alerts} alerts, {modems} modems: {took:.1f} s, the air allows {limit:.1f} s"
    return Promise(f"{words} ({took / limit:.3f}, at most {WITHIN})", took <= limit * WITHIN)


def _number(alert: int) -> str:
    return demo_number(FIRST_ALERT + alert)


async def _until(ours: Flow, count: int) -> None:
    async with asyncio.timeout(120):
        while len(await ours.air.on_air()) < count:  # noqa: ASYNC110 - the air is another process
            await asyncio.sleep(0.05)


async def _until_out(ours: Flow, people: Iterable[int]) -> list[dict[str, Any]]:
    wanted = {demo_number(n) for n in people}
    async with asyncio.timeout(900):
        while True:
            journal = await ours.air.on_air()
            if wanted <= {entry["recipient"] for entry in journal}:
                return journal
            await asyncio.sleep(0.3)


async def main() -> int:
    """Returns: 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queue", type=int, default=5000)
    parser.add_argument("--alerts", type=int, default=200)
    parser.add_argument("--radio-s", type=float, default=3.0)
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    promises = []
    for modems in (1, 4):
        promises.append(await behind_a_queue(modems, given.radio_s, given.queue))
        print(promises[-1].row(), flush=True)
    promises.append(await many(4, given.radio_s, given.alerts, given.queue))
    print(promises[-1].row(), flush=True)
    if given.record:
        head = HEAD.format(radio_s=given.radio_s, machine=load())
        rows = "\n".join(promise.row() for promise in promises)
        write_section("sms-measurements.md", "alerts", head + rows)
    return 0 if all(promise.is_kept for promise in promises) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
