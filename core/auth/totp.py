"""The second factor: time-based one-time passwords (RFC 6238), 6 digits, 30 s steps."""

from datetime import datetime

import pyotp

STEP_S = 30
DRIFT_STEPS = 1
ISSUER = "Fengsui"


def new_secret() -> str:
    """A fresh secret, base32, 160 bits (RFC 4226 §4 R6)."""
    return pyotp.random_base32()


def address(secret: str, login: str) -> str:
    """The otpauth:// address an authenticator app scans."""
    return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=login, issuer_name=ISSUER)


def matching_step(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The time step whose code is `code`, one step of drift allowed either way; None: no match.

    A step not after `last_step` never matches: a code is good once (RFC 6238 §5.2).
    """
    totp = pyotp.TOTP(secret, interval=STEP_S)
    current = int(now.timestamp()) // STEP_S
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        if step > last_step and pyotp.utils.strings_equal(totp.at(step * STEP_S), code):
            return step
    return None
