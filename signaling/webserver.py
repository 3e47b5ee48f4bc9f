"""The listening socket: aiohttp with the routes, Socket.IO and the pages."""

import asyncio
import errno
import socket
import ssl

from aiohttp import web

from signaling.application import Application
from signaling.context import AppContext
from signaling.http import Route
from signaling.pages import add_pages
from signaling.sockets import Sockets

SHUTDOWN_S = 3.0


class PortInUse(Exception):
    """The port is taken; `free_port`: the next one that is not."""

    def __init__(self, port: int, setting: str, free_port: int) -> None:
        super().__init__(f"port {port} ({setting}) is in use")
        self.port, self.setting, self.free_port = port, setting, free_port


class WebServer:
    """Listens while it runs. Stopping: no new connection, sockets closed, answers finished."""

    name = "http"
    stop_deadline_s = 10.0

    def __init__(self, app: AppContext, routes: list[Route], sockets: Sockets) -> None:
        self._settings = app.settings.http
        self._stop = asyncio.Event()
        self.routes = tuple(routes)
        self.application = Application(app, routes).build()
        sockets.server.attach(self.application)
        add_pages(self.application, routes)
        self._sockets = sockets
        self.application.on_shutdown.append(self._close_sockets)

    async def run(self, ready: asyncio.Event) -> None:
        runner = web.AppRunner(self.application, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        try:
            site = web.TCPSite(
                runner,
                self._settings.host,
                self._settings.port,
                ssl_context=self._tls(),
                backlog=1024,
            )
            try:
                await site.start()
            except OSError as error:
                if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                    raise port_in_use(self._settings.host, self._settings.port) from error
                raise
            ready.set()
            await self._stop.wait()
        finally:
            await runner.cleanup()

    def stop(self) -> None:
        self._stop.set()

    async def _close_sockets(self, _application: web.Application) -> None:
        for connection in self._sockets.connections:
            await connection.disconnect()

    def _tls(self) -> ssl.SSLContext | None:
        if self._settings.tls_certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._settings.tls_certificate, self._settings.tls_key)
        return context


def port_in_use(host: str, port: int, setting: str = "http.port") -> PortInUse:
    """The fault to report, with the next port that is free."""
    return PortInUse(port, setting, next_free_port(host, port))


def is_free(host: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    """Whether (`host`, `port`) can be bound now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def next_free_port(host: str, port: int) -> int:
    """The first free port above `port`; 0 if the next hundred are all taken."""
    return next((p for p in range(port + 1, min(port + 101, 65536)) if is_free(host, p)), 0)
