"""The certificate: its key, its names, its authority, and when each ends."""

import asyncio
import ipaddress
import itertools
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from signaling.app import base_url
from signaling.selftest.model import Finding, good
from signaling.settings import HttpSettings, Settings

_SOON = timedelta(days=30)
_AUTHORITY_SOON = timedelta(days=180)
_RENEW = "run `python server.py cert` (phones that trust its CA need nothing) and restart"
_SUBJECT = "certificate"
_LOCAL = {"127.0.0.1", "::1", "localhost"}


async def check_certificate(settings: Settings, now: datetime) -> list[Finding]:
    """What browsers will think of the HTTPS of these settings at `now`."""
    http = settings.http
    if http.tls_certificate is None:
        return [_without(settings)]
    host = await asyncio.to_thread(lambda: urlsplit(base_url(settings)).hostname or "")
    return await asyncio.to_thread(_judged, http, host, now)


def _without(settings: Settings) -> Finding:
    if settings.http.host in _LOCAL or settings.is_https:
        return good(
            _SUBJECT, "none needed on the loopback or behind a proxy", "certificate_unneeded"
        )
    mend = "run `python server.py cert` and set http.tls_certificate and http.tls_key"
    text = "none: browsers on other machines give no camera or microphone without HTTPS"
    return Finding(_SUBJECT, "certificate.none", text, mend)


def _judged(http: HttpSettings, host: str, now: datetime) -> list[Finding]:
    assert http.tls_certificate is not None
    try:
        chain = x509.load_pem_x509_certificates(http.tls_certificate.read_bytes())
    except (OSError, ValueError) as error:
        return [_bad("unreadable", f"{http.tls_certificate}: {error}", _RENEW)]
    own = chain[0]
    found = [_key(own, http.tls_key), _times(own, now), _names(own, host), _chain(chain, now)]
    if wrong := [finding for finding in found if finding is not None]:
        return wrong
    ends = f"{own.not_valid_after_utc:%Y-%m-%d}"
    names = ", ".join(_names_of(own))
    text = f"good until {ends} for {names}"
    return [good(_SUBJECT, text, "certificate", until=ends, names=names)]


def _bad(code: str, text: str, mend: str) -> Finding:
    return Finding(_SUBJECT, f"certificate.{code}", text, mend)


def _key(own: x509.Certificate, file: Path | None) -> Finding | None:
    mend = "set http.tls_key to the key this certificate was made with, or make both anew"
    if file is None:
        return _bad("key", "http.tls_key is not set", mend)
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        return _bad("key", f"{file}: {error}", mend)
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != own.public_key().public_bytes(*form):
        return _bad("key", f"{file} is the key of another certificate", mend)
    return None


def _times(own: x509.Certificate, now: datetime) -> Finding | None:
    if own.not_valid_before_utc > now:
        text = f"valid from {own.not_valid_before_utc:%Y-%m-%d}"
        return _bad("early", text, "is this machine's clock right?")
    ends = own.not_valid_after_utc
    if ends < now + _SOON:
        return _bad("ends", f"{'ended' if ends < now else 'ends'} {ends:%Y-%m-%d}", _RENEW)
    return None


def _names(own: x509.Certificate, host: str) -> Finding | None:
    names = _names_of(own)
    if any(_covers(name, host) for name in names):
        return None
    text = f"good for {', '.join(names) or 'no name'}, but browsers come to {host}"
    mend = f"run `python server.py cert --name {host}` and restart, or correct http.public_url"
    return _bad("names", text, mend)


def _names_of(own: x509.Certificate) -> list[str]:
    try:
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names]


def _covers(name: str, host: str) -> bool:
    """RFC 9525 §6.3: a star stands for one label; addresses are compared as such."""
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(host)
    except ValueError:
        pass
    first, _, rest = host.lower().partition(".")
    return name.lower() == host.lower() or (bool(first) and name.lower() == f"*.{rest}")


def _chain(chain: list[x509.Certificate], now: datetime) -> Finding | None:
    """The authorities in the file: each signed the one before, and none ends soon."""
    for own, issuer in itertools.pairwise(chain):
        try:
            own.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            text = f"the file's {_called(issuer)} did not sign its {_called(own)}"
            return _bad("chain", text, "put the server's certificate first, then its issuers")
        if issuer.not_valid_after_utc < now + _AUTHORITY_SOON:
            text = f"its authority ends {issuer.not_valid_after_utc:%Y-%m-%d}"
            mend = "move tls/ca.* away, run `python server.py cert`, install the new CA everywhere"
            return _bad("authority", text, mend)
    return None


def _called(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "certificate"
