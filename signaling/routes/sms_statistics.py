"""Statistics and the inbox as tables: figures of a month, files for a spreadsheet."""

from pydantic import Field

from core.auth.model import Permission, reach
from core.database import UnitOfWork
from signaling.api import ApiModel
from signaling.http import AnyRequest, File, Request, Route
from signaling.routes.sms import InboxFilter
from sms import export, statistics
from sms.meter import COUNTY_TIME
from sms.model import RecipientState, StatisticsBy
from sms.numbers import masked
from sms.statistics import MonthOf

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CSV = "text/csv"
_MOST_ROWS = 20_000
_LOST = (RecipientState.FAILED, RecipientState.EXPIRED, RecipientState.UNKNOWN)


class MonthQuery(ApiModel):
    """`month`: 2026-11, county time. `by`: what the rows are."""

    month: str = Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")
    by: StatisticsBy = StatisticsBy.UNIT


class MonthItem(ApiModel):
    """One row. `key`: a unit's path, a class, a modem (empty: none yet), a carrier.

    `states`: recipients by state.
    """

    key: str
    name: str
    messages: int
    segments: int
    recipients: int
    answered: int
    states: dict[str, int]


class MonthOut(ApiModel):
    """In order of the keys."""

    items: tuple[MonthItem, ...]


async def month(request: Request[MonthQuery, None]) -> MonthOut:
    """Messages, segments, outcomes of one month."""
    rows, names = await _month(request)
    return MonthOut(
        items=tuple(
            MonthItem(
                key=one.key, name=names.get(one.key, one.key), messages=one.messages,
                segments=one.segments, recipients=one.recipients, answered=one.answered,
                states=one.states,
            )
            for one in rows
        )
    )  # fmt: skip


async def _month(request: Request[MonthQuery, None]) -> tuple[list[MonthOf], dict[str, str]]:
    year, number = map(int, request.query.month.split("-"))
    scopes = reach(request.principal, Permission.SMS_READ)
    async with request.read() as uow:
        rows = await statistics.month(uow, scopes, year, number, request.query.by)
        names: dict[str, str] = {}
        if request.query.by is StatisticsBy.UNIT:
            units = await request.app.directory.units_below(uow, scopes)
            names = {unit.path: unit.name for unit in units}
    return rows, names


_MONTH_HEADER = ("项目", "短信", "计费条", "人数", "已送达", "已回复", "未送达或未知")


async def _month_table(request: Request[MonthQuery, None]) -> list[tuple[str, ...]]:
    rows, names = await _month(request)
    return [
        (
            names.get(one.key, one.key), str(one.messages), str(one.segments), str(one.recipients),
            str(one.states.get(RecipientState.DELIVERED, 0)), str(one.answered),
            str(sum(one.states.get(state, 0) for state in _LOST)),
        )
        for one in rows
    ]  # fmt: skip


async def month_csv(request: Request[MonthQuery, None]) -> File:
    """The month as CSV."""
    table = await _month_table(request)
    return File(export.as_csv(_MONTH_HEADER, table), f"sms-{request.query.month}.csv", _CSV)


async def month_xlsx(request: Request[MonthQuery, None]) -> File:
    """The month as xlsx."""
    table = await _month_table(request)
    content = export.as_xlsx(_MONTH_HEADER, table, request.query.month)
    return File(content, f"sms-{request.query.month}.xlsx", _XLSX)


_INBOX_HEADER = ("收到时间", "号码", "姓名", "内容", "状态", "通道")
_STATES = {"matched": "已对应", "unmatched": "待处理", "handled": "已处理"}


async def _inbox_table(request: Request[InboxFilter, None]) -> list[tuple[str, ...]]:
    query = request.query
    async with request.read() as uow:
        rows = await request.app.sms.inbound(
            uow, state=query.state, kind=query.kind, q=query.q, limit=_MOST_ROWS
        )
        names = await names_of(uow, request, [row.number for row in rows])
    return [
        (
            row.received_at.astimezone(COUNTY_TIME).strftime("%Y-%m-%d %H:%M:%S"),
            masked(row.number), names.get(row.number, ""), row.text, _STATES[row.state.value],
            row.modem,
        )
        for row in rows
    ]  # fmt: skip


async def names_of(uow: UnitOfWork, request: AnyRequest, numbers: list[str]) -> dict[str, str]:
    """Whose each number is, where the directory knows it."""
    unique = list(dict.fromkeys(numbers))
    found: dict[str, str] = {}
    for start in range(0, len(unique), 500):
        owners = await request.app.directory.owners_of(uow, unique[start : start + 500])
        found |= {number: one.name for number, one in owners.items()}
    return found


async def inbox_csv(request: Request[InboxFilter, None]) -> File:
    """Received texts as CSV; numbers masked."""
    return File(export.as_csv(_INBOX_HEADER, await _inbox_table(request)), "sms-inbox.csv", _CSV)


async def inbox_xlsx(request: Request[InboxFilter, None]) -> File:
    """Received texts as xlsx; numbers masked."""
    table = await _inbox_table(request)
    return File(export.as_xlsx(_INBOX_HEADER, table, "来信"), "sms-inbox.xlsx", _XLSX)


_SMS = "/api/v1/sms"
_READ = Permission.SMS_READ
ROUTES = [
    Route("GET", f"{_SMS}/statistics", month, _READ, query=MonthQuery, response=MonthOut,
          summary="A month per unit, class, modem or carrier"),
    Route("GET", f"{_SMS}/statistics/export.csv", month_csv, _READ, query=MonthQuery,
          response=File, summary="The month as CSV"),
    Route("GET", f"{_SMS}/statistics/export.xlsx", month_xlsx, _READ, query=MonthQuery,
          response=File, summary="The month as xlsx"),
    Route("GET", f"{_SMS}/inbox/export.csv", inbox_csv, _READ, query=InboxFilter, response=File,
          is_county_wide=True, summary="Received texts as CSV"),
    Route("GET", f"{_SMS}/inbox/export.xlsx", inbox_xlsx, _READ, query=InboxFilter, response=File,
          is_county_wide=True, deadline_s=90, summary="Received texts as xlsx"),
]  # fmt: skip
