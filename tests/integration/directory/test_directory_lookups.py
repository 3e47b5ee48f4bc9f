"""What other packages ask of the directory."""

import pytest

from core.errors import NotFound
from core.ids import GroupId, PersonId, UnitId
from directory.model import GroupDraft, GroupRule, PhoneKind, Post, UnitKind
from support.small_county import Place


async def test_people_come_in_the_order_asked_with_their_phones(place: Place) -> None:
    async with place.database.read() as uow:
        ids = [PersonId(one) for one in ("zhao", "nobody", "wang", "zhao")]
        found = await place.directory.people(uow, ids)
    assert [person.id for person in found] == ["zhao", "wang"]
    wang = found[1]
    assert [(phone.number, phone.kind) for phone in wang.phones] == [
        ("+8613800138001", PhoneKind.MOBILE),
        ("+8657188888888", PhoneKind.LANDLINE),
    ]
    assert wang.phones[0].is_primary
    assert wang.mobile is not None
    assert wang.mobile.masked == "138****8001"
    assert (wang.unit_path, wang.unit_name) == ("county/t1/", "烽台镇")


async def test_holders_are_ranked_principal_first(place: Place) -> None:
    async with place.database.read() as uow:
        heads = await place.directory.holders(uow, Post.HEAD, "county/office/")
        nobody = await place.directory.holders(uow, Post.DUTY, "county/office/")
    assert [person.name for person in heads] == ["钱海", "孙涛"]
    assert nobody == []


async def test_holders_below_a_unit_can_be_narrowed_to_a_kind(place: Place) -> None:
    async with place.database.read() as uow:
        everywhere = await place.directory.holders(uow, Post.REPORTER, "county/", below=True)
        there = await place.directory.holders(
            uow, Post.HEAD, "county/", below=True, kinds=[UnitKind.TOWNSHIP]
        )
    assert [person.id for person in everywhere] == ["xie", "zhao"]
    assert [person.id for person in there] == ["wang", "li"]


async def test_the_subtree_lists_parents_before_children(place: Place) -> None:
    async with place.database.read() as uow:
        below = await place.directory.subtree(uow, "county/t1/")
        villages = await place.directory.subtree(uow, "", [UnitKind.VILLAGE])
    assert [unit.id for unit in below] == ["t1", "v1", "v2"]
    assert [unit.id for unit in villages] == ["v1", "v2", "v3", "v4"]


async def test_a_unit_is_called_by_id_or_code(place: Place) -> None:
    async with place.database.read() as uow:
        assert (await place.directory.unit_called(uow, "emergency")).id == "office"
        assert (await place.directory.unit_called(uow, "t1")).name == "烽台镇"
        assert (await place.directory.unit_at(uow, "county/t1/v2/")).name == "柳坝村"
        for missing in ("", "nothing"):
            with pytest.raises(NotFound):
                await place.directory.unit_called(uow, missing)
        with pytest.raises(NotFound):
            await place.directory.unit(uow, UnitId("nothing"))
        with pytest.raises(NotFound):
            await place.directory.person(uow, PersonId("nobody"))


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("王小明", ["wang"]),
        ("小明", ["wang"]),
        ("wxm", ["wang"]),
        ("wangxiao", ["wang"]),
        ("WangXiao", ["wang"]),
        ("xiexd", []),
        ("xxd", ["xie"]),
        ("jiexiaodong", ["xie"]),
        ("镇长", ["wang"]),
        ("8004", ["zhao"]),
        ("+8613800138005", ["qian"]),
        ("烽台镇 王", ["wang"]),
        ("杏湾村 主任", ["xie", "zhao"]),
        ("%", []),
        ("_", []),
        ("", ["qian", "sun", "li", "wang", "xie", "zhao"]),
    ],
)
async def test_search_finds_by_name_pinyin_title_unit_and_number(
    place: Place, q: str, found: list[str]
) -> None:
    async with place.database.read() as uow:
        assert [person.id for person in await place.directory.search(uow, q)] == found


async def test_a_shared_number_names_everybody_who_has_it(place: Place) -> None:
    await place.add_person("王大明", "v2", "138 0013 8001")
    async with place.database.read() as uow:
        sharing = await place.directory.people_with_number(uow, "+8613800138001")
    assert {person.name for person in sharing} == {"王小明", "王大明"}


async def test_a_group_is_its_members_and_whoever_meets_its_rules_now(place: Place) -> None:
    """A reporter appointed after the group was made belongs to it; nobody is in it twice."""
    rules = (
        GroupRule("county/", Post.REPORTER, UnitKind.VILLAGE),
        GroupRule("county/office/"),
    )
    members = (PersonId("sun"), PersonId("xie"))
    async with place.database.write() as uow:
        draft = GroupDraft("汛期通知", UnitId("county"), id="g1", member_ids=members, rules=rules)
        await place.groups.create(uow, place.admin, draft)
    newcomer = await place.add_person("周平", "v4", "13800138009")
    async with place.database.write() as uow:
        await place.register.appoint(uow, place.admin, UnitId("v4"), Post.REPORTER, [newcomer])
    async with place.database.read() as uow:
        meant = await place.directory.resolve_group(uow, GroupId("g1"))
        with pytest.raises(NotFound):
            await place.directory.resolve_group(uow, GroupId("g2"))
    assert [person.name for person in meant] == ["孙涛", "解晓东", "赵兰", "周平", "钱海"]
