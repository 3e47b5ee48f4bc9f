"""Which row of a sheet is the header, and what its columns mean (pure)."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from directory.importing.model import Field

_LOOKED_AT = 15
_NAMES: dict[Field, tuple[str, ...]] = {
    Field.ID: ("编号", "人员编号", "人员id", "id"),
    Field.NAME: ("姓名", "名字", "人员姓名", "联系人", "负责人", "责任人", "name"),
    Field.MOBILE: (
        "手机", "手机号", "手机号码", "移动电话", "联系手机", "手机1", "手机2", "mobile", "cell",
    ),
    Field.PHONE: (
        "电话", "电话号码", "联系电话", "联系方式", "办公电话", "固定电话", "座机", "固话", "短号",
        "值班电话", "单位电话", "家庭电话", "phone", "tel", "telephone",
    ),
    Field.UNIT: (
        "单位", "单位名称", "所属单位", "工作单位", "所在单位", "部门", "所属部门", "机构", "unit",
        "department", "组织",
    ),
    Field.TOWNSHIP: ("乡镇", "镇街", "乡镇街道", "镇", "街道", "所属乡镇", "township"),
    Field.VILLAGE: ("村", "村社区", "社区", "行政村", "村名", "所属村", "village"),
    Field.TITLE: ("职务", "职位", "岗位", "行政职务", "职务职级", "title", "position"),
    Field.NOTE: ("备注", "说明", "附注", "note", "remark", "remarks"),
}  # fmt: skip
_MEANING = {name: field for field, names in _NAMES.items() for name in names}
_MANY = {Field.MOBILE, Field.PHONE}
_NOISE = re.compile(r"[\s*:_/\\、,.·\-]+|[(\[【].*?[)\]】]")


def meaning(title: str) -> Field | None:
    """What a column titled so holds; brackets, spaces, stars and case do not matter."""
    plain = _NOISE.sub("", unicodedata.normalize("NFKC", title).lower())
    return _MEANING.get(plain)


def columns_of(titles: Sequence[str]) -> tuple[tuple[int, Field], ...]:
    """Columns understood, in their order; of equal ones only phones count more than once."""
    found: list[tuple[int, Field]] = []
    for index, title in enumerate(titles):
        field = meaning(title)
        if field is not None and (field in _MANY or all(field != other for _, other in found)):
            found.append((index, field))
    return tuple(found)


def find_header(rows: Sequence[Sequence[str]]) -> tuple[int, tuple[tuple[int, Field], ...]] | None:
    """Number (1..) and columns of the header: the row near the top that says most.

    None where no row has a name and one thing more.
    """
    best: tuple[int, tuple[tuple[int, Field], ...]] | None = None
    for number, row in enumerate(rows[:_LOOKED_AT], start=1):
        columns = columns_of(row)
        fields = {field for _, field in columns}
        if Field.NAME in fields and len(fields) > 1 and (not best or len(columns) > len(best[1])):
            best = (number, columns)
    return best


def chosen(mapping: Mapping[int, Field]) -> tuple[tuple[int, Field], ...]:
    """The columns a person has chosen by hand."""
    return tuple(sorted(mapping.items()))
