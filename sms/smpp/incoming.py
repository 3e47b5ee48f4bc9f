"""What a carrier delivers, as the PDU a modem would hand over: one path reads both (pure)."""

from datetime import datetime

from sms.pdu import gsm7
from sms.pdu.addresses import Address
from sms.pdu.deliver import encode_deliver
from sms.pdu.status_report import encode_status_report
from sms.pdu.user_data import Alphabet, concatenation_in, parse_header
from sms.smpp import receipts
from sms.smpp.pdu import ShortMessage

INTERNATIONAL, _ALPHANUMERIC = 1, 5  # TON, §5.2.5
UCS2_CODING = 0x08


def as_gsm(message: ShortMessage, now: datetime) -> str:
    """DELIVER or STATUS-REPORT in hex; `now` stands for the times SMPP does not tell.

    Raises: ValueError, InvalidInput: a sender, a header or a length no PDU can have.
    """
    peer = _peer(message)
    if message.is_receipt:
        receipt = receipts.read_receipt(message)
        reference = receipts.reference_of(receipt.message_id)
        return encode_status_report(reference, peer, now, now, receipt.status)
    content, joined = message.content, None
    if message.has_header and content:
        size = content[0]
        joined = concatenation_in(parse_header(content[1 : 1 + size], 1))
        content = content[1 + size :]
    if message.data_coding == UCS2_CODING:
        text, alphabet = content.decode("utf-16-be", "replace"), Alphabet.UCS2
    else:
        text, alphabet = gsm7.decode(octet & 0x7F for octet in content), Alphabet.GSM7
    return encode_deliver(peer, text, now, alphabet=alphabet, concatenation=joined)


def _peer(message: ShortMessage) -> Address:
    if message.source_ton == _ALPHANUMERIC:
        return Address.named(message.source)
    is_international = message.source_ton == INTERNATIONAL and not message.source.startswith("+")
    return Address.parse(f"+{message.source}" if is_international else message.source)
