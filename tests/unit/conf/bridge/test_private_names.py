"""Every private name of aiortc and pylibsrtp we rely on is where we left it."""

import ast
import inspect
from pathlib import Path

from aiortc import rtcdtlstransport
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

from conf.media.srtp import OK, Keys, SrtpContexts, protect, unprotect

CONF = Path(__file__).parents[4] / "conf"
REPLAYS = {9, 10}  # srtp_err_status_replay_fail, srtp_err_status_replay_old
FOREIGN = ("aioice", "aiortc", "pylibsrtp")
# What conf imports of them, in any file; each has its test below.
IMPORTED = {
    ("aiortc.rtcdtlstransport", "RTCCertificate"),
    ("aiortc.rtcdtlstransport", "RTCDtlsFingerprint"),
    ("aiortc.rtcdtlstransport", "RTCDtlsParameters"),
    ("aiortc.rtcdtlstransport", "RTCDtlsTransport"),
    ("aiortc.rtcdtlstransport", "SRTP_AEAD_AES_128_GCM"),
    ("aiortc.rtcdtlstransport", "SRTP_AEAD_AES_256_GCM"),
    ("aiortc.rtcdtlstransport", "SRTP_AES128_CM_SHA1_80"),
    ("aiortc.rtcdtlstransport", "SRTP_PROFILES"),
    ("aiortc.rtcdtlstransport", "State"),
    ("pylibsrtp", "Policy"),
    ("pylibsrtp", "Session"),
    ("pylibsrtp._binding", "ffi"),
    ("pylibsrtp._binding", "lib"),
}


def test_nothing_else_of_them_is_imported() -> None:
    """A new name is added above together with what is expected of it."""
    found = set()
    for file in CONF.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(FOREIGN):
                found |= {(node.module, alias.name) for alias in node.names}
            elif isinstance(node, ast.Import):
                found |= {(a.name, "*") for a in node.names if a.name.startswith(FOREIGN)}
    assert found == IMPORTED


def test_every_library_call_of_conf_exists() -> None:
    """`lib.srtp_…`, wherever it stands."""
    used = set()
    for file in CONF.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("lib.srtp"):
                used.add(node.attr)
    assert "srtp_unprotect_rtcp" in used
    for name in used:
        assert hasattr(lib, name), name
    assert callable(ffi.new)
    assert callable(ffi.cast)


def test_aiortc_dtls_transport() -> None:
    """The methods our handshaker overrides or calls, and the states it looks at."""
    cls = rtcdtlstransport.RTCDtlsTransport
    for name in ("_setup_srtp", "_set_role", "_set_state", "_recv_next", "_write_ssl", "start"):
        assert callable(getattr(cls, name)), name
    source = inspect.getsource(cls)
    for name in ("remove_all_listeners", "on", "stop"):
        assert callable(getattr(cls, name)), name
    for name in ("self._srtp_profiles", "self._ssl", "self._role", "self.transport._recv()"):
        assert name in source, name
    assert "await self.transport._send(data)" in source
    assert {state.name for state in rtcdtlstransport.State} >= {"FAILED", "CLOSED"}
    assert inspect.signature(cls.__init__).parameters.keys() == {
        "self",
        "transport",
        "certificates",
    }


def test_aiortc_srtp_profiles() -> None:
    """Key material is split by aiortc's own profile objects."""
    names = [p.openssl_profile for p in rtcdtlstransport.SRTP_PROFILES]
    assert b"SRTP_AEAD_AES_128_GCM" in names
    assert b"SRTP_AES128_CM_SHA1_80" in names
    for profile in rtcdtlstransport.SRTP_PROFILES:
        key, salt = profile.key_length, profile.salt_length
        assert len(profile.get_key_and_salt(bytes(2 * (key + salt)), 0)) == key + salt
        assert isinstance(profile.libsrtp_profile, int)
    profile = rtcdtlstransport.SRTP_AEAD_AES_128_GCM
    assert profile.get_key_and_salt(bytes(range(56)), 1) == bytes(range(16, 32)) + bytes(
        range(44, 56)
    )


def test_pylibsrtp_session_and_binding() -> None:
    """The context pointer inside Session and the in-place calls of its library."""
    policy = Policy(
        key=bytes(28),
        ssrc_type=Policy.SSRC_ANY_OUTBOUND,
        srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    )
    assert Session(policy)._srtp[0] != ffi.NULL
    for name in ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp"):
        assert ffi.typeof(getattr(lib, name)).kind == "function"
    assert lib.srtp_err_status_ok == 0


def test_a_number_is_encrypted_once_and_decrypted_once() -> None:
    """`allow_repeat_tx` is off (a repeated nonce breaks GCM), and a replay has one of two codes."""
    key = bytes(range(28))
    ours = SrtpContexts(Keys(Policy.SRTP_PROFILE_AEAD_AES_128_GCM, key, key))
    plain = bytes((0x80, 96, 0, 1)) + bytes(4) + b"\1\2\3\4" + b"payload"
    buffer, size = ffi.new("char[]", 256), ffi.new("int *", len(plain))
    ffi.memmove(buffer, plain, len(plain))
    assert protect(ours.send, buffer, size) == OK
    sealed = ffi.buffer(buffer, size[0])[:]
    ffi.memmove(buffer, plain, len(plain))
    size[0] = len(plain)
    assert protect(ours.send, buffer, size) in REPLAYS
    outcomes = []
    for _ in range(2):
        ffi.memmove(buffer, sealed, len(sealed))
        size[0] = len(sealed)
        outcomes.append(unprotect(ours.receive, buffer, size))
    assert outcomes[0] == OK
    assert outcomes[1] in REPLAYS
