"""Ports, the server that may hold them, Redis."""

import asyncio
import socket
import ssl

import redis.asyncio as aioredis
from redis.exceptions import RedisError

from signaling.selftest.model import Finding, good
from signaling.settings import HttpSettings, Settings
from signaling.webserver import is_free

_PATIENCE_S = 2.0
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to


async def is_serving(http: HttpSettings) -> bool:
    """Whether a Fengsui answers on the port of the settings."""
    tls: list[ssl.SSLContext | None] = [None]
    if http.tls_certificate is not None:
        anybody = ssl.create_default_context()
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        tls = [anybody]  # whether its certificate is good is another check
    for context in tls:
        if await _answers(_LOOPBACK.get(http.host, http.host), http.port, context):
            return True
    return False


async def _answers(host: str, port: int, context: ssl.SSLContext | None) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            writer.write(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = await reader.read(4096)
            writer.close()
    except (OSError, TimeoutError):
        return False
    return b'"version"' in answer


async def check_ports(settings: Settings, serves: bool) -> list[Finding]:
    """Each port is free, or in use by the running server."""
    http, media = settings.http, settings.media
    wanted = [("http.port", http.host, http.port, socket.SOCK_STREAM)]
    for index in range(media.workers):
        wanted.append(("media.port", media.listen, media.port + index, socket.SOCK_DGRAM))
        wanted.append(("media.port", media.listen, media.port + index, socket.SOCK_STREAM))
    return [_port(setting, host, port, kind, serves) for setting, host, port, kind in wanted]


def _port(setting: str, host: str, port: int, kind: socket.SocketKind, serves: bool) -> Finding:
    name = f"{port}/{'udp' if kind is socket.SOCK_DGRAM else 'tcp'}"
    if is_free(host, port, kind):
        if serves and setting == "media.port":
            mend = "the server runs but no media worker holds its port: read its log, restart it"
            return Finding(setting, "port.unused", f"{name} is free", mend)
        return good(setting, f"{name} is free", "port_free", port=name)
    if serves:
        text = f"{name} is in use, by the running server"
        return good(setting, text, "port_ours", port=name)
    mend = f"stop what uses it (ss -lnp), or set {setting}"
    return Finding(setting, "port.taken", f"{name} is in use", mend)


async def check_redis(settings: Settings) -> list[Finding]:
    """It answers, where one is set."""
    if settings.redis.url is None:
        return []
    client = aioredis.from_url(
        settings.redis.url.get_secret_value(),
        socket_connect_timeout=_PATIENCE_S,
        socket_timeout=_PATIENCE_S,
    )
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        mend = "start it, or set redis.url; until then nodes notice each other's changes late"
        return [Finding("redis", "redis.silent", str(error), mend)]
    finally:
        await client.aclose()
    return [good("redis", "answers", "answers")]
