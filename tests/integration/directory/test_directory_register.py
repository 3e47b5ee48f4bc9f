"""What signed-in people may see and change of the directory."""

import pytest
from sqlalchemy import select

from core.audit import AuditRow
from core.auth.model import Grant, Principal, Role
from core.errors import AppError, Conflict, InvalidInput, NotAllowed, NotFound
from core.ids import GroupId, PersonId, UnitId, UserId
from directory.model import (
    GroupDraft,
    GroupRule,
    PersonDraft,
    Post,
    Unit,
    UnitDraft,
    UnitKind,
)
from support.small_county import Place


def _draft(unit: Unit, **changes: object) -> UnitDraft:
    values = {"name": unit.name, "kind": unit.kind, "parent_id": unit.parent_id, "code": unit.code}
    return UnitDraft(**{**values, **changes})  # type: ignore[arg-type]


async def _paths(place: Place) -> dict[str, str]:
    async with place.database.read() as uow:
        return {unit.id: unit.path for unit in await place.directory.subtree(uow, "")}


async def _audited(place: Place, action: str) -> list[AuditRow]:
    async with place.database.read() as uow:
        rows = await uow.session.scalars(
            select(AuditRow).where(AuditRow.action == action).order_by(AuditRow.seq)
        )
        return list(rows)


# Scope.


async def test_an_official_sees_nothing_but_the_own_subtree(place: Place) -> None:
    async with place.database.read() as uow:
        seen = await place.register.units(uow, place.official)
        page = await place.register.search(uow, place.official, "")
        outside = await place.register.search(uow, place.official, "", unit_path="county/t2/")
        narrowed = await place.register.search(uow, place.official, "", unit_path="county/")
        assert [unit.id for unit in seen] == ["t1", "v1", "v2"]
        assert [person.id for person in page.people] == ["li", "wang", "xie"]
        assert (outside.people, outside.total) == ((), 0)
        assert narrowed == page
        for unit_id in ("county", "t2", "v3", "nothing"):
            with pytest.raises(NotFound):
                await place.register.access_unit(uow, place.official, UnitId(unit_id))
        for person_id in ("zhao", "qian", "nobody"):
            with pytest.raises(NotFound):
                await place.register.access_person(uow, place.official, PersonId(person_id))


async def test_a_path_that_only_begins_alike_is_not_in_reach(place: Place) -> None:
    """The grant on county/t1/ does not reach county/t10/."""
    async with place.database.write() as uow:
        draft = UnitDraft("星渡镇", UnitKind.TOWNSHIP, UnitId("county"), id="t10")
        await place.register.create_unit(uow, place.admin, draft)
    async with place.database.read() as uow:
        with pytest.raises(NotFound):
            await place.register.access_unit(uow, place.official, UnitId("t10"))


async def test_who_reads_only_may_not_write(place: Place) -> None:
    async with place.database.write() as uow:
        draft = PersonDraft("周平", UnitId("t1"))
        with pytest.raises(NotAllowed):
            await place.register.create_person(uow, place.official, draft)
        with pytest.raises(NotAllowed):
            await place.register.reveal(uow, place.official, PersonId("wang"), "call")
        with pytest.raises(NotAllowed):
            await place.register.remove_person(uow, place.official, PersonId("wang"), 1)


async def test_who_has_no_reading_role_sees_nothing(place: Place) -> None:
    auditor = Principal(UserId("a"), "a", None, (Grant(Role.AUDITOR, ""),))
    async with place.database.read() as uow:
        with pytest.raises(NotAllowed):
            await place.register.units(uow, auditor)
        with pytest.raises(NotAllowed):
            await place.register.access_person(uow, auditor, PersonId("wang"))


async def test_a_township_admin_cannot_move_a_village_to_another_township(place: Place) -> None:
    admin = Principal(UserId("b"), "b", None, (Grant(Role.ADMIN, "county/t1/"),))
    async with place.database.write() as uow:
        village = await place.register.access_unit(uow, admin, UnitId("v1"))
        draft = _draft(village, parent_id=UnitId("t2"))
        with pytest.raises(NotFound) as refused:
            await place.register.update_unit(uow, admin, village.id, 1, draft)
    assert refused.value.field == "parent_id"


# Units.


async def test_moving_a_unit_moves_all_below_it_and_the_groups_that_name_it(place: Place) -> None:
    async with place.database.write() as uow:
        rules = (GroupRule("county/t2/v3/", Post.REPORTER), GroupRule("county/t2/"))
        group = GroupDraft("村级", UnitId("county"), id="g1", rules=rules)
        await place.groups.create(uow, place.admin, group)
        village = await place.directory.unit(uow, UnitId("v3"))
        draft = _draft(village, parent_id=UnitId("t1"), name="新杏湾村")
        moved = await place.register.update_unit(uow, place.admin, village.id, 1, draft)
    assert (moved.path, moved.version) == ("county/t1/v3/", 2)
    async with place.database.read() as uow:
        (person,) = await place.directory.people(uow, [PersonId("zhao")])
        (kept,) = await place.directory.groups(uow)
    assert person.unit_path == "county/t1/v3/"
    assert [rule.unit_path for rule in kept.rules] == ["county/t1/v3/", "county/t2/"]


async def test_a_subtree_keeps_its_shape_when_moved(place: Place) -> None:
    async with place.database.write() as uow:
        for id_, parent in (("lab", "office"), ("lab1", "lab")):
            draft = UnitDraft(id_, UnitKind.DEPARTMENT, UnitId(parent), id=id_)
            await place.register.create_unit(uow, place.admin, draft)
        office = await place.directory.unit(uow, UnitId("office"))
        draft = _draft(office, parent_id=UnitId("t2"))
        await place.register.update_unit(uow, place.admin, office.id, 1, draft)
    paths = await _paths(place)
    assert paths["office"] == "county/t2/office/"
    assert paths["lab1"] == "county/t2/office/lab/lab1/"
    assert paths["t1"] == "county/t1/"


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"parent_id": UnitId("office"), "name": "x"}, Conflict, "parent_id"),
        ({"name": "  "}, InvalidInput, "name"),
        ({"name": "名" * 61}, InvalidInput, "name"),
        ({"name": "a\x07b"}, InvalidInput, "name"),
        ({"kind": UnitKind.STATION}, InvalidInput, "kind"),
        ({"parent_id": UnitId("v1")}, InvalidInput, "parent_id"),
        ({"parent_id": UnitId("gone")}, NotFound, "parent_id"),
        ({"code": "a b"}, InvalidInput, "code"),
        ({"longitude": 200.0, "latitude": 1.0}, InvalidInput, "longitude"),
        ({"longitude": 100.0}, InvalidInput, "latitude"),
        ({"name": "烽台镇"}, Conflict, "name"),
    ],
)
async def test_a_wrong_unit_is_refused_by_field(
    place: Place, changes: dict[str, object], error: type[AppError], field: str
) -> None:
    before = await _paths(place)
    async with place.database.write() as uow:
        office = await place.directory.unit(uow, UnitId("office"))
        draft = _draft(office, **changes)
        with pytest.raises(error) as refused:
            await place.register.update_unit(uow, place.admin, office.id, 1, draft)
    assert refused.value.field == field
    assert await _paths(place) == before


async def test_there_is_one_county_and_an_id_is_used_once(place: Place) -> None:
    async with place.database.write() as uow:
        draft = UnitDraft("乙县", UnitKind.COUNTY, None)
        with pytest.raises(Conflict):
            await place.register.create_unit(uow, place.admin, draft)
        draft = UnitDraft("丙镇", UnitKind.TOWNSHIP, UnitId("county"), id="t1")
        with pytest.raises(Conflict) as refused:
            await place.register.create_unit(uow, place.admin, draft)
        assert refused.value.field == "id"
        draft = UnitDraft("丙镇", UnitKind.TOWNSHIP, UnitId("county"), id="a/b")
        with pytest.raises(InvalidInput):
            await place.register.create_unit(uow, place.admin, draft)


async def test_only_an_empty_unit_is_removed_and_its_path_ends(place: Place) -> None:
    async with place.database.write() as uow:
        with pytest.raises(Conflict) as refused:
            await place.register.remove_unit(uow, place.admin, UnitId("t2"), 1)
        assert refused.value.wire_code == "not_empty"
        await place.register.remove_unit(uow, place.admin, UnitId("v4"), 1)
    assert "v4" not in await _paths(place)
    async with place.database.write() as uow:
        with pytest.raises(NotFound):
            await place.register.remove_unit(uow, place.admin, UnitId("v4"), 2)
        draft = UnitDraft("竹溪村", UnitKind.VILLAGE, UnitId("t2"))
        await place.register.create_unit(uow, place.admin, draft)


async def test_the_second_of_two_edits_from_one_version_is_refused(place: Place) -> None:
    async with place.database.write() as uow:
        unit = await place.directory.unit(uow, UnitId("v1"))
        await place.register.update_unit(uow, place.admin, unit.id, 1, _draft(unit, name="甲村"))
    async with place.database.write() as uow:
        draft = _draft(unit, name="乙村")
        with pytest.raises(Conflict) as refused:
            await place.register.update_unit(uow, place.admin, unit.id, 1, draft)
    assert refused.value.wire_code == "stale"
    async with place.database.read() as uow:
        assert (await place.directory.unit(uow, UnitId("v1"))).name == "甲村"


# People.


async def test_a_person_is_changed_and_moved_without_touching_the_numbers(place: Place) -> None:
    async with place.database.write() as uow:
        draft = PersonDraft("王晓明", UnitId("t2"), title="副镇长")
        changed = await place.register.update_person(uow, place.admin, PersonId("wang"), 1, draft)
    assert (changed.version, changed.unit_path) == (2, "county/t2/")
    async with place.database.read() as uow:
        person = await place.directory.person(uow, PersonId("wang"))
    assert (person.name, person.title, person.pinyin) == ("王晓明", "副镇长", "wangxiaoming wxm")
    assert len(person.phones) == 2


async def test_numbers_are_replaced_as_a_whole_and_each_kept_once(place: Place) -> None:
    async with place.database.write() as uow:
        phones = ("119", "13900139000", "+86 139 0013 9000")
        draft = PersonDraft("王小明", UnitId("t1"), phones=phones)
        await place.register.update_person(uow, place.admin, PersonId("wang"), 1, draft)
    async with place.database.read() as uow:
        person = await place.directory.person(uow, PersonId("wang"))
    assert [phone.number for phone in person.phones] == ["119", "+8613900139000"]
    assert person.mobile is not None
    assert person.mobile.number == "+8613900139000"


async def test_a_wrong_number_is_named_by_its_place(place: Place) -> None:
    async with place.database.write() as uow:
        draft = PersonDraft("周平", UnitId("t1"), phones=("13800138000", "1380013"))
        with pytest.raises(InvalidInput) as refused:
            await place.register.create_person(uow, place.admin, draft)
    assert (refused.value.field, refused.value.wire_code) == ("phones.1", "phone_length")


async def test_who_leaves_holds_no_post_and_the_deputy_moves_up(place: Place) -> None:
    async with place.database.write() as uow:
        await place.register.remove_person(uow, place.admin, PersonId("qian"), 1)
    async with place.database.read() as uow:
        heads = await place.directory.holders(uow, Post.HEAD, "county/office/")
        (held,) = await place.directory.appointments_of(uow, [PersonId("sun")])
        with pytest.raises(NotFound):
            await place.directory.person(uow, PersonId("qian"))
    assert [person.id for person in heads] == ["sun"]
    assert held.rank == 0


async def test_an_appointment_names_people_in_reach_once(place: Place) -> None:
    async with place.database.write() as uow:
        for ids, code in ((["sun", "sun"], "twice"), (["nobody"], "unknown")):
            people = [PersonId(one) for one in ids]
            with pytest.raises(InvalidInput) as refused:
                await place.register.appoint(uow, place.admin, UnitId("office"), Post.HEAD, people)
            assert refused.value.wire_code == code
        with pytest.raises(InvalidInput):
            await place.register.appoint(uow, place.admin, UnitId("office"), "Kopf!", [])
        await place.register.appoint(
            uow, place.admin, UnitId("office"), Post.HEAD, [PersonId("sun"), PersonId("qian")]
        )
    async with place.database.read() as uow:
        heads = await place.directory.holders(uow, Post.HEAD, "county/office/")
    assert [person.id for person in heads] == ["sun", "qian"]


async def test_groups_are_changed_by_version_and_removed(place: Place) -> None:
    async with place.database.write() as uow:
        draft = GroupDraft("组", UnitId("t1"), id="g1", member_ids=(PersonId("wang"),))
        await place.groups.create(uow, place.admin, draft)
        changed = GroupDraft("组", UnitId("t1"), member_ids=(PersonId("li"), PersonId("wang")))
        await place.groups.update(uow, place.admin, GroupId("g1"), 1, changed)
        with pytest.raises(Conflict):
            await place.groups.update(uow, place.admin, GroupId("g1"), 1, changed)
        outside = GroupDraft("组", UnitId("t1"), rules=(GroupRule("elsewhere/"),))
        admin = Principal(UserId("b"), "b", None, (Grant(Role.ADMIN, "county/t1/"),))
        with pytest.raises(NotFound) as refused:
            await place.groups.create(uow, admin, outside)
        assert refused.value.field == "rules.0.unit_path"
    async with place.database.read() as uow:
        (group,) = await place.groups.listed(uow, place.official)
    assert group.member_ids == ("li", "wang")
    async with place.database.write() as uow:
        await place.groups.remove(uow, place.admin, GroupId("g1"), group.version)
    async with place.database.read() as uow:
        with pytest.raises(NotFound):
            await place.groups.access(uow, place.admin, GroupId("g1"))


# Audit.


async def test_every_write_is_audited_and_no_full_number_is_in_it(place: Place) -> None:
    async with place.database.write() as uow:
        draft = PersonDraft("王小明", UnitId("t1"), phones=("13900139000",))
        await place.register.update_person(uow, place.admin, PersonId("wang"), 1, draft)
        await place.register.remove_person(uow, place.admin, PersonId("li"), 1)
    (updated,) = await _audited(place, "directory.person.update")
    assert updated.detail["before"]["phones"] == ["138****8001", "571******88"]
    assert updated.detail["after"]["phones"] == ["139****9000"]
    assert len(await _audited(place, "directory.unit.create")) == 8
    assert len(await _audited(place, "directory.person.create")) == 6
    assert len(await _audited(place, "directory.person.remove")) == 1
    async with place.database.read() as uow:
        rows = list(await uow.session.scalars(select(AuditRow)))
        assert not any("13800138" in str(row.detail) for row in rows)
        assert (await place.audit.verify(uow)).fault is None


async def test_showing_numbers_needs_a_reason_and_is_audited(place: Place) -> None:
    async with place.database.write() as uow:
        with pytest.raises(InvalidInput):
            await place.register.reveal(uow, place.admin, PersonId("wang"), " ")
        person = await place.register.reveal(uow, place.admin, PersonId("wang"), "核实值班电话")
    assert person.phones[0].number == "+8613800138001"
    (entry,) = await _audited(place, "directory.person.reveal")
    assert (entry.target, entry.reason) == ("person:wang", "核实值班电话")
