"""The AT dialogue: no byte sequence loses a line, mixes answers, or raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.at.classify import Command
from sms.at.dialogue import (
    Answered,
    BareOk,
    Dialogue,
    Heard,
    LateResult,
    Noise,
    Prompted,
    Unsolicited,
)
from sms.at.lines import PROMPT, LineReader
from sms.driver import ModemError
from sms.errors_cms import ErrorFamily

SEND = Command("AT+CMGS=20", ("+CMGS:",), opens_prompt=True)
LIST = Command("AT+CMGL=4", ("+CMGL:",), has_data_lines=True)
REGISTERED = Command("AT+CREG?", ("+CREG:",))
IMSI = Command("AT+CIMI", ("+CIMI:",), has_free_text=True)
PLAIN = Command("AT")
PDU = "07911326040000F0040B911346610089F6"


def hear(dialogue: Dialogue, text: str) -> list[Heard]:
    """What matters of what is heard."""
    return [h for h in dialogue.feed(text.encode("latin-1")) if not isinstance(h, Noise)]


def submitted() -> Dialogue:
    """An AT+CMGS behind its Ctrl-Z."""
    dialogue = Dialogue()
    dialogue.begin(SEND)
    assert hear(dialogue, "\r\n> ") == [Prompted()]
    dialogue.submitted()
    return dialogue


@pytest.mark.parametrize("end", ["\r\n", "\r\r\n", "\n", "\r"])
def test_any_line_end(end: str) -> None:
    reader = LineReader()
    assert reader.feed(f"{end}+CSQ: 21,0{end}{end}OK{end}".encode()) == ["+CSQ: 21,0", "OK"]


@given(st.binary(max_size=300), st.integers(1, 7))
def test_cutting_the_stream_anywhere_changes_nothing(data: bytes, step: int) -> None:
    whole, pieces = LineReader(), LineReader()
    cut = [line for i in range(0, len(data), step) for line in pieces.feed(data[i : i + step])]
    assert cut == whole.feed(data)


def test_a_line_that_never_ends_is_cut() -> None:
    reader = LineReader()
    assert [len(line) for line in reader.feed(b"x" * 5000)] == [5000]


@pytest.mark.parametrize("text", ["\r\n> ", "> ", "\xff\xfe\r\n> ", "\r\n> \r\n+CMTI: 1\r\n"])
def test_the_prompt_is_seen(text: str) -> None:
    reader = LineReader()
    reader.expects_prompt = True
    assert PROMPT in reader.feed(text.encode("latin-1"))


def test_no_prompt_outside_a_send() -> None:
    reader = LineReader()
    assert reader.feed(b'+CUSD: 0,"menu > ') == []


@given(st.lists(st.sampled_from([
    "OK", "ERROR", "+CMS ERROR: 500", "+CMGS: 3", "> ", "RING", '+CMTI: "SM",1', "+CDS: 25", PDU,
    "\xff\xfe", "AT+CMGS=20", "+CREG: 1", "+CREG: 0,1", "junk", "+CMGL: 1,0,,20", "NO CARRIER",
]), max_size=20), st.sampled_from([SEND, LIST, REGISTERED, IMSI, PLAIN]))  # fmt: skip
def test_any_order_of_lines_is_survived(lines: list[str], command: Command) -> None:
    """Nothing raises, and every stored-message notification comes out."""
    dialogue = Dialogue()
    dialogue.begin(command)
    heard = [h for line in lines for h in dialogue.feed(f"\r\n{line}\r\n".encode("latin-1"))]
    waiting = [h for h in heard if isinstance(h, Unsolicited) and h.line.startswith("+CMTI")]
    assert len(waiting) == sum("+CMTI" in line for line in lines)


def test_a_send() -> None:
    dialogue = submitted()
    assert hear(dialogue, "\r\n+CMGS: 17\r\n\r\nOK\r\n") == [Answered(("+CMGS: 17",))]
    assert dialogue.running is None


def test_notifications_inside_a_send_come_out_and_the_answer_stays_whole() -> None:
    dialogue = Dialogue()
    dialogue.begin(SEND)
    assert hear(dialogue, "\r\nRING\r\n\r\n> ") == [Unsolicited("RING"), Prompted()]
    dialogue.submitted()
    text = f'\r\n+CMTI: "SM",1\r\n\r\n+CMGS: 1\r\n\r\n+CDS: 17\r\n{PDU}\r\n^RSSI:20\r\n\r\nOK\r\n'
    assert hear(dialogue, text) == [
        Unsolicited('+CMTI: "SM",1'),
        Unsolicited("+CDS: 17", PDU),
        Unsolicited("^RSSI:20"),
        Answered(("+CMGS: 1",)),
    ]


def test_echo_of_command_and_text_is_no_answer() -> None:
    dialogue = Dialogue()
    dialogue.begin(SEND)
    assert hear(dialogue, "AT+CMGS=20\r\r\n> ") == [Prompted()]
    dialogue.submitted()
    assert hear(dialogue, f"{PDU}\x1a\r\n+CMGS: 1\r\n\r\nOK\r\n") == [Answered(("+CMGS: 1",))]


@pytest.mark.parametrize("stray", ["\xff\xfe\x80", "\x00\x00", "##", "x\xe4y"])
def test_stray_bytes_before_an_answer(stray: str) -> None:
    assert hear(submitted(), f"{stray}+CMGS: 5\r\n\r\nOK\r\n") == [Answered(("+CMGS: 5",))]
    error = ModemError(ErrorFamily.CMS, 38)
    assert hear(submitted(), f"{stray}+CMS ERROR: 38\r\n") == [Answered((), error)]


def test_ok_without_a_reference_is_the_answer_to_a_probe() -> None:
    assert hear(submitted(), "\r\nOK\r\n") == [BareOk()]


def test_a_prompt_again_shows_the_text_is_still_collected() -> None:
    dialogue = submitted()
    dialogue.probing()
    assert hear(dialogue, "\r\n> ") == [Prompted()]


def test_ok_before_the_prompt_is_a_leftover() -> None:
    dialogue = Dialogue()
    dialogue.begin(SEND)
    assert hear(dialogue, "\r\nOK\r\n\r\n> ") == [Prompted()]


def test_a_late_reference_is_told_and_its_ok_is_not_taken_for_another_answer() -> None:
    dialogue = submitted()
    dialogue.give_up()
    dialogue.begin(PLAIN)
    assert hear(dialogue, "\r\n+CMGS: 9\r\n\r\nOK\r\n") == [LateResult(9)]
    assert hear(dialogue, "\r\nOK\r\n") == [Answered(())]


def test_a_late_reference_before_the_next_prompt() -> None:
    dialogue = submitted()
    dialogue.give_up()
    dialogue.begin(SEND)
    assert hear(dialogue, "\r\n+CMGS: 9\r\n\r\nOK\r\n\r\n> ") == [LateResult(9), Prompted()]


def test_a_late_error_during_a_plain_command() -> None:
    dialogue = submitted()
    dialogue.give_up()
    dialogue.has_late_ticket = True
    dialogue.begin(PLAIN)
    error = ModemError(ErrorFamily.CMS, 38)
    assert hear(dialogue, "\r\n+CMS ERROR: 38\r\n\r\nOK\r\n") == [
        LateResult(None, error),
        Answered(()),
    ]


def test_registration_as_answer_and_as_notification() -> None:
    dialogue = Dialogue()
    dialogue.begin(REGISTERED)
    text = "\r\n+CREG: 2\r\n\r\n+CREG: 1,1\r\n\r\nOK\r\n"
    assert hear(dialogue, text) == [Unsolicited("+CREG: 2"), Answered(("+CREG: 1,1",))]


def test_listing_with_a_notification_between_header_and_pdu() -> None:
    dialogue = Dialogue()
    dialogue.begin(LIST)
    text = f"\r\n+CMGL: 1,0,,17\r\n\r\nRING\r\n{PDU}\r\n\r\nOK\r\n"
    assert hear(dialogue, text) == [Unsolicited("RING"), Answered(("+CMGL: 1,0,,17", PDU))]


def test_a_notification_without_its_pdu_is_noise() -> None:
    dialogue = Dialogue()
    assert dialogue.feed(b"\r\n+CDS: 25\r\nnonsense\r\n") == [Noise("nonsense")]
    assert hear(dialogue, f"\r\n{PDU}\r\n") == []


def test_a_notification_between_header_and_pdu() -> None:
    text = f'\r\n+CDS: 17\r\n\r\n+CMTI: "SM",1\r\n{PDU}\r\n'
    assert hear(Dialogue(), text) == [
        Unsolicited('+CMTI: "SM",1'),
        Unsolicited("+CDS: 17", PDU),
    ]


def test_free_text_answers() -> None:
    dialogue = Dialogue()
    dialogue.begin(IMSI)
    answer = Answered(("460001234567890",))
    assert hear(dialogue, "AT+CIMI\r\r\n460001234567890\r\n\r\nOK\r\n") == [answer]


@pytest.mark.parametrize(
    ("line", "family", "code"),
    [
        ("ERROR", "plain", 0),
        ("COMMAND NOT SUPPORT", "plain", 0),
        ("+CMS ERROR: 500", "cms", 500),
        ("+CME ERROR: 10", "cme", 10),
        ("+CME ERROR: SIM not inserted", "plain", 0),
    ],
)
def test_errors(line: str, family: str, code: int) -> None:
    dialogue = Dialogue()
    dialogue.begin(PLAIN)
    error = ModemError(ErrorFamily(family), code)
    assert hear(dialogue, f"\r\n{line}\r\n") == [Answered((), error)]


def test_a_line_that_begins_like_a_result_is_none() -> None:
    dialogue = Dialogue()
    dialogue.begin(IMSI)
    assert hear(dialogue, "OKAY\r\nOK\r\n") == [Answered(("OKAY",))]


@pytest.mark.parametrize("end", ["NO CARRIER", "BUSY", "NO DIALTONE"])
def test_a_call_that_fails_at_once_ends_its_command(end: str) -> None:
    dialogue = Dialogue()
    dialogue.begin(Command("ATD10086;", is_dial=True))
    assert hear(dialogue, f"\r\n{end}\r\n") == [Answered((), ModemError(ErrorFamily.PLAIN, 0))]
    assert hear(dialogue, f"\r\n{end}\r\n") == [Unsolicited(end)]


def test_ussd_text_is_left_as_it_came() -> None:
    line = '+CUSD: 0,"Cr\xe9dit",15'
    assert hear(Dialogue(), f"\r\n{line}\r\n") == [Unsolicited(line)]


def test_one_command_at_a_time() -> None:
    dialogue = Dialogue()
    dialogue.begin(PLAIN)
    with pytest.raises(RuntimeError):
        dialogue.begin(PLAIN)


def test_after_a_reset_nothing_old_remains() -> None:
    dialogue = submitted()
    dialogue.feed(b"+CDS: 25\r\n")
    dialogue.reset()
    dialogue.begin(PLAIN)
    assert hear(dialogue, "OK\r\n") == [Answered(())]
