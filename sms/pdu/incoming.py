"""Reading whatever a modem hands over: DELIVER or STATUS-REPORT."""

from sms.pdu.addresses import decode_service_centre
from sms.pdu.deliver import Deliver, decode_deliver
from sms.pdu.octets import DecodeError, Octets
from sms.pdu.status_report import StatusReport, decode_status_report

_MESSAGE_TYPE = 0x03
_DELIVER, _SUBMIT, _STATUS_REPORT = 0, 1, 2


def decode_incoming(pdu_hex: str) -> Deliver | StatusReport:
    """Read a PDU in hex, service-centre field first. Raises: DecodeError, and nothing else."""
    data = Octets.from_hex(pdu_hex.strip())
    service_centre = decode_service_centre(data)
    first = data.octet("first octet")
    message_type = first & _MESSAGE_TYPE
    if message_type == _DELIVER:
        return decode_deliver(data, first, service_centre)
    if message_type == _STATUS_REPORT:
        return decode_status_report(data, service_centre)
    name = "a SUBMIT stored in the modem" if message_type == _SUBMIT else "reserved"
    raise DecodeError("message type", data.offset - 1, name)
