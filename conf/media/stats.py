"""How each participant's link does: figures for the chair's list, and one word for its lamp."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from conf.media.model import Quality, SlotKind

if TYPE_CHECKING:
    from conf.media.seat import Seat

_FAIR: Final = (0.03, 0.3)  # loss, round trip in seconds: from here on "fair"
_POOR: Final = (0.10, 0.8)


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """One participant's link. Loss is a share 0..1; `main_layer` is -1 when nothing is shown."""

    up_bps: float
    down_bps: float
    estimate_bps: float
    up_loss: float
    down_loss: float
    round_trip_s: float
    repaired_total: float
    main_layer: float


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
    )


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
