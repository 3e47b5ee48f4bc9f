"""What a carrier delivers, as the PDUs a modem would hand over: one path reads both (pure).

§5.2.19 data_coding; §5.3.2.32 message_payload; §5.3.2.22 to 24 sar_msg_ref_num and its kin, which
some carriers use instead of a user data header.
"""

import zlib
from datetime import datetime

from sms import segments
from sms.pdu import gsm7
from sms.pdu.addresses import Address
from sms.pdu.deliver import encode_deliver
from sms.pdu.status_report import encode_status_report
from sms.pdu.user_data import Concatenation, concatenation_in, parse_header, storable
from sms.smpp import receipts
from sms.smpp.pdu import ShortMessage, SmppError

PAYLOAD_TAG, SAR_REFERENCE_TAG, SAR_COUNT_TAG, SAR_NUMBER_TAG = 0x0424, 0x020C, 0x020E, 0x020F
INTERNATIONAL, _ALPHANUMERIC = 1, 5  # TON, §5.2.5
UCS2_CODING = 0x08
_LATIN_CODINGS = (0x01, 0x03)
_ALPHABET_BITS, _UCS2_BITS, _OCTETS_BITS = 0x0C, 0x08, 0x04


def as_gsm(message: ShortMessage, now: datetime) -> list[str]:
    """STATUS-REPORT, or each segment as a DELIVER, in hex; `now` for the times SMPP does not tell.

    Raises: ValueError, InvalidInput: a sender, a header or a content no PDU can have.
    """
    sender = _peer(message)
    if message.is_receipt:
        receipt = receipts.read_receipt(message)
        name = receipt.message_id.encode("latin-1")  # two reports of one second are two
        return [encode_status_report(0, sender, now, now, receipt.status, name)]
    content = message.options.get(PAYLOAD_TAG) or message.content
    joined = _from_options(message.options)
    if message.has_header and content:
        size = content[0]
        joined = concatenation_in(parse_header(content[1 : 1 + size], 1)) or joined
        content = content[1 + size :]
    text = _text(content, message.data_coding)
    if joined is not None:
        return [_deliver(sender, storable(text), now, joined)]
    cut = segments.split(storable(text), zlib.crc32(content) & 0xFFFF)
    return [_deliver(sender, one.text, now, one.concatenation) for one in cut]


def _peer(message: ShortMessage) -> Address:
    if message.source_ton == _ALPHANUMERIC:
        return Address.named(message.source)
    is_international = message.source_ton == INTERNATIONAL and not message.source.startswith("+")
    return Address.parse(f"+{message.source}" if is_international else message.source)


def _from_options(options: dict[int, bytes]) -> Concatenation | None:
    reference, count, number = (
        int.from_bytes(options.get(tag, b""), "big")
        for tag in (SAR_REFERENCE_TAG, SAR_COUNT_TAG, SAR_NUMBER_TAG)
    )
    is_valid = 1 <= number <= count <= 255 and SAR_REFERENCE_TAG in options
    return Concatenation(reference & 0xFFFF, count, number) if is_valid else None


def _text(content: bytes, coding: int) -> str:
    if coding in _LATIN_CODINGS:
        return content.decode("latin-1")
    if coding & _ALPHABET_BITS == _UCS2_BITS:
        return content[: len(content) // 2 * 2].decode("utf-16-be", "surrogatepass")
    if coding & _ALPHABET_BITS == _OCTETS_BITS:
        raise SmppError(f"data_coding {coding:#x} is no text")
    return gsm7.decode(octet & 0x7F for octet in content)


def _deliver(sender: Address, text: str, now: datetime, joined: Concatenation | None) -> str:
    return encode_deliver(
        sender, text, now, alphabet=segments.alphabet_of(text), concatenation=joined
    )
