"""The addresses told to clients: the configured ones (1:1 NAT), else those of this machine."""

import socket
import time
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from ifaddr import get_adapters

from conf.media.answer import Candidate
from conf.settings import MediaSettings

MAX_ADDRESSES: Final = 8
LOOK_EVERY_S: Final = 10  # sixty sites that join at once look once; a new lease is told soon


@lru_cache(maxsize=1)
def _of_this_machine(_: int) -> tuple[str, ...]:
    """Addresses of all interfaces: IPv4 first, loopback last, link-local left out."""
    found: list[str] = []
    for adapter in get_adapters():
        for entry in adapter.ips:
            text = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
            address = ip_address(text.partition("%")[0])
            if not address.is_link_local:
                found.append(str(address))
    found.sort(key=lambda text: (ip_address(text).is_loopback, ":" in text))
    return tuple(found[:MAX_ADDRESSES])


def candidates(settings: MediaSettings, port: int, tcp_port: int = 0) -> tuple[Candidate, ...]:
    """UDP candidates, then TCP ones when `tcp_port` is given."""
    if settings.addresses:
        hosts = tuple(str(address) for address in settings.addresses)
    elif settings.listen in ("::", "0.0.0.0"):  # noqa: S104 - comparing, not binding
        hosts = _of_this_machine(int(time.monotonic() // LOOK_EVERY_S))
        if settings.listen != "::" or not socket.has_ipv6:
            hosts = tuple(host for host in hosts if ":" not in host)
    else:
        hosts = (settings.listen,)
    udp = tuple(Candidate(host, port) for host in hosts)
    return udp + (
        tuple(Candidate(host, tcp_port, is_tcp=True) for host in hosts) if tcp_port else ()
    )
