"""SMS-DELIVER: what handsets send us (TS 23.040 §9.2.2.1)."""

from dataclasses import dataclass
from datetime import datetime

from sms.pdu.addresses import NO_SERVICE_CENTRE, Address, decode_address
from sms.pdu.octets import Octets
from sms.pdu.timestamps import decode_timestamp, encode_timestamp
from sms.pdu.user_data import (
    Alphabet,
    Concatenation,
    DataCoding,
    UserData,
    decode_coding,
    decode_user_data,
    encode_user_data,
    storable,
)

_NO_MORE_MESSAGES = 0x04
_HEADER = 0x40


@dataclass(frozen=True, slots=True)
class Deliver:
    """One received segment. `sent_at`: the service centre's time, None if it sent no date."""

    service_centre: Address | None
    originator: Address
    coding: DataCoding
    user_data: UserData
    sent_at: datetime | None
    protocol_id: int = 0

    @property
    def text(self) -> str:
        """This segment's text, safe to store; a pair cut by the sender shows as U+FFFD."""
        return storable(self.user_data.text)

    @property
    def concatenation(self) -> Concatenation | None:
        return self.user_data.concatenation


def decode_deliver(data: Octets, first: int, service_centre: Address | None) -> Deliver:
    """Read on after the first octet. Raises: DecodeError."""
    originator = decode_address(data, "originator")
    protocol_id = data.octet("protocol identifier")
    coding = decode_coding(data.octet("data coding"))
    sent_at = decode_timestamp(data, "time stamp")
    user_data = decode_user_data(data, coding, has_header=bool(first & _HEADER))
    return Deliver(service_centre, originator, coding, user_data, sent_at, protocol_id)


def encode_deliver(
    originator: Address,
    text: str,
    sent_at: datetime,
    *,
    alphabet: Alphabet = Alphabet.GSM7,
    concatenation: Concatenation | None = None,
    service_centre: Address | None = None,
) -> str:
    """A DELIVER as a network would hand it over, in hex (for the simulator and tests)."""
    header = concatenation.encode() if concatenation else b""
    coding = DataCoding(alphabet)
    length, body = encode_user_data(text, coding, header)
    prefix = service_centre.encode_service_centre() if service_centre else NO_SERVICE_CENTRE
    tpdu = bytes([_NO_MORE_MESSAGES | (_HEADER if header else 0)]) + originator.encode()
    tpdu += bytes([0, coding.encode()]) + encode_timestamp(sent_at) + bytes([length]) + body
    return (prefix + tpdu).hex().upper()
