"""Join links: random tokens short enough for an SMS, stored only as hashes (pure but for random).

128 bits do not fit a path of 20 characters in the 64 characters that survive every handset's link
detection: `/j/` leaves 17, which carry 102 bits (docs/decisions/0005-join-link-length.md).
"""

import hashlib
import re
import secrets

PATH_PREFIX = "/j/"
TOKEN_LENGTH = 17
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{TOKEN_LENGTH}}}")
_PIN = re.compile(r"\d{6}")


def new_token() -> str:
    """A token of 102 random bits; never begins or ends with a mark a handset cuts off a link."""
    while True:
        token = "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_LENGTH))
        if token[0].isalnum() and token[-1].isalnum():
            return token


def path_of(token: str) -> str:
    """The path of a token's link, 20 characters."""
    return PATH_PREFIX + token


def is_token(text: str) -> bool:
    """Whether `text` has the form of a token."""
    return bool(_TOKEN.fullmatch(text))


def hash_token(token: str) -> str:
    """What is stored: SHA-256 in hex; the token is random, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def seat_key(link_id: str) -> str:
    """What names a link's seat within its meeting."""
    return f"link:{link_id}"


def is_pin(text: str) -> bool:
    """Six digits."""
    return bool(_PIN.fullmatch(text))
