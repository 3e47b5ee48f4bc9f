"""Time-limited TURN credentials as coturn's `use-auth-secret` checks them (the TURN REST form)."""

import base64
import hashlib
import hmac
from typing import TypedDict

from conf.settings import TurnSettings


class IceServer(TypedDict, total=False):
    """An entry of RTCConfiguration.iceServers."""

    urls: list[str]
    username: str
    credential: str


def ice_servers(settings: TurnSettings, name: str, now_s: int) -> list[IceServer]:
    """What a client is handed; empty when no relay is configured.

    `name`: shows up in coturn's log, e.g. the participant id; `now_s`: Unix time, seconds.
    """
    if not settings.urls:
        return []
    username = f"{now_s + settings.lifetime_s}:{name}"
    digest = hmac.new(settings.secret.get_secret_value().encode(), username.encode(), hashlib.sha1)
    credential = base64.b64encode(digest.digest()).decode()
    return [IceServer(urls=list(settings.urls), username=username, credential=credential)]
