"""A camera's address: what is accepted, and how it is shown (pure)."""

import re
from urllib.parse import urlsplit, urlunsplit

from core.errors import InvalidInput

SCHEMES = ("rtsp", "rtsps")
LONGEST = 400
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def check(url: str) -> str:
    """The URL, if a camera may have it. Raises: InvalidInput."""
    if len(url) > LONGEST or _CONTROL.search(url):
        raise InvalidInput(f"at most {LONGEST} characters, no spaces", field="url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInput("not an address", field="url") from error
    if parts.scheme not in SCHEMES:
        raise InvalidInput("only rtsp:// and rtsps:// addresses", field="url")
    if not parts.hostname or port == 0:
        raise InvalidInput("the address names no host", field="url")
    return url


def shown(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    name = f"{parts.username}:•••@" if parts.username else ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, name + host, parts.path, parts.query, ""))
