"""All checks in the order an operator would take."""

from core.clock import SystemClock
from signaling.selftest.certificates import check_certificate
from signaling.selftest.clocks import check_clock
from signaling.selftest.model import Finding, good
from signaling.selftest.modems import check_modems
from signaling.selftest.network import check_ports, check_redis, is_serving
from signaling.selftest.storage import (
    check_data,
    check_database,
    check_disks,
    check_inner_loops,
    check_pages,
)
from signaling.settings import Settings


async def run(settings: Settings) -> list[Finding]:
    """Every finding. A server may be running with the same settings; nothing of its is touched."""
    serves = await is_serving(settings.http)
    return [
        good("settings", "read", "read"),
        *await check_data(settings),
        *await check_database(settings),
        *await check_redis(settings),
        *await check_ports(settings, serves),
        *await check_modems(settings, serves),
        *await check_certificate(settings, SystemClock().now()),
        *check_pages(),
        *check_inner_loops(),
        *check_disks(settings),
        *await check_clock(settings),
    ]
