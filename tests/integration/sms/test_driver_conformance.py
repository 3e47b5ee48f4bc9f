"""Both drivers against every fault: outcomes are true, nothing doubles, work resumes in time.

Limits and faults are shrunk to a tenth or so; docs/sms-drivers.md has the full-size figures.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sms.drivers import DriverKind
from tests.support.driver_cases import (
    CASES,
    QUICK,
    QUICK_SCALE,
    Bench,
    FaultCase,
    is_true,
    run_case,
)
from tests.support.modem_sim import ModemSim, modem_sim

NUMBER = "+8610055500001"
RESUME_S = 2.0
"""A tenth of the promised 10 s, and what two busy cores and the shrunk limits cost."""


def _parameters() -> list[object]:
    parameters = [pytest.param("at", case, id=f"at-{case.name}") for case in CASES]
    for case in CASES:
        marks = [pytest.mark.xfail(reason=case.gsmmodem, strict=True)] if case.gsmmodem else []
        parameters.append(pytest.param("gsmmodem", case, id=f"gsmmodem-{case.name}", marks=marks))
    return list(parameters)


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[ModemSim]:
    async with modem_sim(tmp_path) as running:
        yield running


@pytest.mark.parametrize(("kind", "case"), _parameters())
@pytest.mark.timeout(60)
async def test_fault(sim: ModemSim, kind: DriverKind, case: FaultCase) -> None:
    """The outcome is the stated one and true; the next message goes out once, in bounded time."""
    async with Bench(sim, kind, QUICK) as bench:
        run = await run_case(bench, case, NUMBER, QUICK_SCALE)
    assert run.outcome.state is case.expected
    assert run.copies == (1, case.copies, 1)
    assert is_true(run)
    assert run.final is (case.final or case.expected)
    assert run.resumed_s is not None
    assert run.resumed_s - case.seconds * QUICK_SCALE <= RESUME_S
