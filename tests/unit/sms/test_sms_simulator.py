"""The simulator's own parts: time, switches, handsets, journal. What it does on the wire is in
tests/integration/sms."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sms.pdu import decode_submit
from sms.segments import split, to_pdu
from sms.simulator.agenda import Agenda
from sms.simulator.air import Air, SimCard, WaitingPdu
from sms.simulator.faults import Armed, Fault
from sms.simulator.handsets import Behaviour, Handset
from sms.simulator.journal import Journal
from sms.simulator.modem import PERSONALITIES, SimulatedModem

NUMBER, MODEM = "+8610055500001", "+8610055599901"
AT = datetime(2026, 11, 21, 8, tzinfo=UTC)


async def test_moving_the_clock_runs_what_is_due_in_order() -> None:
    agenda, done = Agenda(), []
    agenda.later(7200, lambda: done.append("later"))
    agenda.later(60, lambda: done.append("sooner"))
    agenda.later(90_000, lambda: done.append("never"))
    before = agenda.now()
    agenda.advance(3600)
    assert done == ["sooner"]
    agenda.advance(3600)
    assert done == ["sooner", "later"]
    assert (agenda.now() - before).total_seconds() == pytest.approx(7200, abs=1)


def test_a_fault_acts_at_its_turn_and_as_often_as_asked() -> None:
    armed = Armed()
    armed.add(Fault.from_wire("cms_error", {"code": 38, "after": 2, "count": 2}))
    acting = [armed.next() for _ in range(6)]
    assert [fault.code if fault else 0 for fault in acting] == [0, 0, 38, 38, 0, 0]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("no_such", {}), ("cms_error", {"colour": 1}), ("answer_late", {}), ("prompt_late", {})],
)
def test_unknown_switches_are_refused(kind: str, options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"unknown|needs seconds"):
        Fault.from_wire(kind, options)


def test_a_handset_joins_what_comes_in_any_order() -> None:
    handset, text = Handset(NUMBER), "水厂氯气泄漏，请立即到岗。" * 12
    pdus = [decode_submit(to_pdu(segment, NUMBER).hex) for segment in split(text, 5)]
    results = [handset.take(MODEM, pdu, AT) for pdu in reversed(pdus)]
    assert results[:-1] == [None] * (len(pdus) - 1)
    assert [(message.text, message.segments) for message in handset.received] == [(text, len(pdus))]


def test_behaviour_knows_its_switches() -> None:
    behaviour = Behaviour()
    behaviour.change({"report": "twice", "refuse_code": 38})
    assert behaviour.as_wire()["report"] == "twice"
    for wrong in ({"colour": 1}, {"call": "sings"}):
        with pytest.raises(ValueError, match=r"unknown|not a valid"):
            behaviour.change(wrong)


async def test_the_network_keeps_what_a_modem_has_no_room_for() -> None:
    air = Air(Agenda())
    sim = SimCard("460000000000001", MODEM)
    air.add_sim(sim)
    taken: list[WaitingPdu] = []
    air.reply(NUMBER, "1", MODEM)
    assert len(sim.waiting) == 1
    sim.deliver = lambda pdu: taken.append(pdu) is None and len(taken) < 2
    air.flush(sim)
    assert (len(taken), len(sim.waiting)) == (1, 0)


def test_a_journal_cut_off_by_a_crash_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "air.jsonl"
    journal = Journal(lambda: AT, path)
    journal.add("submitted", text="a")
    journal.close()
    with path.open("a") as file:
        file.write('{"seq": 2, "kind": "subm')
    again = Journal(lambda: AT, path)
    assert [entry["text"] for entry in again.entries] == ["a"]
    assert again.add("submitted", text="b")["seq"] == 2
    again.close()
    third = Journal(lambda: AT, path)
    assert [entry["text"] for entry in third.entries] == ["a", "b"]
    third.close()


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("AT+CSCS=?", b'+CSCS: ("GSM","IRA","UCS2")'),
        ("AT+CSCS?", b'+CSCS: "GSM"'),
        ("AT+CFUN=1", b"OK"),
    ],
)
def test_what_gammu_asks_before_it_sends_is_answered(command: str, answer: bytes) -> None:
    said = bytearray()
    sim = SimCard("460001", MODEM)
    modem = SimulatedModem(
        "modem-1", Air(Agenda()), sim, PERSONALITIES["generic"], radio_s=0.0,
        write=said.extend, unplug=lambda _: None, plug=lambda: None,
    )  # fmt: skip
    modem.feed(f"{command}\r".encode())
    assert answer in said
    assert b"ERROR" not in said
