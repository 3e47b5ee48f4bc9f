"""How each participant's link does: figures for the chair's list, and one word for its lamp."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from conf.media.model import Quality, SlotFigures, SlotKind, SourceKind

if TYPE_CHECKING:
    from conf.media.downslot import DownSlot
    from conf.media.seat import Seat

_FAIR: Final = (0.03, 0.3)  # loss, round trip in seconds: from here on "fair"
_POOR: Final = (0.10, 0.8)


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """One participant's link. Loss is a share 0..1; `main_layer` is -1 when nothing is shown.

    `up_jitter_s`: the worst of its layers (RFC 3550 §6.4.1).
    """

    up_bps: float
    down_bps: float
    estimate_bps: float
    up_loss: float
    down_loss: float
    round_trip_s: float
    repaired_total: float
    main_layer: float
    up_jitter_s: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """By name, for the wire."""
        return {name: getattr(self, name) for name in self.__slots__}


def figures(seat: "Seat") -> LinkFigures:
    """As they are now."""
    main = next((s for s in seat.subscriber.slots if s.kind is SlotKind.MAIN), None)
    layers = [layer for t in seat.publisher.tracks.values() for layer in t.layers]
    return LinkFigures(
        up_bps=sum(layer.bps for layer in layers),
        down_bps=float(seat.budget.sending_bps),
        estimate_bps=float(seat.budget.estimate.target_bps),
        up_loss=seat.up_loss,
        down_loss=seat.budget.estimate.loss.fraction,
        round_trip_s=seat.subscriber.round_trip_s,
        repaired_total=float(seat.subscriber.repaired),
        main_layer=float(main.layer.index) if main is not None and main.layer else -1.0,
        up_jitter_s=max(
            (x.reception.jitter / x.track.clock_hz for x in layers if x.highest >= 0), default=0.0
        ),
    )


class SlotMeter:
    """Rates of the slots between two looks at them. Owner: the worker."""

    TURNS: Final = 3

    def __init__(self) -> None:
        self._before: dict[DownSlot, tuple[int, float]] = {}
        self._turn = 0

    def look(self, seats: Mapping[str, "Seat"], now: float) -> dict[str, tuple[SlotFigures, ...]]:
        """The filled slots of those whose turn it is."""
        self._turn = (self._turn + 1) % self.TURNS
        alive = {slot for seat in seats.values() for slot in seat.subscriber.slots}
        self._before = {slot: then for slot, then in self._before.items() if slot in alive}
        return {
            participant_id: tuple(self._figures(slot, seat, now) for slot in _filled(seat))
            for place, (participant_id, seat) in enumerate(seats.items())
            if place % self.TURNS == self._turn
        }

    def _figures(self, slot: "DownSlot", seat: "Seat", now: float) -> SlotFigures:
        octets, then = self._before.get(slot, (slot.row.octets, now))
        self._before[slot] = (slot.row.octets, now)
        owner, source = slot.fills or ("", SourceKind.CAMERA)
        return SlotFigures(
            mid=slot.mid,
            kind=slot.kind,
            participant_id=owner,
            source=source,
            layer=slot.layer.index if slot.layer else -1,
            bps=8 * (slot.row.octets - octets) / (now - then) if now > then else 0.0,
            loss=slot.loss,
            jitter_s=seat.subscriber.jitters_s.get(slot.ssrc, 0.0),
            repaired_total=slot.repaired,
        )


def _filled(seat: "Seat") -> list["DownSlot"]:
    return [slot for slot in seat.subscriber.slots if slot.fills is not None]


def quality_of(link: LinkFigures, *, is_connected: bool) -> Quality:
    """Good, fair or poor by the worse of loss and round trip; lost when not connected."""
    if not is_connected:
        return Quality.LOST
    loss = max(link.up_loss, link.down_loss)
    if loss >= _POOR[0] or link.round_trip_s >= _POOR[1]:
        return Quality.POOR
    if loss >= _FAIR[0] or link.round_trip_s >= _FAIR[1]:
        return Quality.FAIR
    return Quality.GOOD
