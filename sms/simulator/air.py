"""The simulated network: SIMs, handsets, delivery reports; shared by all modems of a process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

from sms.pdu.addresses import Address
from sms.pdu.deliver import encode_deliver
from sms.pdu.octets import DecodeError
from sms.pdu.status_report import encode_status_report
from sms.pdu.submit import DecodedSubmit, decode_submit
from sms.segments import split
from sms.simulator.agenda import Agenda
from sms.simulator.handsets import Handset, Received, ReportMode
from sms.simulator.journal import Journal

_CMS_INVALID_PDU = 304
_DELIVERED, _TRYING, _EXPIRED = 0x00, 0x30, 0x46
_INTERIM_FACTOR, _LATE_FACTOR = 3, 10


@dataclass(frozen=True, slots=True)
class WaitingPdu:
    """Something the network holds for a SIM."""

    hex: str
    is_report: bool


@dataclass(slots=True)
class SimCard:
    """A subscription. `deliver`: set by the modem it sits in, while that modem is registered."""

    imsi: str
    number: str
    next_reference: int = 0
    waiting: list[WaitingPdu] = field(default_factory=list)
    deliver: Callable[[WaitingPdu], bool] | None = None  # False: no room, keep it


class Air:
    """Owner of SIMs, handsets and the journal."""

    def __init__(self, agenda: Agenda, journal_path: Path | None = None) -> None:
        self.agenda = agenda
        self.journal = Journal(agenda.now, journal_path)
        self.handsets: dict[str, Handset] = {}
        self.sims: dict[str, SimCard] = {}
        self._references = count(1)
        self._restore()

    def add_sim(self, sim: SimCard) -> None:
        """Known numbers of earlier runs are continued."""
        used = [e["reference"] for e in self.journal.entries if e.get("imsi") == sim.imsi
                and e["kind"] == "submitted"]  # fmt: skip
        sim.next_reference = (used[-1] + 1) % 256 if used else 0
        self.sims[sim.number] = sim

    def handset(self, number: str) -> Handset:
        """The telephone with this number; made when first needed."""
        return self.handsets.setdefault(number, Handset(number))

    def refusal(self, pdu_hex: str) -> int | None:
        """The CMS error the network answers, or None if it takes the PDU."""
        try:
            submit = decode_submit(pdu_hex)
        except DecodeError:
            return _CMS_INVALID_PDU
        return self.handset(submit.destination.value).behaviour.refuse_code or None

    def submit(self, sim: SimCard, modem: str, pdu_hex: str, *, reference_zero: bool) -> int:
        """The network takes a PDU: from here on it is on the air. Returns TP-MR."""
        submit = decode_submit(pdu_hex)
        reference = 0 if reference_zero else sim.next_reference
        sim.next_reference = (sim.next_reference + 1) % 256
        joined = submit.user_data.concatenation
        at = self.agenda.now()
        self.journal.add(
            "submitted",
            modem=modem,
            imsi=sim.imsi,
            sender=sim.number,
            recipient=submit.destination.value,
            reference=reference,
            pdu=pdu_hex,
            text=submit.user_data.text.encode("utf-16-be", "surrogatepass").decode(
                "utf-16-be", "replace"
            ),
            segment=[joined.reference, joined.count, joined.number] if joined else None,
        )
        handset = self.handset(submit.destination.value)
        self._plan_reports(sim, handset, submit, reference, at)
        if handset.behaviour.report is not ReportMode.EXPIRED:
            message = handset.take(sim.number, submit, at)
            if message is not None:
                self._received(handset, message)
        return reference

    def reply(self, number: str, text: str, to: str = "") -> None:
        """A handset writes `text` to the SIM `to`, else to whom it heard from last.

        Raises: ValueError: nobody to answer, or no such SIM.
        """
        handset = self.handset(number)
        target = to or handset.last_sender
        if target not in self.sims:
            raise ValueError(f"no modem has the number {target!r}")
        handset.sent.append((target, text, self.agenda.now()))
        self.journal.add("replied", sender=number, recipient=target, text=text)
        for pdu_hex in self.segments_of(number, text):
            self.deliver(self.sims[target], WaitingPdu(pdu_hex, is_report=False))

    def segments_of(self, sender: str, text: str) -> list[str]:
        """DELIVER PDUs of a text, in order."""
        originator = Address.parse(sender)
        return [
            encode_deliver(
                originator,
                segment.text,
                self.agenda.now(),
                alphabet=segment.alphabet,
                concatenation=segment.concatenation,
            )
            for segment in split(text, next(self._references) % 65536)
        ]

    def deliver(self, sim: SimCard, pdu: WaitingPdu) -> None:
        """Hand `pdu` to the modem, after what waits already; keep it if there is no room."""
        sim.waiting.append(pdu)
        self.flush(sim)

    def flush(self, sim: SimCard) -> None:
        """Hand over what waits, as far as the modem takes it."""
        while sim.waiting and sim.deliver is not None and sim.deliver(sim.waiting[0]):
            pdu = sim.waiting.pop(0)
            self.journal.add("handed", imsi=sim.imsi, is_report=pdu.is_report, pdu=pdu.hex)

    def _received(self, handset: Handset, message: Received) -> None:
        self.journal.add("received", number=handset.number, **message.as_wire())
        behaviour = handset.behaviour
        if behaviour.auto_reply:
            text = behaviour.auto_reply
            self.agenda.later(
                behaviour.auto_reply_delay_s,
                lambda: self.reply(handset.number, text, message.sender),
            )

    def _plan_reports(
        self, sim: SimCard, handset: Handset, submit: DecodedSubmit, reference: int, at: datetime
    ) -> None:
        if not submit.wants_report:
            return
        mode, delay = handset.behaviour.report, handset.behaviour.report_delay_s
        plans: dict[ReportMode, list[tuple[float, int]]] = {
            ReportMode.NORMAL: [(delay, _DELIVERED)],
            ReportMode.EARLY: [],
            ReportMode.LATE: [(_LATE_FACTOR * delay, _DELIVERED)],
            ReportMode.TWICE: [(delay, _DELIVERED), (delay, _DELIVERED)],
            ReportMode.NEVER: [],
            ReportMode.INTERIM: [(delay, _TRYING), (_INTERIM_FACTOR * delay, _DELIVERED)],
            ReportMode.EXPIRED: [(delay, _EXPIRED)],
        }

        def report(status: int) -> None:
            now = self.agenda.now()
            pdu = encode_status_report(reference, submit.destination, at, now, status)
            self.journal.add(
                "reported", imsi=sim.imsi, recipient=handset.number, reference=reference,
                status=status,
            )  # fmt: skip
            self.deliver(sim, WaitingPdu(pdu, is_report=True))

        if mode is ReportMode.EARLY:
            report(_DELIVERED)
        for delay_s, status in plans[mode]:
            self.agenda.later(delay_s, lambda status=status: report(status))  # type: ignore[misc]

    def _restore(self) -> None:
        """Handsets as the journal of an earlier run left them."""
        for entry in self.journal.entries:
            if entry["kind"] == "received":
                handset = self.handset(entry["number"])
                handset.last_sender = entry["sender"]
                at = datetime.fromisoformat(entry["at"])
                handset.received.append(
                    Received(
                        entry["sender"], entry["text"], at, entry["segments"], entry["is_flash"]
                    )
                )
            elif entry["kind"] == "replied":
                at = datetime.fromisoformat(entry["at"])
                self.handset(entry["sender"]).sent.append((entry["recipient"], entry["text"], at))
