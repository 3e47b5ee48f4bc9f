"""How long sending takes with the modems at hand, and what it costs (pure).

Measured speed of each SIM, what its quotas leave, the rate its owner allows, the carriers it
serves, and quiet hours.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, combinations

from sms.meter import COUNTY_TIME, is_quiet

SECONDS_ON_AIR = 3.0
"""What one segment takes where nothing is measured yet, from the field: 20 a minute."""
LEAST_MEASURED = 5
_LONGEST = timedelta(days=31)


@dataclass(frozen=True)
class Line:
    """A modem that may carry the message. `per_minute` 0: as fast as it can; `left_…`: segments.

    `serves`: the carriers whose numbers it sends to, empty: all.
    """

    seconds_each: float = SECONDS_ON_AIR
    per_minute: int = 0
    per_day: int = 1_000_000
    left_today: int = 1_000_000
    left_this_month: int = 1_000_000
    serves: tuple[str, ...] = ()

    @property
    def pace_s(self) -> float:
        """Seconds between two segments."""
        return max(self.seconds_each, 60 / self.per_minute if self.per_minute else 0.0)


def mean_seconds(measured: Sequence[timedelta]) -> float:
    """What a segment takes on average; from the field where too little is measured."""
    if len(measured) < LEAST_MEASURED:
        return SECONDS_ON_AIR
    return max(0.01, sum(one.total_seconds() for one in measured) / len(measured))


def cost_fen(segments: int, price_fen: float) -> int | None:
    """What so many segments cost; None where no price is set."""
    return round(segments * price_fen) if price_fen > 0 else None


ANY = ""
"""Stands for the carrier of segments whose numbers are not known yet."""


def time_for_all(
    wanted: Mapping[str, int],
    lines: Sequence[Line],
    now: datetime,
    quiet: tuple[int, int] = (0, 0),
) -> timedelta | None:
    """How long until all of `wanted`, segments by carrier, is out; None: some of it never is.

    Each set of carriers takes at least as long as the lines that serve any of them need for it; the
    longest of these is reached (max-flow, min-cut), since a line may always fill its time.
    """
    carriers = [carrier for carrier, count in wanted.items() if count > 0]
    open_to = _open_to(carriers, lines)
    together = chain.from_iterable(combinations(carriers, n) for n in range(1, len(carriers) + 1))
    longest = timedelta(0) if lines else None
    for some in together:
        serving = [line for line, theirs in zip(lines, open_to, strict=True) if theirs & {*some}]
        needed = time_to_send(sum(wanted[one] for one in some), serving, now, quiet)
        if needed is None or longest is None:
            return None
        longest = max(longest, needed)
    return longest


def _open_to(carriers: Collection[str], lines: Sequence[Line]) -> list[set[str]]:
    """The carriers each line takes; what no line serves goes through any."""
    known = {one for line in lines for one in line.serves}
    is_open = any(not line.serves for line in lines)
    unserved = set() if is_open else {one for one in carriers if one not in known}
    return [{*line.serves, *unserved, ANY} if line.serves else {*carriers} for line in lines]


def time_to_send(
    segments: int,
    lines: Sequence[Line],
    now: datetime,
    quiet: tuple[int, int] = (0, 0),
) -> timedelta | None:
    """How long until the last of `segments` is out; None without a line, or beyond a month.

    `quiet`: county hours in which nothing of this class goes out.
    """
    if not lines or segments <= 0:
        return timedelta(0) if lines else None
    days, months = [one.left_today for one in lines], [one.left_this_month for one in lines]
    moment = now
    while moment - now < _LONGEST:
        until = _next_hour(moment)
        if not is_quiet(moment, *quiet):
            room = [max(0, min(day, month)) for day, month in zip(days, months, strict=True)]
            span_s = (until - moment).total_seconds()
            sent = [min(left, int(span_s / line.pace_s + 1e-9))
                    for left, line in zip(room, lines, strict=True)]  # fmt: skip
            if sum(sent) >= segments:
                return moment - now + timedelta(seconds=_seconds(segments, lines, room))
            segments -= sum(sent)
            days = [left - took for left, took in zip(days, sent, strict=True)]
            months = [left - took for left, took in zip(months, sent, strict=True)]
        if until.day != moment.day:
            days = [one.per_day for one in lines]
        moment = until
    return None


def _next_hour(moment: datetime) -> datetime:
    local = moment.astimezone(COUNTY_TIME)
    return local.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _seconds(segments: int, lines: Sequence[Line], room: Sequence[int]) -> float:
    """The earliest moment at which the lines together have sent so many."""
    paces = [1 / line.pace_s for line, left in zip(lines, room, strict=True) if left]
    at_s = segments / sum(paces)
    while _sent_by(at_s, lines, room) < segments:
        ends = (
            (int(at_s / line.pace_s + 1e-9) + 1) * line.pace_s
            for line, left in zip(lines, room, strict=True)
            if int(at_s / line.pace_s + 1e-9) < left
        )
        at_s = min(ends)
    return at_s


def _sent_by(at_s: float, lines: Sequence[Line], room: Sequence[int]) -> int:
    return sum(
        min(left, int(at_s / line.pace_s + 1e-9)) for line, left in zip(lines, room, strict=True)
    )
