"""Units, people and posts over REST; numbers are masked unless revealed with a reason."""

from typing import Self

from pydantic import Field

from core.auth.model import Permission
from core.ids import PersonId, UnitId
from directory.model import (
    POST_NAMES,
    Appointment,
    Person,
    PersonDraft,
    PhoneKind,
    Unit,
    UnitDraft,
    UnitKind,
)
from directory.service import Register
from signaling.api import ApiModel
from signaling.http import AnyRequest, Request, Route

READ, WRITE = Permission.DIRECTORY_READ, Permission.DIRECTORY_WRITE
_ID = r"^[A-Za-z0-9_-]{1,26}$"


def _register(request: AnyRequest) -> Register:
    register: Register = request.app.part("register")
    return register


class UnitOut(ApiModel):
    """A unit; coordinates in degrees (CGCS2000)."""

    id: str
    parent_id: str | None
    path: str
    kind: UnitKind
    name: str
    code: str
    longitude: float | None
    latitude: float | None
    note: str
    position: int
    version: int

    @classmethod
    def of(cls, unit: Unit) -> Self:
        return cls(
            id=unit.id,
            parent_id=unit.parent_id,
            path=unit.path,
            kind=unit.kind,
            name=unit.name,
            code=unit.code,
            longitude=unit.longitude,
            latitude=unit.latitude,
            note=unit.note,
            position=unit.position,
            version=unit.version,
        )


class UnitList(ApiModel):
    """Parents before children, siblings in their order."""

    items: list[UnitOut]


class UnitIn(ApiModel):
    """A unit to be made; without `id` it gets one."""

    id: str = Field("", pattern=r"^([A-Za-z0-9_-]{1,26})?$")
    name: str
    kind: UnitKind
    parent_id: str | None = None
    code: str = ""
    longitude: float | None = None
    latitude: float | None = None
    note: str = ""
    position: int = Field(0, ge=0, le=100_000)

    def draft(self) -> UnitDraft:
        return UnitDraft(
            name=self.name,
            kind=self.kind,
            parent_id=UnitId(self.parent_id) if self.parent_id else None,
            id=self.id,
            code=self.code,
            longitude=self.longitude,
            latitude=self.latitude,
            note=self.note,
            position=self.position,
        )


class UnitChange(UnitIn):
    """The whole unit as it shall be; `version`: the one that was read."""

    version: int = Field(ge=1)


class VersionQuery(ApiModel):
    """`version`: the one that was read."""

    version: int = Field(ge=1)


class PhoneOut(ApiModel):
    """`number`: masked (138****5678), or as dialled where it was revealed."""

    number: str
    kind: PhoneKind
    extension: str
    is_primary: bool
    is_demo: bool


class PersonOut(ApiModel):
    """A person; `posts`: keys of posts held in units the reader may see."""

    id: str
    unit_id: str
    unit_path: str
    unit_name: str
    name: str
    title: str
    note: str
    phones: list[PhoneOut]
    posts: list[str]
    version: int

    @classmethod
    def of(
        cls, person: Person, held: list[Appointment] | None = None, *, is_revealed: bool = False
    ) -> Self:
        phones = [
            PhoneOut(
                number=phone.number if is_revealed else phone.masked,
                kind=phone.kind,
                extension=phone.extension,
                is_primary=phone.is_primary,
                is_demo=phone.is_demo,
            )
            for phone in person.phones
        ]
        return cls(
            id=person.id,
            unit_id=person.unit_id,
            unit_path=person.unit_path,
            unit_name=person.unit_name,
            name=person.name,
            title=person.title,
            note=person.note,
            phones=phones,
            posts=[one.post for one in held or [] if one.person_id == person.id],
            version=person.version,
        )


class PersonQuery(ApiModel):
    """`q`: words of name, pinyin, initials, title, unit or number; all must fit."""

    q: str = Field("", max_length=60)
    unit_id: str | None = Field(None, pattern=_ID)
    offset: int = Field(0, ge=0)
    limit: int = Field(50, ge=1, le=200)


class PersonList(ApiModel):
    """A page of people; `total` counts all that fit."""

    items: list[PersonOut]
    total: int


class PersonIn(ApiModel):
    """A person to be made; `phones` as people write them, the first is primary."""

    id: str = Field("", pattern=r"^([A-Za-z0-9_-]{1,26})?$")
    name: str
    unit_id: str = Field(pattern=_ID)
    title: str = ""
    note: str = ""
    phones: list[str] | None = Field(None, max_length=20)

    def draft(self) -> PersonDraft:
        return PersonDraft(
            name=self.name,
            unit_id=UnitId(self.unit_id),
            id=self.id,
            title=self.title,
            note=self.note,
            phones=tuple(self.phones) if self.phones is not None else None,
        )


class PersonChange(PersonIn):
    """The whole person as it shall be; without `phones` the numbers stay."""

    version: int = Field(ge=1)


class Reason(ApiModel):
    """Why; it is kept in the audit log."""

    reason: str = Field(min_length=1, max_length=200)


class AppointmentOut(ApiModel):
    """Who holds a post: rank 0 the principal, 1.. the deputies."""

    unit_id: str
    post: str
    post_name: str
    person: PersonOut
    rank: int


class AppointmentList(ApiModel):
    """By post and rank."""

    items: list[AppointmentOut]


class Holders(ApiModel):
    """The holders of a post, the principal first. `seen_ids`: those that were read, as read."""

    person_ids: list[str] = Field(max_length=50)
    seen_ids: list[str] = Field(max_length=50)


class PostOut(ApiModel):
    """A standard post."""

    key: str
    name: str


class PostList(ApiModel):
    """The standard posts; others are admitted."""

    items: list[PostOut]


async def list_units(request: Request[None, None]) -> UnitList:
    """Every unit the user may see."""
    async with request.read() as uow:
        found = await _register(request).units(uow, request.principal)
    return UnitList(items=[UnitOut.of(unit) for unit in found])


async def create_unit(request: Request[None, UnitIn]) -> UnitOut:
    """Add a unit."""
    async with request.write() as uow:
        register = _register(request)
        return UnitOut.of(await register.create_unit(uow, request.principal, request.body.draft()))


async def change_unit(request: Request[None, UnitChange]) -> UnitOut:
    """Change a unit; another parent moves it with everything below."""
    body = request.body
    async with request.write() as uow:
        unit = await _register(request).update_unit(
            uow, request.principal, UnitId(request.path["unit_id"]), body.version, body.draft()
        )
    return UnitOut.of(unit)


async def remove_unit(request: Request[VersionQuery, None]) -> None:
    """Remove an empty unit."""
    async with request.write() as uow:
        await _register(request).remove_unit(
            uow, request.principal, UnitId(request.path["unit_id"]), request.query.version
        )


async def list_appointments(request: Request[None, None]) -> AppointmentList:
    """Who holds which post in a unit."""
    async with request.read() as uow:
        unit_id = UnitId(request.path["unit_id"])
        held = await _register(request).appointments(uow, request.principal, unit_id)
        people = await request.app.directory.people(uow, [one.person_id for one in held])
    return _appointments(held, people)


def _appointments(held: list[Appointment], people: list[Person]) -> AppointmentList:
    by_id = {person.id: person for person in people}
    return AppointmentList(
        items=[
            AppointmentOut(
                unit_id=one.unit_id,
                post=one.post,
                post_name=POST_NAMES.get(one.post, one.post),
                person=PersonOut.of(by_id[one.person_id]),
                rank=one.rank,
            )
            for one in held
            if one.person_id in by_id
        ]
    )


async def appoint(request: Request[None, Holders]) -> AppointmentList:
    """Set who holds a post."""
    ids = [PersonId(one) for one in request.body.person_ids]
    seen = [PersonId(one) for one in request.body.seen_ids]
    async with request.write() as uow:
        held = await _register(request).appoint(
            uow, request.principal, UnitId(request.path["unit_id"]), request.path["post"], ids, seen
        )
        people = await request.app.directory.people(uow, ids)
    return _appointments(held, people)


async def list_posts(request: Request[None, None]) -> PostList:
    """The standard posts."""
    return PostList(items=[PostOut(key=key, name=name) for key, name in POST_NAMES.items()])


async def list_people(request: Request[PersonQuery, None]) -> PersonList:
    """People the user may see."""
    query, register = request.query, _register(request)
    async with request.read() as uow:
        path = ""
        if query.unit_id is not None:
            unit = await register.access_unit(uow, request.principal, UnitId(query.unit_id))
            path = unit.path
        page = await register.search(
            uow,
            request.principal,
            query.q,
            unit_path=path,
            offset=query.offset,
            limit=query.limit,
        )
        ids = [person.id for person in page.people]
        held = await register.posts_of(uow, request.principal, ids)
    return PersonList(items=[PersonOut.of(one, held) for one in page.people], total=page.total)


async def read_person(request: Request[None, None]) -> PersonOut:
    """One person."""
    register = _register(request)
    async with request.read() as uow:
        person_id = PersonId(request.path["person_id"])
        person = await register.access_person(uow, request.principal, person_id)
        held = await register.posts_of(uow, request.principal, [person.id])
    return PersonOut.of(person, held)


async def create_person(request: Request[None, PersonIn]) -> PersonOut:
    """Add a person."""
    async with request.write() as uow:
        draft = request.body.draft()
        return PersonOut.of(await _register(request).create_person(uow, request.principal, draft))


async def change_person(request: Request[None, PersonChange]) -> PersonOut:
    """Change a person."""
    body, register = request.body, _register(request)
    async with request.write() as uow:
        person = await register.update_person(
            uow, request.principal, PersonId(request.path["person_id"]), body.version, body.draft()
        )
        held = await register.posts_of(uow, request.principal, [person.id])
    return PersonOut.of(person, held)


async def remove_person(request: Request[VersionQuery, None]) -> None:
    """Remove a person; posts and memberships end."""
    async with request.write() as uow:
        await _register(request).remove_person(
            uow, request.principal, PersonId(request.path["person_id"]), request.query.version
        )


async def reveal_person(request: Request[None, Reason]) -> PersonOut:
    """Show a person's full numbers; audited."""
    register = _register(request)
    async with request.write() as uow:
        person = await register.reveal(
            uow, request.principal, PersonId(request.path["person_id"]), request.body.reason
        )
        held = await register.posts_of(uow, request.principal, [person.id])
    return PersonOut.of(person, held, is_revealed=True)


_UNITS, _PEOPLE = "/api/v1/directory/units", "/api/v1/directory/people"
_UNIT, _PERSON = f"{_UNITS}/{{unit_id}}", f"{_PEOPLE}/{{person_id}}"

ROUTES = [
    Route("GET", _UNITS, list_units, READ, response=UnitList, summary="Units in reach"),
    Route("POST", _UNITS, create_unit, WRITE, body=UnitIn, response=UnitOut, status=201,
          summary="Add a unit"),
    Route("PUT", _UNIT, change_unit, WRITE, body=UnitChange, response=UnitOut,
          summary="Change or move a unit"),
    Route("DELETE", _UNIT, remove_unit, WRITE, query=VersionQuery,
          summary="Remove an empty unit"),
    Route("GET", f"{_UNIT}/appointments", list_appointments, READ, response=AppointmentList,
          summary="Who holds which post in a unit"),
    Route("PUT", f"{_UNIT}/appointments/{{post}}", appoint, WRITE, body=Holders,
          response=AppointmentList, summary="Set who holds a post, the principal first"),
    Route("GET", "/api/v1/directory/posts", list_posts, READ, response=PostList,
          summary="The standard posts"),
    Route("GET", _PEOPLE, list_people, READ, query=PersonQuery, response=PersonList,
          summary="People in reach, numbers masked"),
    Route("POST", _PEOPLE, create_person, WRITE, body=PersonIn, response=PersonOut, status=201,
          summary="Add a person"),
    Route("GET", _PERSON, read_person, READ, response=PersonOut, summary="One person"),
    Route("PUT", _PERSON, change_person, WRITE, body=PersonChange, response=PersonOut,
          summary="Change a person"),
    Route("DELETE", _PERSON, remove_person, WRITE, query=VersionQuery,
          summary="Remove a person"),
    Route("POST", f"{_PERSON}/reveal", reveal_person, Permission.DIRECTORY_REVEAL, body=Reason,
          response=PersonOut, rate="60/minute", summary="Show full numbers, with a reason"),
]  # fmt: skip
