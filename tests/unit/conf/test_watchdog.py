"""A child that gets no core is late; one that says nothing though it had one is hung."""

import os
import signal
import subprocess
import sys

import pytest

from conf.watchdog import HUNG_AFTER_S, LONGEST_S, Ran, Silence, how_it_ran


def seconds_until_hang(ran_s: float, waited_s: float, *, is_ready: bool = True) -> int:
    """How long the silence of a process lasts that gets this much of each second."""
    silence = Silence()
    while not silence.is_hang:
        at = silence.seconds
        before = Ran(ran_s * at, waited_s * at, is_ready)
        silence.another(before, Ran(ran_s * (at + 1), waited_s * (at + 1), is_ready))
    return silence.seconds


@pytest.mark.parametrize(
    ("ran_s", "waited_s", "is_ready", "hung_after"),
    [
        (0.0, 0.0, False, HUNG_AFTER_S),  # it is stopped, or waits for ever
        (1.0, 0.0, True, HUNG_AFTER_S),  # it goes round in a circle
        (0.5, 0.5, True, 2 * HUNG_AFTER_S),  # the same, beside another process
        (0.1, 0.9, True, LONGEST_S),  # nine others want the core: it may be at work
        (0.0, 0.0, True, LONGEST_S),  # it has had no core yet
    ],
)
def test_silence_counts_by_the_core_it_had(
    ran_s: float, waited_s: float, is_ready: bool, hung_after: float
) -> None:
    assert seconds_until_hang(ran_s, waited_s, is_ready=is_ready) == pytest.approx(hung_after)


def test_a_core_got_at_last_is_not_held_against_it() -> None:
    """Three seconds without a core are told of only when it has one again."""
    silence = Silence()
    silence.another(Ran(1.0, 1.0, True), Ran(1.0, 1.0, True))
    silence.another(Ran(1.0, 1.0, True), Ran(1.1, 4.0, True))
    assert silence.counted_s == 0


def test_without_figures_every_second_counts() -> None:
    silence = Silence()
    for _ in range(int(HUNG_AFTER_S)):
        assert not silence.is_hang
        silence.another(None, None)
    assert silence.is_hang


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells how a process ran")
def test_how_a_real_process_ran() -> None:
    """It has used a core and wants it still; stopped, it wants none; gone, nothing is told."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        while (ran := how_it_ran(process.pid)) is None or not ran.ran_s or not ran.is_ready:
            pass
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        stopped = how_it_ran(process.pid)
        assert stopped is not None
        assert stopped.ran_s >= ran.ran_s
        assert not stopped.is_ready
        process.kill()
    assert how_it_ran(process.pid) is None
