"""The clock: is it kept by a time server, does it agree with the database's, did it run back?"""

import ctypes
from datetime import UTC, datetime, timedelta

from core.audit import AuditQuery
from core.clock import SystemClock
from core.database import Database
from core.errors import AppError
from signaling.opening import open_audit, open_database
from signaling.selftest.model import Finding, good
from signaling.settings import Settings

_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
_APART = timedelta(seconds=2)
_BEHIND = timedelta(minutes=1)
_UNSYNCHRONISED = 5
"""TIME_ERROR of adjtimex(2): the kernel's clock follows nothing."""
_SET = "set the clock and keep it by NTP (timedatectl)"


async def check_clock(settings: Settings) -> list[Finding]:
    """Deadlines, one-time codes and the log all lean on it."""
    now = SystemClock().now()
    found = [judge_time(now), judge_follows(kernel_state())]
    if settings.database.url is None and not settings.data.dir.is_dir():
        return found
    async with open_database(settings) as database:
        try:
            found += await _beside(database, settings)
        except AppError:
            return found  # the database's own check has said so
    return found


async def _beside(database: Database, settings: Settings) -> list[Finding]:
    found = []
    theirs = await database.server_time()
    if theirs is not None:
        found.append(judge_database(SystemClock().now(), theirs))
    async with database.read() as uow:
        newest = await open_audit(settings).entries(uow, AuditQuery(limit=1))
    if newest:
        found.append(judge_log(SystemClock().now(), newest[0].at))
    return found


def kernel_state() -> int:
    """What adjtimex(2) says: 0–4 synchronised, 5 not, negative: not to be told here."""
    ask = getattr(ctypes.CDLL(None), "adjtimex", None)
    return int(ask(ctypes.create_string_buffer(512))) if ask is not None else -1


def judge_time(now: datetime) -> Finding:
    """A clock that was never set."""
    text = f"{now:%Y-%m-%d %H:%M} UTC"
    if now < _EARLIEST:
        return Finding("clock", "clock.wrong", f"{text} cannot be right", _SET)
    return good("clock", text, "time", time=text)


def judge_follows(state: int) -> Finding:
    """A clock nobody corrects drifts by minutes in a year."""
    if state == _UNSYNCHRONISED:
        mend = "timedatectl set-ntp true; without internet name the county's time server, see docs"
        return Finding("clock.ntp", "clock.ntp", "follows no time server", mend)
    if state < 0:
        return good("clock.ntp", "not to be told here", "untold")
    return good("clock.ntp", "follows a time server", "ntp")


def judge_database(now: datetime, theirs: datetime) -> Finding:
    """Two machines, one time."""
    apart = abs(now - theirs)
    text = f"{apart.total_seconds():.1f} s from the database server's"
    if apart > _APART:
        return Finding("clock.database", "clock.database", text, "keep both by the same NTP server")
    return good("clock.database", text, "apart", seconds=f"{apart.total_seconds():.1f}")


def judge_log(now: datetime, newest: datetime) -> Finding:
    """The newest entry of the log cannot lie in the future."""
    if newest - now > _BEHIND:
        text = f"the newest audit entry is of {newest:%Y-%m-%d %H:%M} UTC: the clock went back"
        return Finding("clock.log", "clock.back", text, _SET)
    return good("clock.log", "not before the newest audit entry", "after_log")
