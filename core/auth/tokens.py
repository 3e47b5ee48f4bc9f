"""What the server hands to a browser: cookie and CSRF values, and secrets kept encrypted."""

import base64
import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken

from core.errors import NotSignedIn


class Tokens:
    """Signs and encrypts with the installation's key, which lives outside the database."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 random bytes."""
        self._key = key
        self._box = Fernet(base64.urlsafe_b64encode(self._mac("box:v1")))

    def new_session(self) -> tuple[str, str]:
        """A fresh token. Returns: (cookie value, hash to store)."""
        token = secrets.token_urlsafe(32)
        return f"{token}.{self._sign(token)}", hash_token(token)

    def session_hash(self, cookie: str) -> str:
        """The stored hash of the session that `cookie` names.

        Raises: NotSignedIn: not signed by this server; spares the database a look-up.
        """
        token, _, signature = cookie.partition(".")
        if not hmac.compare_digest(_bytes(signature), self._sign(token).encode()):
            raise NotSignedIn("the session cookie is not valid")
        return hash_token(token)

    def csrf(self, session_id: str) -> str:
        """What the header X-CSRF-Token must carry in this session."""
        return self._mac(f"csrf:{session_id}").hex()[:32]

    def is_csrf(self, session_id: str, given: str) -> bool:
        """Whether `given` is this session's CSRF value."""
        return hmac.compare_digest(self.csrf(session_id).encode(), _bytes(given))

    def seal(self, secret: str) -> str:
        """`secret`, encrypted for the database."""
        return self._box.encrypt(secret.encode()).decode()

    def unseal(self, sealed: str) -> str | None:
        """The secret; None if it was sealed with another key (a restore without its key)."""
        try:
            return self._box.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None

    def _sign(self, token: str) -> str:
        return self._mac(f"cookie:{token}").hex()[:32]

    def _mac(self, text: str) -> bytes:
        return hmac.new(self._key, _bytes(text), hashlib.sha256).digest()


def _bytes(text: str) -> bytes:
    """`text` of a header, whatever bytes a stranger put there."""
    return text.encode("utf-8", "surrogateescape")


def hash_token(token: str) -> str:
    """SHA-256 in hex: the token is random, so no salt and no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()
