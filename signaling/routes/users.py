"""Users and their grants, for administrators."""

from datetime import datetime

from pydantic import Field

from core.auth.model import Grant, Permission, Role, User
from core.auth.users import NewUser
from core.errors import InvalidInput, NotFound
from core.ids import PersonId
from signaling.api import ApiModel, Empty
from signaling.http import AnyRequest, Request, Route


class GrantSpec(ApiModel):
    """A role on the subtree at `unit_path` (with trailing slash)."""

    role: Role
    unit_path: str = Field(pattern=r"^([A-Za-z0-9_-]+/)+$", max_length=255)


class UserQuery(ApiModel):
    """`q`: part of the user name or name."""

    q: str = Field("", max_length=60)
    offset: int = Field(0, ge=0)
    limit: int = Field(50, ge=1, le=200)


class UserOut(ApiModel):
    """A user; times in UTC."""

    id: str
    username: str
    name: str
    person_id: str | None
    grants: list[GrantSpec]
    must_change_password: bool
    has_totp: bool
    locked_until: datetime | None
    disabled_at: datetime | None
    last_sign_in_at: datetime | None
    created_at: datetime
    version: int


class UserList(ApiModel):
    """A page of users; `total` counts all that match."""

    items: list[UserOut]
    total: int


class UserCreate(ApiModel):
    """Without `password` a random one is made and told once."""

    username: str = Field(pattern=r"^[A-Za-z0-9._-]{2,60}$")
    name: str = Field(min_length=1, max_length=80)
    person_id: str | None = Field(None, max_length=26)
    grants: list[GrantSpec] = Field(min_length=1, max_length=50)
    password: str | None = Field(None, min_length=8, max_length=200)


class UserCreated(ApiModel):
    """`password`: told this one time; it must be changed at the first sign-in."""

    user: UserOut
    password: str


class UserPatch(ApiModel):
    """Only what is given changes. `version`: the one that was read."""

    version: int = Field(ge=1)
    name: str | None = Field(None, min_length=1, max_length=80)
    is_disabled: bool | None = None
    grants: list[GrantSpec] | None = Field(None, min_length=1, max_length=50)


class NewPassword(ApiModel):
    """Told this one time."""

    password: str


async def list_users(request: Request[UserQuery, None]) -> UserList:
    """Users by user name."""
    query = request.query
    async with request.read() as uow:
        found, total = await request.app.users.page(
            uow, request.principal, query.q, query.offset, query.limit
        )
    return UserList(items=[_out(user) for user in found], total=total)


async def create_user(request: Request[None, UserCreate]) -> UserCreated:
    """Make a user who must choose a password at the first sign-in."""
    body = request.body
    new = NewUser(
        login=body.username,
        name=body.name,
        grants=_grants(body.grants),
        person_id=PersonId(body.person_id) if body.person_id else None,
        password=body.password,
    )
    request.app.users.check_new(request.principal, new)
    await _check_units(request, new.grants)
    user, password = await request.app.users.create(request.principal.actor, new)
    return UserCreated(user=_out(user), password=password)


async def get_user(request: Request[None, None]) -> UserOut:
    """One user."""
    async with request.read() as uow:
        return _out(await request.app.users.get(uow, request.principal, request.path["user_id"]))


async def change_user(request: Request[None, UserPatch]) -> UserOut:
    """Rename, disable or enable, or give other roles; takes effect at once."""
    body = request.body
    grants = _grants(body.grants) if body.grants is not None else None
    if grants is not None:
        await _check_units(request, grants)
    async with request.write() as uow:
        user = await request.app.users.change(
            uow,
            request.principal,
            request.path["user_id"],
            name=body.name,
            grants=grants,
            is_disabled=body.is_disabled,
            version=body.version,
        )
    return _out(user)


async def reset_password(request: Request[None, Empty]) -> NewPassword:
    """A random password to hand over; unlocks the account and ends its sessions."""
    password = await request.app.users.reset_password(request.principal, request.path["user_id"])
    return NewPassword(password=password)


async def _check_units(request: AnyRequest, grants: tuple[Grant, ...]) -> None:
    async with request.read() as uow:
        for grant in grants:
            try:
                await request.app.directory.unit_at(uow, grant.unit_path)
            except NotFound as error:
                raise InvalidInput("no such unit", field="grants") from error


def _grants(given: list[GrantSpec]) -> tuple[Grant, ...]:
    return tuple(Grant(spec.role, spec.unit_path) for spec in given)


def _out(user: User) -> UserOut:
    return UserOut(
        id=user.id,
        username=user.login,
        name=user.name,
        person_id=user.person_id,
        grants=[GrantSpec(role=grant.role, unit_path=grant.unit_path) for grant in user.grants],
        must_change_password=user.must_change_password,
        has_totp=user.has_totp,
        locked_until=user.locked_until,
        disabled_at=user.disabled_at,
        last_sign_in_at=user.last_sign_in_at,
        created_at=user.created_at,
        version=user.version,
    )


_MANAGE = Permission.USER_MANAGE

ROUTES = [
    Route("GET", "/api/v1/users", list_users, permission=_MANAGE, query=UserQuery,
          response=UserList, summary="Users by user name"),
    Route("POST", "/api/v1/users", create_user, permission=_MANAGE, body=UserCreate,
          response=UserCreated, status=201, summary="Make a user"),
    Route("GET", "/api/v1/users/{user_id}", get_user, permission=_MANAGE, response=UserOut,
          summary="One user"),
    Route("PATCH", "/api/v1/users/{user_id}", change_user, permission=_MANAGE, body=UserPatch,
          response=UserOut, summary="Change a user's name, state or roles"),
    Route("POST", "/api/v1/users/{user_id}/password", reset_password, permission=_MANAGE,
          body=Empty, response=NewPassword, summary="Give a user a random password"),
]  # fmt: skip
