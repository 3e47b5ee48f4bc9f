"""What Prometheus may read of this process, and the loop's lag."""

import asyncio
from collections import deque

from prometheus_client import Counter, Gauge, Histogram

HTTP_SECONDS = Histogram(
    "fengsui_http_request_seconds",
    "Time from request to answer.",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
)
MESSAGE_SECONDS = Histogram(
    "fengsui_message_seconds",
    "Time from a Socket.IO message's turn to its ack.",
    ("event", "outcome"),
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
CONNECTIONS = Gauge("fengsui_connections", "Open Socket.IO connections.")
CHANGES_SENT = Counter("fengsui_changes_sent_total", "Numbered changes handed to Socket.IO.")
LOOP_LAG_P99 = Gauge(
    "fengsui_loop_lag_p99_seconds", "99th percentile of loop lag, last 1000 samples."
)
LOOP_LAG_MAX = Gauge("fengsui_loop_lag_max_seconds", "Worst loop lag, last 1000 samples.")


class LoopLag:
    """Measures how late the event loop wakes a sleeper; p99 over the last 1000 samples."""

    name = "loop-lag"
    stop_deadline_s = 2.0
    every_s = 0.1

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=1000)
        self._stop = asyncio.Event()

    @property
    def p99_s(self) -> float:
        """99th percentile of the lag (s); 0 before the first sample."""
        return percentile(list(self._samples), 0.99)

    async def run(self, ready: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        ready.set()
        while not self._stop.is_set():
            due = loop.time() + self.every_s
            try:
                async with asyncio.timeout(self.every_s):
                    await self._stop.wait()
            except TimeoutError:
                self._samples.append(max(0.0, loop.time() - due))
            if len(self._samples) % 50 == 0:
                LOOP_LAG_P99.set(self.p99_s)
                LOOP_LAG_MAX.set(max(self._samples, default=0.0))

    def stop(self) -> None:
        self._stop.set()


def percentile(samples: list[float], share: float) -> float:
    """The smallest sample that is not below `share` of them (nearest rank); 0 for none."""
    if not samples:
        return 0.0
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
