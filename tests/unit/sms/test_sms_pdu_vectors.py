"""Golden PDUs (tests/vectors/sms): every field as stated, and back to the same octets."""

import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sms.pdu import (
    Address,
    Alphabet,
    Deliver,
    StatusReport,
    Submit,
    decode_incoming,
    decode_submit,
    encode_submit,
)
from sms.segments import alphabet_of

VECTORS = Path(__file__).parents[2] / "vectors" / "sms"


def _load(name: str) -> list[Any]:
    pdus: list[dict[str, Any]] = tomllib.loads((VECTORS / name).read_text())["pdu"]
    return [pytest.param(pdu, id=pdu["name"]) for pdu in pdus]


@pytest.mark.parametrize("pdu", _load("incoming.toml"))
def test_incoming(pdu: dict[str, Any]) -> None:
    decoded = decode_incoming(pdu["hex"])
    sent_at = datetime.fromisoformat(pdu["sent_at"]) if "sent_at" in pdu else None
    assert decoded.sent_at == sent_at
    if isinstance(decoded, StatusReport):
        assert pdu["kind"] == "status_report"
        assert decoded.recipient.value == pdu["sender"]
        assert decoded.reference == pdu["reference"]
        assert decoded.state == pdu["state"]
        return
    assert isinstance(decoded, Deliver)
    assert decoded.originator.value == pdu["sender"]
    assert decoded.text == pdu["text"]
    joined = decoded.concatenation
    found = [joined.reference, joined.count, joined.number] if joined else None
    assert found == pdu.get("concatenation")
    if "service_centre" in pdu:
        assert decoded.service_centre is not None
        assert decoded.service_centre.value == pdu["service_centre"]


@pytest.mark.parametrize("pdu", _load("submit.toml"))
def test_submit(pdu: dict[str, Any]) -> None:
    validity = timedelta(seconds=pdu["validity_s"]) if "validity_s" in pdu else None
    submit = Submit(
        Address.parse(pdu["number"]),
        pdu["text"],
        alphabet_of(pdu["text"]),
        message_class=0 if pdu.get("is_flash") else None,
        validity=validity,
        wants_report=pdu.get("wants_report", False),
    )
    encoded = encode_submit(submit)
    assert encoded.hex == pdu["hex"]
    assert encoded.tpdu_length == pdu["tpdu_length"]
    decoded = decode_submit(encoded.hex)
    assert decoded.user_data.text == pdu["text"]
    assert decoded.validity == validity
    assert decoded.coding.alphabet in (Alphabet.GSM7, Alphabet.UCS2)
