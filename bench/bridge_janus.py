"""The peer: Debian's Janus (videoroom, one PeerConnection per subscriber) under the same sites.

Started with one event loop and without the plugins it does not need; spoken to over its
Unix socket. AES-128-GCM is what it picks from the profiles our clients offer.
"""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aioice import stun

from conf.media import rtcp
from tests.support.bridge_client import Site

JANUS = Path("/usr/bin/janus")
ROOM = 1234
_LIBRARY = "/usr/lib/x86_64-linux-gnu/janus"
_CONFIG = """
general: {{
  configs_folder = "{0}"
  plugins_folder = "{1}/plugins"
  transports_folder = "{1}/transports"
  events_folder = "{1}/events"
  loggers_folder = "{1}/loggers"
  debug_level = 2
  event_loops = 1
  daemonize = false
  log_to_stdout = true
  server_name = "bench"
}}
nat: {{ full_trickle = false; ice_ignore_list = "vmnet" }}
media: {{ ipv6 = false }}
plugins: {{ disable = "{2}" }}
transports: {{ disable = "libjanus_http.so,libjanus_websockets.so,libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_rabbitmq.so" }}
"""  # noqa: E501 - one setting, one line
_OTHER_PLUGINS = (
    "audiobridge",
    "duktape",
    "echotest",
    "lua",
    "nosip",
    "recordplay",
    "sip",
    "streaming",
    "textroom",
    "videocall",
    "voicemail",
)


class FullIce(Site):
    """A site that also answers checks, as Janus is no ICE-lite server; mix in before its kind."""

    is_controlling = True

    def binding_request(self, transaction_id: bytes | None = None) -> bytes:
        """A check in the role this connection has."""
        role = "ICE-CONTROLLING" if self.is_controlling else "ICE-CONTROLLED"
        attributes: dict[str, Any] = {
            "USERNAME": f"{self.answer.ufrag}:{self._ufrag}",
            "PRIORITY": 1845501695,
            role: secrets.randbits(64),
        }
        if self.is_controlling:
            attributes["USE-CANDIDATE"] = None
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, transaction_id, attributes)
        message.add_message_integrity(self.answer.password.encode())
        return bytes(message)

    async def _report(self) -> None:
        """A receiver report a second; Janus asks subscribers for no transport feedback."""
        while True:
            await asyncio.sleep(1)
            blocks = tuple(
                rtcp.ReportBlock(ssrc, 0, 0, max(0, s.highest), 0, 0, 0)
                for ssrc, s in list(self.streams.items())[:31]
            )
            self.send_rtcp(rtcp.ReceiverReport(1, blocks))

    def _on_datagram(self, view: memoryview, size: int) -> None:
        if view[0] == 0 and view[1] == 1:
            asked = stun.parse_message(bytes(view[:size]))
            reply = stun.Message(
                stun.Method.BINDING,
                stun.Class.RESPONSE,
                asked.transaction_id,
                {"XOR-MAPPED-ADDRESS": self.remote},
            )
            reply.add_message_integrity(self._password.encode())
            self.send_raw(bytes(reply))
            return
        super()._on_datagram(view, size)


class Janus:
    """One running server and the connection to it."""

    def __init__(self, process_id: int, sock: socket.socket) -> None:
        self.process_id = process_id
        self._socket = sock
        self._session = 0
        self._replies: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """A session, kept alive, and an open room."""
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(self._read()))
        reply = await self._ask({"janus": "create"})
        self._session = int(reply["data"]["id"])
        self._tasks.append(loop.create_task(self._keep_alive()))
        handle = await self._attach()
        body = {"request": "create", "room": ROOM, "publishers": 100, "bitrate": 0}
        await self._ask({"janus": "message", "handle_id": handle, "body": body})

    async def _attach(self) -> int:
        reply = await self._ask({"janus": "attach", "plugin": "janus.plugin.videoroom"})
        return int(reply["data"]["id"])

    async def publish(self, site: Site, number: int) -> None:
        """The site sends audio and camera."""
        rebind(site)
        handle = await self._attach()
        join = {"request": "join", "ptype": "publisher", "room": ROOM, "id": number}
        await self._event({"janus": "message", "handle_id": handle, "body": join})
        reply = await self._event(
            {
                "janus": "message",
                "handle_id": handle,
                "body": {"request": "publish"},
                "jsep": {"type": "offer", "sdp": trimmed(site.offer(), candidate(site))},
            }
        )
        await site.connect(reply["jsep"]["sdp"])

    async def subscribe(self, site: FullIce, publishers: list[int]) -> None:
        """The site is sent all publishers' tracks on one connection."""
        rebind(site)
        handle = await self._attach()
        join = {
            "request": "join",
            "ptype": "subscriber",
            "room": ROOM,
            "streams": [{"feed": number} for number in publishers],
        }
        reply = await self._event({"janus": "message", "handle_id": handle, "body": join})
        offer = reply["jsep"]["sdp"]
        site.is_controlling = False  # who offers controls
        start = {
            "janus": "message",
            "handle_id": handle,
            "body": {"request": "start"},
            "jsep": {"type": "answer", "sdp": answer_to(offer, site.offer(), candidate(site))},
        }
        asked = asyncio.create_task(self._event(start))
        await asyncio.sleep(0.05)
        await site.connect(offer)
        await asked

    async def close(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._socket.close()

    async def _ask(self, message: dict[str, Any], wanted: str = "success") -> dict[str, Any]:
        transaction = secrets.token_hex(6)
        message["transaction"] = transaction
        if self._session:
            message["session_id"] = self._session
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._replies[transaction] = queue
        await asyncio.get_running_loop().sock_sendall(self._socket, json.dumps(message).encode())
        async with asyncio.timeout(10):
            while True:
                reply = await queue.get()
                data = reply.get("plugindata", {}).get("data", {})
                if reply.get("janus") == "error" or "error" in data:
                    raise RuntimeError(str(reply))
                if reply.get("janus") == wanted:
                    return reply

    async def _event(self, message: dict[str, Any]) -> dict[str, Any]:
        return await self._ask(message, "event")  # an "ack" comes first

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self._socket, 1 << 18):
            message = json.loads(data)
            queue = self._replies.get(message.get("transaction", ""))
            if queue is not None:
                queue.put_nowait(message)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(20)
            await self._ask({"janus": "keepalive"}, "ack")


def rebind(site: Site) -> None:
    """Janus offers no loopback address: reach its other one, which is over `lo` all the same."""
    site.socket.close()
    site.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    site.socket.setblocking(False)
    site.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; says which address is ours
        host = probe.getsockname()[0]
    site.socket.bind((host, 0))


def candidate(site: Site) -> str:
    """Where the site is: Janus answers no check before it has been told."""
    host, port = site.socket.getsockname()
    return f"a=candidate:1 1 udp 2130706431 {host} {port} typ host\r\na=end-of-candidates"


def trimmed(offer: str, candidate: str) -> str:
    """Only the two sections that send; and no transport feedback, which would cost Janus more."""
    parts = offer.split("m=")
    head = parts[0].split("a=group")[0] + "a=group:BUNDLE 0 1\r\n"
    sections = ["m=" + part for part in parts[1:3]]
    text = head + "".join(sections)
    text = text.replace("a=setup:actpass", f"a=setup:active\r\n{candidate}")  # we begin
    return "\r\n".join(line for line in text.split("\r\n") if "transport" not in line)


def answer_to(offer: str, ours: str, candidate: str) -> str:
    """recvonly to every section, with our credentials."""
    keys = ("a=ice-ufrag", "a=ice-pwd", "a=fingerprint")
    mine = [next(x for x in ours.split("\r\n") if x.startswith(key)) for key in keys]
    lines = []
    for line in offer.split("\r\n"):
        if line.startswith((*keys, "a=candidate", "a=end-of", "a=ssrc", "a=ice-lite", "a=msid")):
            continue
        if line.startswith("a=setup"):
            lines += ["a=setup:active", *mine, candidate]
        elif line == "a=sendonly":
            lines.append("a=recvonly")
        else:
            lines.append(line)
    return "\r\n".join(lines)


async def start(directory: Path) -> tuple[asyncio.subprocess.Process, socket.socket]:
    """A listening server; its start fails now and then ("no transport available"), so try again."""
    path = directory / "janus.sock"
    disabled = ",".join(f"libjanus_{name}.so" for name in _OTHER_PLUGINS)
    (directory / "janus.jcfg").write_text(_CONFIG.format(directory, _LIBRARY, disabled))
    (directory / "janus.plugin.videoroom.jcfg").write_text("general: {}\n")
    (directory / "janus.transport.pfunix.jcfg").write_text(
        f'general: {{ enabled = true; json = "compact"; path = "{path}"; type = "SOCK_SEQPACKET" }}'
        "\nadmin: { admin_enabled = false }\n"
    )
    for _ in range(20):
        process = await asyncio.create_subprocess_exec(
            str(JANUS), "-F", str(directory), stdout=asyncio.subprocess.DEVNULL
        )
        for _ in range(60):
            await asyncio.sleep(0.05)
            if path.exists() or process.returncode is not None:
                break
        await asyncio.sleep(0.5)
        if process.returncode is None and path.exists():
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, str(path))
            return process, sock
        if process.returncode is None:
            process.kill()
            await process.wait()
    raise RuntimeError("Janus does not start")


@asynccontextmanager
async def running_janus(directory: Path) -> AsyncIterator[Janus]:
    """A server of this block's own."""
    process, sock = await start(directory)
    janus = Janus(process.pid, sock)
    try:
        await janus.begin()
        yield janus
    finally:
        await janus.close()
        process.terminate()
        await process.wait()
