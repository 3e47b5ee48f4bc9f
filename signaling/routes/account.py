"""Sign-in, sign-out, the session, one's own password and one-time codes."""

from aiohttp import web
from pydantic import Field

from core.auth.model import Permission, Session, permissions
from core.auth.service import Visit
from core.database import UnitOfWork
from core.errors import InvalidInput, NotFound, NotSignedIn
from signaling.api import ApiModel, Empty
from signaling.context import AppContext
from signaling.http import AnyRequest, Request, Route
from signaling.security import clear_session_cookie, set_session_cookie


class Credentials(ApiModel):
    """`totp`: the one-time code, where the user has switched codes on."""

    username: str = Field(min_length=1, max_length=60)
    password: str = Field(min_length=1, max_length=200)
    totp: str | None = Field(None, pattern=r"^\s*\d{6}\s*$")


class GrantInfo(ApiModel):
    """A role on a unit's subtree."""

    role: str
    unit_path: str
    unit_name: str


class UserInfo(ApiModel):
    """Who is signed in; `unit_*`: the person's unit, else that of the first grant."""

    user_id: str
    name: str
    username: str
    person_id: str | None
    unit_id: str | None
    unit_name: str | None
    grants: list[GrantInfo]
    permissions: list[str]
    must_change_password: bool


class SessionInfo(ApiModel):
    """`csrf_token`: to be sent as X-CSRF-Token with every request that changes something."""

    csrf_token: str
    user: UserInfo
    is_demo: bool
    county: str


class PasswordChange(ApiModel):
    """`new_password`: see auth.password_min_length."""

    current_password: str = Field(min_length=1, max_length=200)
    new_password: str = Field(min_length=1, max_length=200)


class TotpOffer(ApiModel):
    """`address`: the otpauth:// text for a QR code."""

    secret: str
    address: str


class TotpCode(ApiModel):
    """The six digits shown now."""

    totp: str = Field(pattern=r"^\s*\d{6}\s*$")


class TotpDrop(ApiModel):
    """One-time codes are switched off with the password."""

    password: str = Field(min_length=1, max_length=200)


async def sign_in(request: Request[None, Credentials]) -> web.StreamResponse:
    """Begin a session; the cookie is in the answer."""
    rate = f"{request.app.settings.http.sign_ins_per_minute}/minute"
    await request.limit(rate, "sign-in", request.remote)
    given = request.body
    visit = Visit(request.remote, request.raw.headers.get("User-Agent", ""))
    signed_in = await request.app.auth.sign_in(given.username, given.password, given.totp, visit)
    info = await _describe(request.app, signed_in.session)
    response = web.Response(body=info.model_dump_json().encode(), content_type="application/json")
    set_session_cookie(response, signed_in.cookie, request.app.settings)
    return response


async def sign_out(request: Request[None, None]) -> web.StreamResponse:
    """End the session and its connections."""
    await request.app.auth.sign_out(_session(request))
    response = web.Response(status=204)
    clear_session_cookie(response, request.app.settings)
    return response


async def session(request: Request[None, None]) -> SessionInfo:
    """Who is signed in, and the CSRF value."""
    return await _describe(request.app, _session(request))


async def change_password(request: Request[None, PasswordChange]) -> None:
    """Set a new password; all other sessions of the user end."""
    try:
        await request.app.auth.change_password(
            _session(request), request.body.current_password, request.body.new_password
        )
    except InvalidInput as error:
        field = "new_password" if error.field == "password" else error.field
        raise InvalidInput(error.message, field=field) from error


async def offer_totp(request: Request[None, Empty]) -> TotpOffer:
    """A new secret, in force once confirmed."""
    secret, address = await request.app.auth.offer_totp(_session(request))
    return TotpOffer(secret=secret, address=address)


async def confirm_totp(request: Request[None, TotpCode]) -> None:
    """Switch one-time codes on."""
    await request.app.auth.confirm_totp(_session(request), request.body.totp)


async def drop_totp(request: Request[None, TotpDrop]) -> None:
    """Switch one-time codes off."""
    await request.app.auth.drop_totp(_session(request), request.body.password)


def _session(request: AnyRequest) -> Session:
    if request.session is None:
        raise NotSignedIn("sign in first")
    return request.session


async def _describe(app: AppContext, held: Session) -> SessionInfo:
    principal = held.principal
    async with app.database.read() as uow:
        names = {
            grant.unit_path: await _unit_name(app, uow, grant.unit_path)
            for grant in principal.grants
        }
        unit_id, unit_name = await _home_unit(app, uow, held)
        county = ""
        if principal.grants:
            county = await _unit_name(app, uow, _root(principal.grants[0].unit_path))
    grants = [
        GrantInfo(role=grant.role, unit_path=grant.unit_path, unit_name=names[grant.unit_path])
        for grant in principal.grants
    ]
    user = UserInfo(
        user_id=principal.user_id,
        name=principal.name,
        username=held.login,
        person_id=principal.person_id,
        unit_id=unit_id,
        unit_name=unit_name,
        grants=grants,
        permissions=sorted(permissions(principal)),
        must_change_password=held.must_change_password,
    )
    return SessionInfo(
        csrf_token=app.auth.tokens.csrf(held.id), user=user, is_demo=app.is_demo, county=county
    )


def _root(path: str) -> str:
    return path.partition("/")[0] + "/"


async def _unit_name(app: AppContext, uow: UnitOfWork, path: str) -> str:
    try:
        return (await app.directory.unit_at(uow, path)).name
    except NotFound:
        return ""


async def _home_unit(
    app: AppContext, uow: UnitOfWork, held: Session
) -> tuple[str | None, str | None]:
    """The unit of the user's person, else of the first grant, else nothing."""
    principal = held.principal
    try:
        if principal.person_id is not None:
            person = await app.directory.person(uow, principal.person_id)
            unit = await app.directory.unit(uow, person.unit_id)
        elif principal.grants:
            unit = await app.directory.unit_at(uow, principal.grants[0].unit_path)
        else:
            return None, None
    except NotFound:
        return None, None
    return unit.id, unit.name


ROUTES = [
    Route("POST", "/api/v1/session", sign_in, permission=Permission.PUBLIC, body=Credentials,
          response=SessionInfo, summary="Sign in"),
    Route("GET", "/api/v1/session", session, permission=Permission.SIGNED_IN,
          before_password_change=True, response=SessionInfo, summary="Who is signed in"),
    Route("DELETE", "/api/v1/session", sign_out, permission=Permission.SIGNED_IN,
          before_password_change=True, status=204, summary="Sign out"),
    Route("POST", "/api/v1/session/password", change_password, permission=Permission.SIGNED_IN,
          before_password_change=True, body=PasswordChange, status=204, rate="10/minute",
          summary="Change one's own password"),
    Route("POST", "/api/v1/session/totp", offer_totp, permission=Permission.SIGNED_IN, body=Empty,
          response=TotpOffer, rate="10/minute", summary="Ask for a one-time-code secret"),
    Route("POST", "/api/v1/session/totp/confirm", confirm_totp, permission=Permission.SIGNED_IN,
          body=TotpCode, status=204, rate="10/minute", summary="Switch one-time codes on"),
    Route("POST", "/api/v1/session/totp/drop", drop_totp, permission=Permission.SIGNED_IN,
          body=TotpDrop, status=204, rate="10/minute", summary="Switch one-time codes off"),
]  # fmt: skip
