"""Where a webhook may point: never, by a detour, at the server itself or its neighbours (pure)."""

import ipaddress
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

from core.errors import InvalidInput

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(allowed: Iterable[str]) -> tuple[IpNetwork, ...]:
    """The networks an operator allows beside the public ones. Raises: ValueError."""
    return tuple(ipaddress.ip_network(text) for text in allowed)


def is_allowed(address: str, also: Iterable[IpNetwork] = ()) -> bool:
    """Whether an address may be connected to: public unicast, or inside one of `also`.

    An IPv4 address in IPv6 clothes (mapped, 6to4, Teredo, NAT64) is judged as what it is.
    """
    try:
        ip: IpAddress = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inner(ip)
    if any(one.version == net.version and one in net for one in (ip, inner) for net in also):
        return True
    return all(one.is_global and not one.is_multicast for one in (ip, inner))


def _inner(ip: IpAddress) -> IpAddress:
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    if ip in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip


def check_url(url: str, also: Iterable[IpNetwork] = ()) -> None:
    """Raise InvalidInput unless `url` is one a webhook may have; names are judged when resolved."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(f"no address: {error}", field="url") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidInput("http://… or https://…", field="url")
    if parts.username or parts.password or parts.fragment:
        raise InvalidInput("no user, password or fragment in it", field="url")
    if _is_literal(host) and not is_allowed(host, also):
        raise InvalidInput("this address is inside; an operator can allow it", field="url")


def _is_literal(host: str) -> bool:
    """Whether a resolver would take it for an address, old notations (127.1, 0x7f…) included."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        host = unicodedata.normalize("NFKC", host).replace("\u3002", ".")  # as IDNA reads it
        last = host.rstrip(".").rpartition(".")[2]
        return last.isdecimal() or last.lower().startswith("0x")
    return True
