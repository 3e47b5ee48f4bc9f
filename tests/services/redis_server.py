"""A private Redis: no persistence, no configuration file, loopback only."""

import shutil
import socket

from services.ports import free_port
from services.session import ServiceMissing, Session, keep, new_folder, wait_until


def start(session: Session) -> dict[str, str]:
    """Start redis-server; returns {"url"}."""
    program = shutil.which("redis-server")
    if program is None:
        raise ServiceMissing("redis-server is not installed: run `make test`, or install it")
    folder, port = new_folder("redis"), free_port()
    options = {"port": str(port), "bind": "127.0.0.1", "save": "", "appendonly": "no"}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    keep(session, folder, [program, *words, "--dir", str(folder)])
    wait_until(lambda: _answers(port), folder, "Redis")
    return {"port": str(port)}


def empty(port: str) -> None:
    """Remove everything in it."""
    if _ask(int(port), b"FLUSHALL") != b"+OK":
        raise ServiceMissing("Redis did not empty itself")


def _answers(port: int) -> bool:
    try:
        return _ask(port, b"PING") == b"+PONG"
    except OSError:
        return False


def _ask(port: int, command: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5.0) as connection:
        connection.sendall(command + b"\r\n")
        return connection.recv(64).strip()
