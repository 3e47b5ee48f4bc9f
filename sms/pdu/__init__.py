"""The PDU codec: octets of TS 23.040 and alphabets of TS 23.038; pure, no I/O, no clock.

`decode_incoming` reads what a modem hands over; `encode_submit` writes what AT+CMGS wants.
"""

from sms.pdu.addresses import Address
from sms.pdu.deliver import Deliver
from sms.pdu.incoming import decode_incoming
from sms.pdu.octets import DecodeError
from sms.pdu.status_report import ReportState, StatusReport
from sms.pdu.submit import Submit, SubmitPdu, decode_submit, encode_submit
from sms.pdu.user_data import Alphabet, Concatenation

__all__ = [
    "Address",
    "Alphabet",
    "Concatenation",
    "DecodeError",
    "Deliver",
    "ReportState",
    "StatusReport",
    "Submit",
    "SubmitPdu",
    "decode_incoming",
    "decode_submit",
    "encode_submit",
]
