"""Headers, origins and cookies: what keeps another site's page away from a signed-in browser."""

from urllib.parse import urlsplit

from aiohttp import web

from core.errors import NotAllowed
from signaling.settings import Settings

SESSION_COOKIE = "fengsui_session"
CSRF_HEADER = "X-CSRF-Token"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "style-src-attr 'unsafe-inline'",  # Vue writes static style attributes; no script in them
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",  # a join link's path is a secret
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), "
        "screen-wake-lock=(self), geolocation=(), payment=(), usb=()"
    ),
}
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
STRICT_TRANSPORT = "max-age=31536000"


def secure(response: web.StreamResponse, *, is_https: bool) -> None:
    """Add the security headers that the handler has not set itself."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if is_https:
        response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)


def is_own_origin(origin: str, host: str, public_url: str | None) -> bool:
    """Whether `origin` is this server: the host the browser asked for, or http.public_url."""
    if public_url is not None and origin == public_url:
        return True
    return origin != "null" and urlsplit(origin).netloc.lower() == host.lower()


def is_known_host(host: str, listens_on: str, public_url: str | None) -> bool:
    """Whether a request's Host may be answered.

    A server on the loopback answers to the loopback's names only: another site could else point its
    own name at 127.0.0.1 and be taken for us (DNS rebinding).
    """
    if public_url is not None or listens_on not in LOOPBACK:
        return True
    return (urlsplit(f"//{host}").hostname or "") in LOOPBACK


def check_origin(origin: str | None, site: str | None, host: str, public_url: str | None) -> None:
    """Refuse what another site's page sends. `site`: the header Sec-Fetch-Site.

    A request without both comes from no browser of today and carries no one's cookie by accident.
    Raises: NotAllowed.
    """
    if origin is not None:
        if not is_own_origin(origin, host, public_url):
            raise NotAllowed("this request comes from another site", code="origin")
    elif site is not None and site not in {"same-origin", "none"}:
        raise NotAllowed("this request comes from another site", code="origin")


def remote_address(peer: str | None, forwarded_for: str | None, trusted: tuple[str, ...]) -> str:
    """The caller: the last X-Forwarded-For entry that is no trusted proxy, else `peer`."""
    address = peer or "unknown"
    if address not in trusted or not forwarded_for:
        return address
    for hop in reversed([part.strip() for part in forwarded_for.split(",")]):
        address = hop
        if hop not in trusted:
            break
    return address


def set_session_cookie(response: web.StreamResponse, value: str, settings: Settings) -> None:
    """Hand out the session; it ends with the browser, and with its row."""
    response.set_cookie(
        SESSION_COOKIE,
        value,
        httponly=True,
        samesite="Lax",
        secure=settings.is_https,
        path="/",
    )


def clear_session_cookie(response: web.StreamResponse, settings: Settings) -> None:
    """Take the session back."""
    response.del_cookie(
        SESSION_COOKIE, path="/", httponly=True, samesite="Lax", secure=settings.is_https
    )
