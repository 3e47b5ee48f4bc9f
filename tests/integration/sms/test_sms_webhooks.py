"""Facts reach another system signed, whole and once it takes them; never a place inside."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from core.clock import MovableClock
from core.database import Database
from core.errors import InvalidInput
from core.events import EventDispatcher, record
from sms.model import VillageReported
from sms.service import SmsPlatform
from sms.settings import SmsSettings

LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass
class Receiver:
    """Another system. `status`: what it answers."""

    port: int = 0
    status: int = 204
    got: list[tuple[dict[str, str], str]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.text()))
        headers = {"Location": f"http://127.0.0.1:{self.port}/secret"}
        return web.Response(status=self.status, headers=headers if self.status == 302 else {})


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()


async def _platform(database: Database, *allowed: str) -> tuple[SmsPlatform, EventDispatcher]:
    clock = MovableClock()
    database.clock = clock
    platform = SmsPlatform(SmsSettings(webhook_networks=allowed), database)
    events = EventDispatcher(database, clock)
    platform.webhooks.subscribe(events)
    return platform, events


async def _happen(database: Database, events: EventDispatcher) -> None:
    async with database.write() as uow:
        await record(uow, VillageReported("i", "+86", "rainfall", 45.0, "", "雨量45", at=uow.now))
    await events.deliver_due()


async def _add(platform: SmsPlatform, database: Database, url: str) -> Any:
    async with database.write() as uow:
        return await platform.webhooks.add(uow, url, ["village.reported"], "admin")


async def test_a_fact_arrives_signed_and_only_once(database: Database) -> None:
    platform, events = await _platform(database, *LOOPBACK)
    async with receiver() as other:
        hook = await _add(platform, database, f"http://127.0.0.1:{other.port}/in")
        await _happen(database, events)
        assert await platform.webhooks.deliver_due() == 1
        assert await platform.webhooks.deliver_due() == 0
    ((headers, body),) = other.got
    signed = f"{headers['X-Fengsui-Timestamp']}.{body}".encode()
    expected = hmac.new(hook.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["X-Fengsui-Signature"] == f"sha256={expected}"
    assert json.loads(body)["data"]["value"] == 45.0


@pytest.mark.parametrize("status", [302, 500, 404])
async def test_a_redirect_or_an_error_is_tried_again_later_and_not_followed(
    database: Database, status: int
) -> None:
    platform, events = await _platform(database, *LOOPBACK)
    async with receiver() as other:
        other.status = status
        await _add(platform, database, f"http://127.0.0.1:{other.port}/in")
        await _happen(database, events)
        await platform.webhooks.deliver_due()
        assert len(other.got) == 1
        assert await platform.webhooks.deliver_due() == 0
        database.clock.advance(6)  # type: ignore[attr-defined]  # a movable one
        other.status = 200
        await platform.webhooks.deliver_due()
    assert len(other.got) == 2


async def test_a_name_that_resolves_to_the_inside_gets_nothing(database: Database) -> None:
    """`localhost` passes as a name; the address behind it is judged when it is connected to."""
    platform, events = await _platform(database)
    async with receiver() as other:
        await _add(platform, database, f"http://localhost:{other.port}/in")
        await _happen(database, events)
        assert await platform.webhooks.deliver_due() == 1
    assert other.got == []


@pytest.mark.parametrize(
    ("url", "facts"),
    [("http://127.0.0.1/", ["village.reported"]), ("https://a.cn/", ["x"]), ("https://a.cn/", [])],
)
async def test_a_bad_webhook_is_refused(database: Database, url: str, facts: list[str]) -> None:
    platform, _ = await _platform(database)
    async with database.write() as uow:
        with pytest.raises(InvalidInput):
            await platform.webhooks.add(uow, url, facts, "admin")
