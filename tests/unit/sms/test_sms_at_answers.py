"""Information lines and notifications of real modems."""

import pytest

from sms.at import answers
from sms.at.dialogue import Unsolicited
from sms.at.notices import event_of
from sms.driver import (
    DriverEvent,
    IncomingCall,
    MessageWaiting,
    ModemFamily,
    ModemRestarted,
    Registration,
    RegistrationChanged,
    SimChanged,
    StorageFull,
)


@pytest.mark.parametrize(
    ("line", "registration"),
    [
        ("+CREG: 0,1", Registration.HOME),
        ('+CREG: 2,5,"00A1","1234"', Registration.ROAMING),
        ("+CREG: 2", Registration.SEARCHING),
        ('+CREG: 1,"00A1","1234"', Registration.HOME),
        ("+CREG: 3", Registration.DENIED),
        ("+CREG: 0,0", Registration.NOT_SEARCHING),
        ("+CREG: 0,17", Registration.UNKNOWN),
        ("+CREG: x", Registration.UNKNOWN),
    ],
)
def test_registration(line: str, registration: Registration) -> None:
    assert answers.registration_in(line) is registration
    assert registration.can_send is (registration in (Registration.HOME, Registration.ROAMING))


@pytest.mark.parametrize(
    ("line", "dbm"),
    [("+CSQ: 0,0", -113), ("+CSQ: 31,99", -51), ("+CSQ: 99,99", None), ("+CSQ:x", None)],
)
def test_signal(line: str, dbm: int | None) -> None:
    assert answers.rssi_dbm_in(line) == dbm


def test_listing_pairs_headers_with_their_pdu() -> None:
    lines = ["+CMGL: 1,0,,23", "AA", "+CMGL: 2,1,,23", "+CMGL: 7,1,,23", "BB"]
    assert answers.listed_in(lines) == [answers.Listed(1, "AA"), answers.Listed(7, "BB")]


@pytest.mark.parametrize(
    ("line", "choice"),
    [
        ("+CNMI: (0-3),(0-3),(0,2),(0-2),(0,1)", "2,1,0,2,0"),
        ("+CNMI: (0-2),(0-3),(0,2),(0,1),(0,1)", "2,1,0,1,0"),  # SIM800
        ("+CNMI: (0,1),(0,1),(0,2),(0,2),(0,1)", "1,1,0,2,0"),  # Huawei
        ("", "2,1,0,1,0"),
    ],
)
def test_notification_settings(line: str, choice: str) -> None:
    assert answers.notification_choice(line) == choice


def test_memories() -> None:
    line = '+CPMS: ("SM","ME","SR"),("SM"),("SM")'
    assert answers.memories_in(line) == ("SM", "ME", "SR")
    assert answers.memories_in("") == ()
    assert answers.used_places_in('+CPMS: "SM",3,50,"SM",3,50') == 3
    assert answers.used_places_in("+CPMS: 4,50,4,50") == 4


@pytest.mark.parametrize(
    ("manufacturer", "model", "family"),
    [
        ("SIMCOM_Ltd", "SIMCOM_SIM800L", ModemFamily.SIM800),
        ("huawei", "E173", ModemFamily.HUAWEI),
        ("Quectel", "EC20F", ModemFamily.QUECTEL),
        ("WAVECOM MODEM", "MULTIBAND", ModemFamily.GENERIC),
    ],
)
def test_families(manufacturer: str, model: str, family: ModemFamily) -> None:
    assert answers.family_of(manufacturer, model) is family


@pytest.mark.parametrize(
    ("line", "text", "awaits"),
    [
        ('+CUSD: 0,"Balance 12.50 CNY",15', "Balance 12.50 CNY", False),
        ('+CUSD: 1,"4F59989D",72', "余额", True),
        ('+CUSD: 0,"E8329BFD4697D9EC37",15', "hellohello", False),
        ("+CUSD: 2", "", False),
    ],
)
def test_ussd(line: str, text: str, awaits: bool) -> None:
    reply = answers.ussd_in(line)
    assert reply is not None
    assert (reply.text, reply.awaits_answer) == (text, awaits)


def test_texts_of_identity_answers() -> None:
    assert answers.first_line(["+CGMR: 11.2"]) == "11.2"
    assert answers.first_line(["Quectel"]) == "Quectel"
    assert answers.first_line([]) == ""
    assert answers.quoted_in(["+COPS: 0", '+COPS: 0,2,"46000"']) == "46000"
    assert answers.quoted_in(["+COPS: 0"]) == ""


def test_a_short_figure_in_a_ussd_answer_is_not_taken_for_hex() -> None:
    assert answers.ussd_text("1250", 15) == "1250"


def test_what_is_no_ussd_line() -> None:
    assert answers.ussd_in("+CUSD: x") is None


@pytest.mark.parametrize(
    ("notice", "event"),
    [
        (Unsolicited('+CMTI: "SM",3'), MessageWaiting("SM:3")),
        (Unsolicited("+CDSI: SR,1"), MessageWaiting("SR:1")),
        (Unsolicited("+CDS: 25", "00AA"), MessageWaiting("direct")),
        (Unsolicited("+CREG: 5"), RegistrationChanged(Registration.ROAMING)),
        (Unsolicited('+CLIP: "+8613800138000",145,,,"",0'), IncomingCall("+8613800138000")),
        (Unsolicited('+CLIP: "",128'), IncomingCall("")),
        (Unsolicited("+SMSFULL"), StorageFull()),
        (Unsolicited("^SMMEMFULL:\"SM\""), StorageFull()),
        (Unsolicited("+CPIN: NOT READY"), SimChanged(is_present=False, line="+CPIN: NOT READY")),
        (Unsolicited("^SIMST:255"), SimChanged(is_present=False, line="^SIMST:255")),
        (Unsolicited("+CPIN: READY"), SimChanged(is_present=True, line="+CPIN: READY")),
        (Unsolicited("RDY"), ModemRestarted("RDY")),
        (Unsolicited("Call Ready"), None),
        (Unsolicited("^BOOT:1,0"), None),
        (Unsolicited("^RSSI:17"), None),
        (Unsolicited("RING"), None),
    ],
)  # fmt: skip
def test_notifications(notice: Unsolicited, event: DriverEvent | None) -> None:
    assert event_of(notice) == event
