"""A local certificate authority and a server certificate with the box's addresses.

Browsers give camera and microphone only to pages that came by HTTPS (or from localhost).
"""

import ipaddress
import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_YEARS = 10
SERVER_DAYS = 397
"""The longest that browsers accept (CA/Browser Forum, since 2020)."""

PrivateKey = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Issued:
    """Where things are. `authority`: to be installed on every PC and phone."""

    authority: Path
    certificate: Path
    key: Path
    names: tuple[str, ...]


def issue(folder: Path, names: tuple[str, ...], now: datetime) -> Issued:
    """Make a server certificate for `names` (host names and addresses); the CA is made once."""
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    authority, authority_key = _authority(folder, now)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name(names[0]), authority.subject, key, now, timedelta(days=SERVER_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), False
        )
        .sign(authority_key, hashes.SHA256())
    )
    chain = _pem(certificate) + _pem(authority)
    _write(folder / "server.key", _key_pem(key))
    _write(folder / "server.pem", chain)
    return Issued(folder / "ca.pem", folder / "server.pem", folder / "server.key", names)


def own_addresses() -> tuple[str, ...]:
    """This machine's names and addresses, the loopback included."""
    found = dict.fromkeys(("localhost", socket.gethostname(), "127.0.0.1", "::1"))
    try:
        known = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        known = []
    for *_, address in known:
        found.setdefault(str(address[0]).partition("%")[0])
    if outward := _outward_address():
        found.setdefault(outward)
    return tuple(found)


def _outward_address() -> str | None:
    """The address packets to elsewhere carry; a UDP connect picks a route and sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, PrivateKey]:
    certificate_file, key_file = folder / "ca.pem", folder / "ca.key"
    if certificate_file.exists() and key_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(key, PrivateKey)
        return x509.load_pem_x509_certificate(certificate_file.read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Fengsui local CA {socket.gethostname()}"[:64])
    certificate = (
        _builder(name, name, key, now, timedelta(days=365 * CA_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(_ca_usage(), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    _write(key_file, _key_pem(key))
    _write(certificate_file, _pem(certificate))
    return certificate, key


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks in the county differ
        .not_valid_after(now + life)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
