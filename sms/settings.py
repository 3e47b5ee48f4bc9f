"""Settings of the SMS platform."""

from typing import Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, SecretStr, field_validator

from core.settings import Section
from sms.receipt_ids import IdForm
from sms.targets import networks


class ModemSettings(Section):
    """One modem of the pool."""

    name: str = Field(
        description="Short name shown to people, unique.", min_length=1, max_length=40
    )
    path: str = Field(
        description="Device, best a link under /dev/serial/by-id/; for a carrier's line"
        " smpp://system_id@host:port?source=number, and &ids=same, hex-decimal or decimal-hex: how"
        " it writes message ids in answers and in receipts; left out: learnt."
    )
    driver: Literal["at", "gsmmodem", "smpp"] = Field("at", description="Which driver talks to it.")
    pin: SecretStr | None = Field(
        None, description="PIN of the SIM, if it has one; the password of an SMPP line."
    )
    baud: int = Field(115_200, ge=9600, le=921_600, description="Line speed (bit/s).")
    family: Literal["sim800", "huawei", "quectel", "generic"] | None = Field(
        None, description="Empty: recognised by its answers."
    )
    is_simulated: bool = Field(
        False, description="True for the simulator: it alone sends to demo recipients."
    )
    per_minute: int = Field(
        0,
        ge=0,
        le=6000,
        description="Segments this SIM may send in a minute, 0: no limit; alerts exempt.",
    )
    per_day: int = Field(1000, ge=1, le=100_000, description="Segments this SIM may send in a day.")
    per_month: int = Field(
        20_000, ge=1, le=3_000_000, description="Segments this SIM may send in a calendar month."
    )
    alert_reserve: int = Field(
        200,
        ge=0,
        le=100_000,
        description="Segments beyond both limits that alerts and commands may still send.",
    )
    serves: tuple[str, ...] = Field(
        (),
        description="Carriers it sends to (mobile, unicom, telecom, broadnet, unknown); empty: all,"
        " those of its own carrier first. What no ready modem serves goes through any.",
    )
    ussd_balance: str = Field(
        "", max_length=20, description="USSD code that tells the balance, e.g. *100#; empty: none."
    )

    @field_validator("path")
    @classmethod
    def _names_a_form_of_ids(cls, path: str) -> str:
        for form in parse_qs(urlsplit(path).query).get("ids", []):
            IdForm(form)
        return path


class SmsSettings(Section):
    """The SMS platform."""

    modems: tuple[ModemSettings, ...] = Field((), description="The pool; empty: nothing is sent.")
    signature: str = Field(
        "【县应急指挥中心】", max_length=30, description="Put before every text; empty: none."
    )
    unknown_wait_s: float = Field(
        30.0, ge=1, le=600,
        description="An alert of unknown outcome gets its one copy after this without report (s).",
    )  # fmt: skip
    alert_expiry_minutes: int = Field(
        60, ge=5, le=1440, description="An alert not sent by then is not sent any more (minutes)."
    )
    notice_expiry_hours: int = Field(
        24, ge=1, le=168, description="Other messages not sent by then are given up (hours)."
    )
    sweep_every_s: float = Field(
        10.0, ge=1, le=120, description="How often stored messages are fetched from a modem (s)."
    )
    stranded_wait_s: float = Field(
        120.0,
        ge=1,
        le=3600,
        description="A long text whose SIM is away so long with parts on the air begins anew"
        " through another SIM (s).",
    )
    quiet_from_hour: int = Field(
        0, ge=0, le=23, description="Notices and bulletins rest from this hour, county time (h)."
    )
    quiet_to_hour: int = Field(
        0, ge=0, le=23, description="… until this hour; equal to the other: no quiet hours (h)."
    )
    approval_above: int = Field(
        500,
        ge=1,
        le=20_000,
        description="More recipients than this wait for a person with the right to approve;"
        " alerts and commands do not.",
    )
    polite_per_day: int = Field(
        2,
        ge=0,
        le=20,
        description="Automatic answers one number gets in a day to texts we cannot use.",
    )
    balance_every_hours: int = Field(
        24, ge=1, le=720, description="How often a SIM with a USSD code is asked its balance (h)."
    )
    balance_low_yuan: float = Field(
        10.0,
        ge=0,
        le=10_000,
        description="A SIM with less credit than this raises an alarm; 0: none (yuan).",
    )
    lease_s: float = Field(
        15.0,
        ge=3,
        le=300,
        description="How long a process keeps a modem it no longer answers for (s).",
    )
    webhook_networks: tuple[str, ...] = Field(
        (),
        description="Networks inside that webhooks may reach beside public addresses, e.g."
        " 10.20.0.0/16.",
    )
    price_fen: float = Field(
        0.0, ge=0, le=1000,
        description="What one segment costs, shown while composing; 0: not shown (fen).",
    )  # fmt: skip
    max_segments: int = Field(
        10, ge=1, le=255, description="Longest text accepted, in segments of one message."
    )

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        networks(given)
        return given
