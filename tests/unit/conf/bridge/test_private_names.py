"""Every private name of aiortc, aioice and pylibsrtp we rely on is where we left it."""

import inspect

from aioice import stun
from aiortc import rtcdtlstransport
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib


def test_aiortc_dtls_transport() -> None:
    """The methods our handshaker overrides or calls, and the states it looks at."""
    cls = rtcdtlstransport.RTCDtlsTransport
    for name in ("_setup_srtp", "_set_role", "_set_state", "_recv_next", "_write_ssl", "start"):
        assert callable(getattr(cls, name)), name
    source = inspect.getsource(cls)
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


def test_aioice_stun_codec() -> None:
    """Message, integrity and the cookie."""
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.add_message_integrity(b"key")
    assert stun.parse_message(bytes(message)).check_message_integrity(b"key")
    assert stun.COOKIE == 0x2112A442
