"""The small decisions of the edge."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from core.errors import NotAllowed
from signaling.attempt import attempt
from signaling.certificates import issue
from signaling.metrics import LoopLag, percentile
from signaling.security import check_origin, remote_address

NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("origin", "site", "host", "public", "is_good"),
    [
        ("http://box:8080", None, "box:8080", None, True),
        ("http://BOX:8080", None, "box:8080", None, True),
        ("http://box:8081", None, "box:8080", None, False),
        ("http://box", None, "box:8080", None, False),
        ("null", None, "null", None, False),
        ("https://f.example", None, "10.0.0.1:8080", "https://f.example", True),
        ("https://f.example.evil", None, "10.0.0.1:8080", "https://f.example", False),
        (None, "same-origin", "box", None, True),
        (None, "none", "box", None, True),
        (None, "cross-site", "box", None, False),
        (None, None, "box", None, True),
    ],
)
def test_origins(
    origin: str | None, site: str | None, host: str, public: str | None, is_good: bool
) -> None:
    if is_good:
        check_origin(origin, site, host, public)
    else:
        with pytest.raises(NotAllowed):
            check_origin(origin, site, host, public)


@pytest.mark.parametrize(
    ("peer", "header", "trusted", "expected"),
    [
        ("9.9.9.9", None, (), "9.9.9.9"),
        ("9.9.9.9", "1.1.1.1", (), "9.9.9.9"),
        ("10.0.0.1", "1.1.1.1", ("10.0.0.1",), "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", ("10.0.0.1",), "1.1.1.1"),
        ("10.0.0.1", "1.1.1.1, 10.0.0.2", ("10.0.0.1", "10.0.0.2"), "1.1.1.1"),
        (None, None, (), "unknown"),
    ],
)
def test_only_a_trusted_proxy_is_believed(
    peer: str | None, header: str | None, trusted: tuple[str, ...], expected: str
) -> None:
    """Otherwise anybody could write themselves a new address for each wrong password."""
    assert remote_address(peer, header, trusted) == expected


async def test_a_cancelled_attempt_stays_cancelled() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await attempt(cancelled(), what="x", deadline_s=1, trace="t")


@pytest.mark.parametrize(
    ("samples", "share", "expected"),
    [([], 0.99, 0.0), ([5.0], 0.99, 5.0), ([float(n) for n in range(1000)], 0.99, 990.0)],
)
def test_percentiles(samples: list[float], share: float, expected: float) -> None:
    assert percentile(samples, share) == expected


async def test_a_blocked_loop_shows_as_lag() -> None:
    lag = LoopLag()
    lag.every_s = 0.01
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lag.run(ready))
        await ready.wait()
        await asyncio.sleep(0.02)
        lag.stop()
    assert lag.p99_s >= 0.0


def test_a_certificate_names_the_box_and_is_signed_by_a_ca_made_once(tmp_path: Path) -> None:
    names = ("box.local", "192.168.1.10", "::1")
    first = issue(tmp_path, names, NOW)
    authority = first.authority.read_bytes()
    second = issue(tmp_path, names, NOW)
    assert second.authority.read_bytes() == authority, "phones trust the CA; it must stay"
    assert second.names == names
    server = x509.load_pem_x509_certificate(second.certificate.read_bytes())
    alternatives = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert tuple(str(name.value) for name in alternatives) == names
    assert (server.not_valid_after_utc - NOW).days == 397
    server.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    for name in ("ca.key", "server.key"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
