"""SMS-SUBMIT: what we send (TS 23.040 §9.2.2.2)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sms.pdu.addresses import (
    NO_SERVICE_CENTRE,
    Address,
    decode_address,
    decode_service_centre,
)
from sms.pdu.octets import DecodeError, Octets
from sms.pdu.user_data import (
    Alphabet,
    Concatenation,
    DataCoding,
    UserData,
    decode_coding,
    decode_user_data,
    encode_user_data,
)
from sms.pdu.validity import FORMAT_RELATIVE, decode_validity, encode_relative

_MTI_SUBMIT = 0x01
_REJECT_DUPLICATES = 0x04
_STATUS_REPORT = 0x20
_HEADER = 0x40
_REPLY_PATH = 0x80


@dataclass(frozen=True, slots=True)
class SubmitPdu:
    """A PDU for AT+CMGS: hex with the service-centre octet(s) first.

    `tpdu_length`: octets without the service-centre field (TS 27.005 §3.5.1), as AT+CMGS wants it.
    """

    hex: str
    tpdu_length: int


@dataclass(frozen=True, slots=True)
class Submit:
    """One segment to one number.

    `validity` None leaves TP-VP out. `message_class` 0 = flash. `reference`: TP-MR; modems choose
    their own, so 0. `rejects_duplicates` sets TP-RD (useful on a marked retry only).
    """

    destination: Address
    text: str
    alphabet: Alphabet = Alphabet.GSM7
    concatenation: Concatenation | None = None
    message_class: int | None = None
    validity: timedelta | None = None
    wants_report: bool = True
    rejects_duplicates: bool = False
    reference: int = 0
    protocol_id: int = 0


def encode_submit(submit: Submit, service_centre: Address | None = None) -> SubmitPdu:
    """The PDU of `submit`; without `service_centre` the SIM's own is used.

    Raises: ValueError: text over 140 octets or outside its alphabet.
    """
    header = submit.concatenation.encode() if submit.concatenation else b""
    coding = DataCoding(submit.alphabet, submit.message_class)
    length, body = encode_user_data(submit.text, coding, header)
    first = (
        _MTI_SUBMIT
        | (_REJECT_DUPLICATES if submit.rejects_duplicates else 0)
        | (FORMAT_RELATIVE << 3 if submit.validity is not None else 0)
        | (_STATUS_REPORT if submit.wants_report else 0)
        | (_HEADER if header else 0)
    )
    tpdu = bytearray([first, submit.reference])
    tpdu += submit.destination.encode()
    tpdu += bytes([submit.protocol_id, coding.encode()])
    if submit.validity is not None:
        tpdu.append(encode_relative(submit.validity))
    tpdu.append(length)
    tpdu += body
    prefix = service_centre.encode_service_centre() if service_centre else NO_SERVICE_CENTRE
    return SubmitPdu((prefix + bytes(tpdu)).hex().upper(), len(tpdu))


@dataclass(frozen=True, slots=True)
class DecodedSubmit:
    """A SUBMIT as the network (here: the simulator, the tests) reads it."""

    service_centre: Address | None
    destination: Address
    reference: int
    coding: DataCoding
    user_data: UserData
    validity: timedelta | datetime | None
    wants_report: bool
    rejects_duplicates: bool
    protocol_id: int


def decode_submit(pdu_hex: str) -> DecodedSubmit:
    """Read a SUBMIT with its service-centre field. Raises: DecodeError."""
    data = Octets.from_hex(pdu_hex)
    service_centre = decode_service_centre(data)
    first = data.octet("first octet")
    if first & 0x03 != _MTI_SUBMIT:
        raise DecodeError("message type", data.offset - 1, "not a SUBMIT")
    reference = data.octet("reference")
    destination = decode_address(data, "destination")
    protocol_id = data.octet("protocol identifier")
    coding = decode_coding(data.octet("data coding"))
    validity = decode_validity(data, first >> 3 & 0x03)
    user_data = decode_user_data(data, coding, has_header=bool(first & _HEADER))
    return DecodedSubmit(
        service_centre,
        destination,
        reference,
        coding,
        user_data,
        validity,
        bool(first & _STATUS_REPORT),
        bool(first & _REJECT_DUPLICATES),
        protocol_id,
    )
