"""Join a meeting as a synthetic site, from the command line, by nothing but docs/protocol.md.

    python -m tests.support.bridge_client http://127.0.0.1:8080/j/<token> --name 三号村 --seconds 30

Talks with the server over Socket.IO, with the bridge over UDP; sends a voice and three layers that
only look like Opus and VP8, and says every two seconds what it is sent.
"""

import argparse
import asyncio
import contextlib
import sys
from typing import Any
from urllib.parse import urlsplit

import socketio

from tests.support.bridge import stream
from tests.support.bridge_client import Site


class Refused(Exception):
    """The server said no; the text is its code and message."""


async def call(client: socketio.AsyncClient, event: str, data: dict[str, Any]) -> dict[str, Any]:
    """One message and its ack. Raises: Refused."""
    reply: dict[str, Any] = await client.call(event, data, timeout=10)
    if "error" in reply:
        raise Refused(f"{reply['error'].get('code')}: {reply['error'].get('message')}")
    ok: dict[str, Any] = reply["ok"]
    return ok


async def tell(site: Site, names: dict[str, str]) -> None:
    """Print what each filled section gets, every two seconds."""
    before: dict[int, int] = {}
    while True:
        await asyncio.sleep(2)
        parts = []
        for ssrc, got in site.streams.items():
            bps = (got.octets - before.get(ssrc, 0)) * 4
            before[ssrc] = got.octets
            if bps:
                parts.append(f"{names.get(got.mid, got.mid)} {bps / 1000:.0f} kbit/s")
        print(f"{site.name}: {', '.join(sorted(parts)) or 'nothing'}; lost so far ", end="")
        print(sum(got.lost for got in site.streams.values()), flush=True)


async def attend(url: str, name: str, pin: str | None, seconds: float, *, is_silent: bool) -> None:
    """From the link to the leave. Raises: Refused; socketio's ConnectionError; TimeoutError."""
    parts = urlsplit(url)
    token = parts.path.rstrip("/").rpartition("/")[2]
    site, names = Site(name), {}
    client = socketio.AsyncClient(reconnection=False)

    def on_slots(message: dict[str, Any]) -> None:
        for slot in message.get("slots", ()):
            who = slot["participant_id"] or "-"
            names[slot["mid"]] = f"{slot['kind']}[{who[-6:]}]"

    client.on("slots", on_slots)
    auth = {"protocol": 1, "join": token}
    await client.connect(f"{parts.scheme}://{parts.netloc}", auth=auth, transports=["websocket"])
    reporter: asyncio.Task[None] | None = None
    try:
        body: dict[str, Any] = {"offer": site.offer(), "device": "pc", "name": name}
        joined = await call(client, "room.join", body | ({"pin": pin} if pin else {}))
        await site.connect(joined["answer"])
        print(f"{name}: joined as {joined['participant_id']}", flush=True)
        on_slots({"slots": joined.get("slots", ())})
        sends = {"audio": not is_silent, "camera": not is_silent, "screen": False}
        await call(client, "room.publish", sends)
        reporter = asyncio.create_task(tell(site, names))
        await (asyncio.sleep(seconds) if is_silent else stream([site], seconds))
        await call(client, "room.leave", {})
    finally:
        if reporter is not None:
            reporter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reporter
        if site.srtp is not None:
            await site.close()
        await client.disconnect()


def main() -> int:
    """Command line; 1 when the server refuses or cannot be reached."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.bridge_client",
        description="Join a meeting as a synthetic site and say what it is sent.",
    )
    parser.add_argument("link", help="the site's link, http://HOST:PORT/j/<token>")
    parser.add_argument("--name", default="synthetic", help="as the others see it")
    parser.add_argument("--pin", help="when the meeting asks for one")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--silent", action="store_true", help="only receive")
    given = parser.parse_args()
    try:
        asyncio.run(
            attend(given.link, given.name, given.pin, given.seconds, is_silent=given.silent)
        )
    except (Refused, TimeoutError, socketio.exceptions.ConnectionError) as error:
        print(f"{given.name}: {error or 'no answer'}", file=sys.stderr)
        return 1
    return 0
