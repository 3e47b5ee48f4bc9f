"""Values of an import: what a table holds, what is wrong with it, what it would change."""

import enum
from dataclasses import dataclass
from datetime import datetime

from core.ids import ImportId, PersonId, UnitId
from directory.model import Phone


class Field(enum.StrEnum):
    """What a column means."""

    ID = "id"
    NAME = "name"
    MOBILE = "mobile"
    PHONE = "phone"
    UNIT = "unit"
    TOWNSHIP = "township"
    VILLAGE = "village"
    TITLE = "title"
    NOTE = "note"


@dataclass(frozen=True)
class Fault:
    """Something wrong in one cell, or in the row where `cell` is empty. `text`: for people."""

    code: str
    cell: str
    text: str


FAULT_TEXTS: dict[str, str] = {
    "empty": "不能为空",
    "too_long": "太长",
    "characters": "含有控制字符",
    "id": "编号格式不对",
    "phone_empty": "号码是空的",
    "phone_length": "号码位数不对(手机号应为 11 位)",
    "phone_characters": "号码里有数字以外的字符",
    "phone_extension": "只有固定电话可以带分机号",
    "phone_area_code": "固定电话缺少区号",
    "phone_unknown": "不是有效的电话号码",
    "phone_scientific": "号码被表格软件改成了科学计数法,请把该列设为文本后重填",
    "phone_not_mobile": "这一列应填手机号",
    "phones_many": "号码太多",
    "unit_unknown": "在所选范围内没有这个单位",
    "unit_ambiguous": "有多个单位叫这个名字,请写上所属乡镇",
    "person_unknown": "没有这个编号的人员",
    "person_ambiguous": "单位里有多位同名人员,请填手机号或编号以便区分",
    "duplicate": "与第 {row} 行重复",
    "formula_error": "单元格是公式错误值",
}
"""What each fault says in the preview and in the annotated table."""


def fault(code: str, cell: str, **values: object) -> Fault:
    """The fault `code` with its text."""
    return Fault(code, cell, FAULT_TEXTS[code].format(**values))


@dataclass(frozen=True)
class Limits:
    """What a file may cost."""

    max_bytes: int
    max_rows: int
    max_unpacked_bytes: int
    timeout_s: float


@dataclass(frozen=True)
class Table:
    """A file's table: where its header is and what the columns mean.

    `columns`: index of the column (0..) → field; a phone field may have several columns.
    `header_row`: its number in the sheet (1..), 0 where there is none.
    """

    sheet: str
    encoding: str
    header: tuple[str, ...]
    header_row: int
    columns: tuple[tuple[int, Field], ...]


@dataclass(frozen=True)
class Row:
    """One row as read. `number`: its row in the sheet (1..); empty text: nothing was written."""

    number: int
    cells: tuple[str, ...]
    id: str = ""
    name: str = ""
    pinyin: str = ""
    unit: str = ""
    title: str = ""
    note: str = ""
    phones: tuple[Phone, ...] = ()
    faults: tuple[Fault, ...] = ()


class RowKind(enum.StrEnum):
    """What committing does with a row; a `missing` person is not in the file."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    MISSING = "missing"
    FAULTY = "faulty"


@dataclass(frozen=True)
class Content:
    """What an import writes of a person."""

    unit_id: UnitId
    name: str
    pinyin: str
    title: str
    note: str
    phones: tuple[Phone, ...]


@dataclass(frozen=True)
class Verdict:
    """What a row means for the directory.

    `version`: of the person when compared. `notes`: warnings that do not hinder the commit.
    `cells`: of a faulty row only, as they were read.
    """

    number: int
    kind: RowKind
    cells: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    person_id: PersonId | None = None
    version: int = 0
    before: Content | None = None
    after: Content | None = None

    @property
    def changed_fields(self) -> tuple[str, ...]:
        """Names of the fields that differ."""
        if self.before is None or self.after is None:
            return ()
        names = ("unit_id", "name", "title", "note", "phones")
        return tuple(n for n in names if getattr(self.before, n) != getattr(self.after, n))


class BatchState(enum.StrEnum):
    """`ready` may be committed or discarded; `committed` may be undone."""

    READY = "ready"
    COMMITTED = "committed"
    UNDONE = "undone"
    DISCARDED = "discarded"


MOVES: dict[BatchState, frozenset[BatchState]] = {
    BatchState.READY: frozenset({BatchState.COMMITTED, BatchState.DISCARDED}),
    BatchState.COMMITTED: frozenset({BatchState.UNDONE}),
    BatchState.UNDONE: frozenset(),
    BatchState.DISCARDED: frozenset(),
}


@dataclass(frozen=True)
class Batch:
    """One import. `counts`: rows of each kind."""

    id: ImportId
    unit_id: UnitId
    unit_path: str
    file_name: str
    table: Table
    state: BatchState
    counts: dict[RowKind, int]
    created_by: str
    created_by_name: str
    created_at: datetime
    committed_at: datetime | None = None
    undone_at: datetime | None = None
    removed_missing: bool = False


@dataclass(frozen=True)
class Released:
    """What ended with a removed person: posts (unit, post, rank) and groups (group, position)."""

    posts: tuple[tuple[str, str, int], ...] = ()
    groups: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Written:
    """What the commit did for one row. `version`: of the person afterwards."""

    position: int
    verdict: Verdict
    person_id: PersonId
    version: int
    released: Released = Released()
