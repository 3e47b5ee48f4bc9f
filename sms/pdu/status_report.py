"""SMS-STATUS-REPORT: what became of a segment (TS 23.040 §9.2.2.3, TP-ST §9.2.3.15)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sms.pdu.addresses import NO_SERVICE_CENTRE, Address, decode_address
from sms.pdu.octets import Octets
from sms.pdu.timestamps import decode_timestamp, encode_timestamp

_MTI_STATUS_REPORT = 0x02
_HAS_CODING_AND_DATA, _OCTETS = 0x06, 0x04  # TP-PI §9.2.3.27, TP-DCS


class ReportState(StrEnum):
    """What a TP-ST means for us. TRYING is interim: never a failure."""

    DELIVERED = "delivered"  # 00 received, 01 forwarded unconfirmed, 02 replaced, 03..1F
    TRYING = "trying"  # 20..3F the service centre still tries
    FAILED = "failed"  # 40..7F no more tries
    UNKNOWN = "unknown"  # 80..FF reserved


_WORDS = {
    0x00: "手机已收到",
    0x01: "已转交,未确认收到",
    0x02: "已被短信中心替换",
    0x20: "网络拥塞,仍在尝试",
    0x21: "对方忙,仍在尝试",
    0x22: "手机无响应,仍在尝试",
    0x23: "业务被拒绝,仍在尝试",
    0x24: "服务质量不够,仍在尝试",
    0x25: "手机出错,仍在尝试",
    0x40: "远端出错",
    0x41: "对方终端不兼容",
    0x42: "手机拒收",
    0x43: "无法接通",
    0x44: "服务质量不够",
    0x45: "网络不互通",
    0x46: "有效期内没有送到(关机或不在服务区)",
    0x47: "已被发送方删除",
    0x48: "已被短信中心删除",
    0x49: "短信不存在",
}


def report_state(status: int) -> ReportState:
    """The meaning of a TP-ST octet, 0..255."""
    if status < 0x20:
        return ReportState.DELIVERED
    if status < 0x40:
        return ReportState.TRYING
    return ReportState.FAILED if status < 0x80 else ReportState.UNKNOWN


def report_words(status: int) -> str:
    """A TP-ST octet in plain words."""
    return _WORDS.get(status, f"状态码 0x{status:02X}")


@dataclass(frozen=True, slots=True)
class StatusReport:
    """`reference` is the TP-MR the modem chose; match on SIM + reference + recipient + time."""

    service_centre: Address | None
    reference: int
    recipient: Address
    sent_at: datetime | None
    discharged_at: datetime | None
    status: int

    @property
    def state(self) -> ReportState:
        return report_state(self.status)

    @property
    def words(self) -> str:
        """The status in plain words."""
        return report_words(self.status)


def decode_status_report(data: Octets, service_centre: Address | None) -> StatusReport:
    """Read on after the first octet; optional parameters at the end are ignored."""
    reference = data.octet("reference")
    recipient = decode_address(data, "recipient")
    sent_at = decode_timestamp(data, "time stamp")
    discharged_at = decode_timestamp(data, "discharge time")
    status = data.octet("status")
    return StatusReport(service_centre, reference, recipient, sent_at, discharged_at, status)


def encode_status_report(
    reference: int,
    recipient: Address,
    sent_at: datetime,
    discharged_at: datetime,
    status: int,
    user_data: bytes = b"",
) -> str:
    """A STATUS-REPORT as a network would hand it over, in hex; `user_data`: up to 140 octets."""
    tpdu = bytes([_MTI_STATUS_REPORT | 0x04, reference]) + recipient.encode()
    tpdu += encode_timestamp(sent_at) + encode_timestamp(discharged_at) + bytes([status])
    if user_data:
        tpdu += bytes([_HAS_CODING_AND_DATA, _OCTETS, len(user_data)]) + user_data
    return (NO_SERVICE_CENTRE + tpdu).hex().upper()
