"""Relay credentials as coturn checks them (`use-auth-secret`, the TURN REST form)."""

import pytest
from pydantic import ValidationError

from conf.media.turn import ice_servers
from conf.settings import TurnSettings

URLS = ["turn:relay.example:3478", "turns:relay.example:5349?transport=tcp"]


def test_the_credential_is_the_one_coturn_computes() -> None:
    """printf 1700043200:east | openssl dgst -sha1 -hmac north -binary | openssl base64."""
    settings = TurnSettings.model_validate({"urls": URLS, "secret": "north", "lifetime_s": 43_200})
    (server,) = ice_servers(settings, "east", 1_700_000_000)
    assert server["urls"] == URLS
    assert server["username"] == "1700043200:east"
    assert server["credential"] == "lN5b/MCMHbULng8spEN7is2siy4="


def test_no_relay_means_no_server() -> None:
    assert ice_servers(TurnSettings(), "east", 1_700_000_000) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"urls": URLS}, "secret"),
        ({"urls": ["http://relay.example"], "secret": "north"}, "RFC 7065"),
        ({"urls": ["turn:"], "secret": "north"}, "RFC 7065"),
        ({"urls": ["stun:relay.example"], "secret": "north"}, "RFC 7065"),
    ],
)
def test_a_relay_nobody_could_use_is_refused_at_the_start(given: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TurnSettings.model_validate(given)


@pytest.mark.parametrize("url", [*URLS, "turn:192.0.2.1", "turn:[2001:db8::1]:3478"])
def test_addresses_of_relays(url: str) -> None:
    assert TurnSettings.model_validate({"urls": [url], "secret": "north"}).urls == (url,)
