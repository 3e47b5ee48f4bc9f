"""An import shows what it will do, does it in one transaction, and can be taken back."""

import asyncio
import io
from collections.abc import Sequence
from typing import Any

import pytest
from openpyxl import load_workbook

from core.auth.model import Role
from core.errors import Conflict, InvalidInput, NotAllowed, NotFound, TooMany
from core.ids import ImportId, PersonId, UnitId
from directory.importing import reader
from directory.importing.exporting import Exports
from directory.importing.model import Batch, BatchState, Field, RowKind, Verdict
from directory.importing.service import Imports
from directory.model import Person, PersonDraft, Post, UnitDraft, UnitKind
from directory.settings import DirectorySettings
from support.small_county import Place, principal
from support.tables import HEADER, comma_separated, xlsx, zip_bomb

MIXED = [
    ["编号", "姓名", "手机", "电话", "单位", "职务", "备注"],
    ["", "王小明", "13800138001", "", "烽台镇", "镇党委书记", ""],
    ["", "李玉", "13800138002", "", "", "", ""],
    ["", "周平", "13800138011", "", "烽台镇柳坝村", "村主任", "新任"],
    ["", "吴梅", "1380013801", "", "烽台镇", "", ""],
    ["", "郑军", "13800138012", "", "无此村", "", ""],
    ["", "冯强", "13800138003", "", "青澜县/烽台镇/柳坝村", "", ""],
]


@pytest.fixture
def imports(place: Place) -> Imports:
    return Imports(place.database, place.audit, place.register, DirectorySettings())


class Desk:
    """An administrator at the import page."""

    def __init__(self, place: Place, imports: Imports) -> None:
        self.place = place
        self.imports = imports

    async def preview(
        self, rows: Sequence[Sequence[Any]], unit: str = "t1", encoding: str = "utf-8"
    ) -> Batch:
        content = comma_separated(rows, encoding)
        return await self.imports.preview(self.place.admin, UnitId(unit), "名单.csv", content)

    async def rows(self, batch: Batch, *kinds: RowKind) -> list[Verdict]:
        async with self.place.database.read() as uow:
            return await self.imports.verdicts(
                uow, self.place.admin, batch.id, kinds or tuple(RowKind), offset=0, limit=9999
            )

    async def commit(self, batch: Batch, *, remove_missing: bool = False) -> Batch:
        async with self.place.database.write() as uow:
            return await self.imports.commit(
                uow, self.place.admin, batch.id, remove_missing=remove_missing
            )

    async def undo(self, batch: Batch) -> Batch:
        async with self.place.database.write() as uow:
            return await self.imports.undo(uow, self.place.admin, batch.id, "导错了文件")

    async def blockers(self, batch: Batch) -> list[str]:
        async with self.place.database.read() as uow:
            return await self.imports.undo_blockers(uow, self.place.admin, batch.id)

    async def everybody(self) -> list[tuple[Any, ...]]:
        """All that an import could change, versions left out."""
        async with self.place.database.read() as uow:
            people = await self.place.directory.people_below(uow, "")
        return [(p.id, p.unit_id, p.name, p.pinyin, p.title, p.note, p.phones) for p in people]

    async def find(self, name: str) -> Person:
        async with self.place.database.read() as uow:
            (person,) = await self.place.directory.search(uow, name)
        return person


@pytest.fixture
def desk(place: Place, imports: Imports) -> Desk:
    return Desk(place, imports)


async def test_a_preview_says_row_by_row_what_would_happen(desk: Desk) -> None:
    before = await desk.everybody()
    batch = await desk.preview(MIXED)
    rows = {row.number: row for row in await desk.rows(batch) if row.number}
    assert {number: row.kind for number, row in rows.items()} == {
        2: RowKind.CHANGED,
        3: RowKind.UNCHANGED,
        4: RowKind.NEW,
        5: RowKind.FAULTY,
        6: RowKind.FAULTY,
        7: RowKind.NEW,
    }
    assert rows[2].changed_fields == ("title",)
    assert rows[4].after is not None
    assert rows[4].after.unit_id == "v2"
    assert [(f.cell, f.code) for f in rows[5].faults] == [("C5", "phone_length")]
    assert [(f.cell, f.code) for f in rows[6].faults] == [("E6", "unit_unknown")]
    assert rows[7].notes == ("138****8003 也是杏湾村解晓东的号码",)
    missing = await desk.rows(batch, RowKind.MISSING)
    assert [row.before.name for row in missing if row.before] == ["解晓东"]
    assert batch.counts == {
        RowKind.NEW: 2,
        RowKind.CHANGED: 1,
        RowKind.UNCHANGED: 1,
        RowKind.MISSING: 1,
        RowKind.FAULTY: 2,
    }
    assert await desk.everybody() == before, "a preview changes nobody"


async def test_a_commit_writes_what_was_shown_and_leaves_the_rest(desk: Desk) -> None:
    batch = await desk.commit(await desk.preview(MIXED, encoding="gb18030"))
    assert batch.state is BatchState.COMMITTED
    wang, newcomer = await desk.find("王小明"), await desk.find("周平")
    assert (wang.title, wang.version) == ("镇党委书记", 2)
    assert [phone.number for phone in wang.phones] == ["+8613800138001", "+8657188888888"]
    assert (newcomer.unit_path, newcomer.title, newcomer.note) == (
        "county/t1/v2/", "村主任", "新任",
    )  # fmt: skip
    assert newcomer.pinyin == "zhouping zp"
    assert (await desk.find("解晓东")).version == 1
    with pytest.raises(ValueError, match="not enough values"):
        await desk.find("吴梅")
    with pytest.raises(Conflict):
        await desk.commit(batch)


async def test_undo_leaves_no_trace_but_the_audit(desk: Desk) -> None:
    before = await desk.everybody()
    batch = await desk.commit(await desk.preview(MIXED), remove_missing=True)
    assert await desk.everybody() != before
    undone = await desk.undo(batch)
    assert undone.state is BatchState.UNDONE
    assert await desk.everybody() == before
    async with desk.place.database.read() as uow:
        reporters = await desk.place.directory.holders(uow, Post.REPORTER, "county/t1/v1/")
        assert [person.id for person in reporters] == ["xie"], "a post given up is held again"
        assert (await desk.place.audit.verify(uow)).fault is None
    with pytest.raises(Conflict):
        await desk.undo(undone)


async def test_undo_refuses_where_a_later_edit_would_be_lost(desk: Desk) -> None:
    batch = await desk.commit(await desk.preview(MIXED))
    newcomer = await desk.find("周平")
    async with desk.place.database.write() as uow:
        draft = PersonDraft("王小明", UnitId("t1"), title="镇长")
        await desk.place.register.update_person(uow, desk.place.admin, PersonId("wang"), 2, draft)
        await desk.place.register.appoint(
            uow, desk.place.admin, UnitId("v2"), Post.HEAD, [newcomer.id]
        )
    before = await desk.everybody()
    assert sorted(await desk.blockers(batch)) == [
        "周平: 导入之后已任职或加入群组",
        "王小明: 导入之后又被修改",
    ]
    with pytest.raises(Conflict) as refused:
        await desk.undo(batch)
    assert refused.value.wire_code == "import_edited"
    assert "王小明" in refused.value.message
    assert await desk.everybody() == before
    async with desk.place.database.read() as uow:
        again = await desk.imports.access(uow, desk.place.admin, batch.id)
    assert again.state is BatchState.COMMITTED


async def test_a_commit_refuses_when_the_directory_has_moved_on(desk: Desk) -> None:
    batch = await desk.preview(MIXED)
    async with desk.place.database.write() as uow:
        draft = PersonDraft("王小明", UnitId("t1"), note="出差")
        await desk.place.register.update_person(uow, desk.place.admin, PersonId("wang"), 1, draft)
    with pytest.raises(Conflict) as refused:
        await desk.commit(batch)
    assert refused.value.wire_code == "import_stale"
    async with desk.place.database.read() as uow:
        assert await desk.place.directory.search(uow, "周平") == []


async def test_a_commit_refuses_when_a_unit_is_gone(desk: Desk) -> None:
    async with desk.place.database.write() as uow:
        draft = UnitDraft("新村", UnitKind.VILLAGE, UnitId("t1"), id="v9")
        await desk.place.register.create_unit(uow, desk.place.admin, draft)
    batch = await desk.preview([["姓名", "单位"], ["周平", "新村"]])
    async with desk.place.database.write() as uow:
        await desk.place.register.remove_unit(uow, desk.place.admin, UnitId("v9"), 1)
    with pytest.raises(Conflict, match="its unit is gone"):
        await desk.commit(batch)


async def test_people_are_told_apart_by_id_number_name_and_unit(desk: Desk) -> None:
    twin = await desk.place.add_person("解晓东", "v1", "13800138020")
    rows = [
        ["编号", "姓名", "手机", "乡镇", "村"],
        [str(twin), "解小东", "13800138020", "烽台镇", "杏湾村"],
        ["", "王小明", "13800138001", "雁回镇", "竹溪村"],
        ["", "解晓东", "", "烽台镇", "杏湾村"],
        ["nobody", "孙涛", "13800138021", "", ""],
        ["", "钱海", "13800138022", "", "杏湾村"],
    ]
    found = {row.number: row for row in await desk.rows(await desk.preview(rows, "county"))}
    assert (found[2].person_id, found[2].changed_fields) == (twin, ("name",))
    assert (found[3].person_id, found[3].changed_fields) == ("wang", ("unit_id",))
    assert [fault.code for fault in found[4].faults] == ["person_ambiguous"]
    assert [fault.code for fault in found[5].faults] == ["person_unknown"]
    assert [(fault.cell, fault.code) for fault in found[6].faults] == [("E6", "unit_ambiguous")]


async def test_columns_chosen_by_hand_need_no_header(desk: Desk) -> None:
    content = comma_separated([["13800138031", "周平"], ["13800138032", "吴梅"]])
    with pytest.raises(InvalidInput) as refused:
        await desk.imports.preview(desk.place.admin, UnitId("t1"), "a.csv", content)
    assert refused.value.wire_code == "import_no_header"
    columns = {0: Field.MOBILE, 1: Field.NAME}
    batch = await desk.imports.preview(desk.place.admin, UnitId("t1"), "a.csv", content, columns)
    assert batch.counts[RowKind.NEW] == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "import_empty"),
        (b"\n\n", "import_empty"),
        (b"PK\x03\x04" + b"\0" * 100, "import_unreadable"),
        (zip_bomb(260 << 20), "import_zip_bomb"),
        (comma_separated([HEADER, *[["", f"a{n}", "", "", "", "", ""] for n in range(41)]]),
         "import_too_many_rows"),
        (b"a" * ((1 << 20) + 1), "import_too_large"),
    ],
    ids=["empty", "blank", "zip", "bomb", "rows", "large"],
)  # fmt: skip
async def test_a_bad_file_is_refused_and_leaves_nothing(
    place: Place, content: bytes, code: str
) -> None:
    settings = DirectorySettings(import_max_mib=1, import_max_rows=40)
    imports = Imports(place.database, place.audit, place.register, settings)
    with pytest.raises(InvalidInput) as refused:
        await imports.preview(place.admin, UnitId("t1"), "a.xlsx", content)
    assert (refused.value.field, refused.value.wire_code) == ("file", code)
    async with place.database.read() as uow:
        assert await imports.listed(uow, place.admin) == []


async def test_a_file_that_takes_too_long_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child that reads it does not stay behind either."""
    limits = desk.imports._limits
    object.__setattr__(limits, "timeout_s", 0.01)
    children: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def noted(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        children.append(await start(*arguments, **options))
        return children[-1]

    monkeypatch.setattr(reader.asyncio, "create_subprocess_exec", noted)
    with pytest.raises(InvalidInput) as refused:
        await desk.preview(MIXED)
    assert refused.value.wire_code == "import_too_slow"
    assert children[0].returncode is not None


async def test_only_who_may_write_there_imports(desk: Desk) -> None:
    place = desk.place
    elsewhere = principal(Role.ADMIN, "county/t2/", "u9")
    content = comma_separated(MIXED)
    with pytest.raises(NotAllowed):
        await desk.imports.preview(place.official, UnitId("t1"), "a.csv", content)
    with pytest.raises(NotFound):
        await desk.imports.preview(elsewhere, UnitId("t1"), "a.csv", content)
    batch = await desk.preview(MIXED)
    async with place.database.write() as uow:
        assert await desk.imports.listed(uow, elsewhere) == []
        for call in (
            desk.imports.access(uow, elsewhere, batch.id),
            desk.imports.commit(uow, elsewhere, batch.id),
            desk.imports.discard(uow, elsewhere, batch.id),
            desk.imports.access(uow, place.admin, ImportId("none")),
        ):
            with pytest.raises(NotFound):
                await call
    with pytest.raises(NotFound):
        await desk.imports.annotated(elsewhere, batch.id)


async def test_a_township_cannot_import_into_another(desk: Desk) -> None:
    """A unit outside the import's subtree is unknown, and so are its people."""
    rows = [["姓名", "手机", "单位"], ["赵兰", "13800138004", "雁回镇"]]
    batch = await desk.preview(rows, "t1")
    (row,) = [row for row in await desk.rows(batch) if row.number]
    assert [fault.code for fault in row.faults] == ["unit_unknown"]


async def test_a_discarded_preview_is_over(desk: Desk) -> None:
    batch = await desk.preview(MIXED)
    async with desk.place.database.write() as uow:
        gone = await desk.imports.discard(uow, desk.place.admin, batch.id)
    assert gone.state is BatchState.DISCARDED
    with pytest.raises(Conflict):
        await desk.commit(batch)


async def test_the_annotated_table_marks_bad_cells_and_runs_no_formula(desk: Desk) -> None:
    rows = [
        ["姓名", "手机", "单位", "备注"],
        ["周平", "1380013801", "烽台镇", '=HYPERLINK("http://x","y")'],
        ["吴梅", "13800138041", "无此村", "@SUM(1)"],
    ]
    batch = await desk.preview(rows)
    name, content = await desk.imports.annotated(desk.place.admin, batch.id)
    assert name == "名单-问题行.xlsx"
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    table = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert table[0] == ["行号", "姓名", "手机", "单位", "备注", "问题"]
    assert table[1][-1] == "C2 号码位数不对(手机号应为 11 位)", "the cell of this table"
    assert sheet["C2"].fill.fgColor.rgb == "FFFFC7CE"
    assert sheet["B2"].fill.fgColor.rgb != "FFFFC7CE"
    assert sheet["D3"].fill.fgColor.rgb == "FFFFC7CE"
    for cell in (sheet["E2"], sheet["E3"]):
        assert cell.data_type == "s"
        assert cell.quotePrefix


async def test_no_more_than_three_files_wait(desk: Desk) -> None:
    content = xlsx([HEADER, [1, "周平", "13800138050", "", "", "", ""]])
    calls = [
        desk.imports.preview(desk.place.admin, UnitId("t1"), "a.xlsx", content) for _ in range(5)
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, TooMany) for one in results) == 2
    assert sum(isinstance(one, Batch) for one in results) == 3


async def test_an_export_is_masked_and_a_full_one_comes_back_unchanged(desk: Desk) -> None:
    """What leaves with a reason, is edited and imported again means the same people."""
    place = desk.place
    await place.add_person("=cmd|calc", "v2", "13800138060", "0571-88888888转801", "119")
    exports = Exports(place.database, place.audit, place.register)
    _, content = await exports.people(place.admin, UnitId("county"))
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    text = " ".join(str(cell.value) for cell in cells)
    assert "138****8001" in text
    assert "13800138001" not in text
    assert not any(cell.data_type == "f" for cell in cells)
    with pytest.raises(InvalidInput):
        await exports.people(place.admin, UnitId("county"), is_full=True)
    with pytest.raises(NotAllowed):
        await exports.people(place.official, UnitId("t1"), is_full=True, reason="x")
    name, content = await exports.people(
        place.admin, UnitId("county"), is_full=True, reason="年度核对"
    )
    assert name == "青澜县人员.xlsx"
    batch = await desk.imports.preview(place.admin, UnitId("county"), name, content)
    assert batch.counts[RowKind.UNCHANGED] == 7, await desk.rows(batch)
