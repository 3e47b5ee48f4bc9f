"""Signed webhooks: facts for another system, kept until it took them or a day has passed.

A body is signed with HMAC-SHA256 over `timestamp.body`; redirects are not followed; the address
that was judged is the one connected to, so a name cannot change its mind in between.
"""

import hashlib
import hmac
import json
import secrets
import socket
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import count

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from core.clock import Clock
from core.database import Database, UnitOfWork
from core.errors import AppError, InvalidInput, NotFound
from core.events import Event, EventDispatcher
from core.ids import new_id
from sms import targets
from sms.model import (
    BalanceLow,
    CallEnded,
    InboundReceived,
    RecipientAnswered,
    RecipientDelivered,
    RecipientFailed,
    RecipientUnknown,
    VillageReported,
)
from sms.store import webhooks as store
from sms.store.book import DeliveryRow, DeliveryState, WebhookRow

log = structlog.get_logger(__name__)

FACTS: dict[str, type[Event]] = {
    "recipient.delivered": RecipientDelivered,
    "recipient.failed": RecipientFailed,
    "recipient.unknown": RecipientUnknown,
    "recipient.answered": RecipientAnswered,
    "inbound.received": InboundReceived,
    "village.reported": VillageReported,
    "call.ended": CallEnded,
    "balance.low": BalanceLow,
}
_LIMIT_S = 10.0
_LOOK_EVERY_S, _RETRIES_EVERY = 2.0, 5
"""Seconds; and, where nobody else can have noted a fact, the rounds between looks for retries."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 3600.0
_GIVEN_UP_AFTER = timedelta(days=1)
_BATCH = 20


def signature(secret: str, timestamp: str, body: str) -> str:
    """What `X-Fengsui-Signature` holds; a receiver computes the same and compares."""
    signed = f"{timestamp}.{body}".encode()
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class _Judge(AbstractResolver):
    """Resolves names and refuses addresses that are inside."""

    def __init__(self, also: Sequence[targets.IpNetwork]) -> None:
        self._also = also
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not found or any(not targets.is_allowed(one["host"], self._also) for one in found):
            raise OSError(f"{host} is inside: not allowed")
        return found

    async def close(self) -> None:
        await self._resolver.close()


class Webhooks:
    """Keeps the list, notes facts for it, delivers. `run` belongs to the pool."""

    def __init__(self, database: Database, clock: Clock, allowed: Sequence[str]) -> None:
        self._database = database
        self._clock = clock
        self._has_noted = True  # a process before may have
        self._also = targets.networks(allowed)

    async def add(
        self, uow: UnitOfWork, url: str, facts: Sequence[str], created_by: str
    ) -> WebhookRow:
        """A new webhook with a secret of its own. Raises: InvalidInput."""
        targets.check_url(url, self._also)
        unknown = set(facts) - set(FACTS)
        if unknown or not facts:
            raise InvalidInput(f"facts are: {', '.join(FACTS)}", field="facts")
        row = WebhookRow(
            id=new_id(), url=url, secret=secrets.token_urlsafe(32), facts=list(facts),
            is_active=True, created_by=created_by, created_at=uow.now,
        )  # fmt: skip
        uow.session.add(row)
        return row

    async def listed(self, uow: UnitOfWork) -> list[WebhookRow]:
        """All webhooks, oldest first."""
        return await store.webhooks(uow)

    async def remove(self, uow: UnitOfWork, webhook_id: str) -> None:
        """Remove one and what waits for it. Raises: NotFound."""
        if not await store.remove(uow, webhook_id):
            raise NotFound("there is no such webhook")

    def subscribe(self, events: EventDispatcher) -> None:
        """Note every fact somebody wants."""
        for name, kind in FACTS.items():
            events.subscribe(kind, f"sms.webhook.{name}", self._noter(name))

    def _noter(self, name: str):  # type: ignore[no-untyped-def]  # a handler of any event
        async def note(uow: UnitOfWork, fact: Event) -> None:
            for webhook in await store.webhooks(uow):
                if webhook.is_active and name in webhook.facts:
                    body = {"fact": name, "id": new_id(), "data": asdict(fact)}
                    text = json.dumps(body, ensure_ascii=False, default=_as_text)
                    store.queue(uow, webhook.id, name, text)
                    uow.after_commit(self._note, key=self)

        return note

    def _note(self) -> None:
        self._has_noted = True

    async def run(self) -> None:
        """Deliver what is due until cancelled."""
        for number in count():
            await self._clock.sleep(_LOOK_EVERY_S)
            others_note = self._database.is_postgresql
            if not (self._has_noted or others_note or number % _RETRIES_EVERY == 0):
                continue
            self._has_noted = False
            try:
                await self.deliver_due()
            except AppError as error:
                log.warning("webhooks_delayed", cause=error.message)

    async def deliver_due(self) -> int:
        """One round. Returns: how many deliveries were tried."""
        if not await self._database.at_once(store.is_any_due):
            return 0
        async with self._database.read() as uow:
            due = await store.due(uow, _BATCH)
        connector = aiohttp.TCPConnector(resolver=_Judge(self._also), use_dns_cache=False)
        async with aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=_LIMIT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as http:  # fmt: skip
            for delivery, webhook in due:
                error = await self._post(http, delivery, webhook)
                await self._settle(delivery, error)
        return len(due)

    async def _post(
        self, http: aiohttp.ClientSession, delivery: DeliveryRow, webhook: WebhookRow
    ) -> str:
        """Returns: "" if it was taken, else why not."""
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json", "X-Fengsui-Fact": delivery.fact,
            "X-Fengsui-Delivery": delivery.id, "X-Fengsui-Timestamp": timestamp,
            "X-Fengsui-Signature": signature(webhook.secret, timestamp, delivery.body),
        }  # fmt: skip
        try:
            targets.check_url(webhook.url, self._also)
            async with http.post(
                webhook.url, data=delivery.body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                return "" if 200 <= answer.status < 300 else f"status {answer.status}"
        except (aiohttp.ClientError, OSError, TimeoutError, AppError) as error:
            return f"{type(error).__name__}: {error}"[:200]

    async def _settle(self, delivery: DeliveryRow, error: str) -> None:
        async with self._database.write() as uow:
            row = await store.delivery(uow, delivery.id)
            if row is None:
                return
            row.attempts += 1
            row.error = error
            if not error:
                row.state = DeliveryState.DONE
            elif uow.now - row.created_at > _GIVEN_UP_AFTER:
                row.state = DeliveryState.GIVEN_UP
            wait_s = min(_FIRST_WAIT_S * 2 ** (row.attempts - 1), _LONGEST_WAIT_S)
            row.retry_at = uow.now + timedelta(seconds=wait_s)


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
