"""Every site's line in figures: for the chair, the room's topic and Prometheus (pure)."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from conf.media.model import SlotFigures, StatsReport
from conf.model import RoomView
from core.ids import ParticipantId

SHARED: Final = (
    "up_bps", "down_bps", "estimate_bps", "up_loss", "down_loss", "round_trip_s", "up_jitter_s",
    "main_layer",
)  # fmt: skip
_DIGITS: Final = {"up_loss": 3, "down_loss": 3, "round_trip_s": 3, "up_jitter_s": 4}

Figures = Mapping[str, Mapping[str, float]]
PageStats = Mapping[ParticipantId, Mapping[str, Any]]


def site_qualities(state: RoomView, figures: Figures, pages: PageStats) -> list[dict[str, Any]]:
    """One row per participant, worst first; figures are null for who is not in the media now."""
    order = ("lost", "poor", "fair", "good")
    rows = [
        {
            "participant_id": seat.participant_id,
            "site": seat.site,
            "quality": seat.quality,
            **_rounded(figures.get(seat.participant_id)),
            "page": _page(pages.get(seat.participant_id)),
        }
        for seat in state.seats.values()
    ]
    return sorted(rows, key=lambda row: (order.index(row["quality"]), row["site"]))


def _rounded(link: Mapping[str, float] | None) -> dict[str, float | None]:
    if link is None:
        return dict.fromkeys(SHARED)
    return {name: round(link.get(name, 0.0), _DIGITS.get(name, 0)) for name in SHARED}


def _page(told: Mapping[str, Any] | None) -> dict[str, Any] | None:
    names = ("rtt_ms", "freezes", "frames_decoded", "concealed_ratio")
    return {name: told.get(name) for name in names} if told is not None else None


def slot_rows(slots: tuple[SlotFigures, ...]) -> list[dict[str, Any]]:
    """A participant's filled slots."""
    return [asdict(slot) for slot in slots]


def exposition(
    reports: Mapping[int, StatsReport],
    slots: Mapping[str, tuple[SlotFigures, ...]],
    pages: PageStats,
) -> str:
    """Prometheus text (format 0.0.4) of what the media workers and the pages report."""
    samples: dict[str, list[str]] = {}
    for name, labels, value in _samples(reports, slots, pages):
        inside = ",".join(f'{key}="{text}"' for key, text in labels.items())
        samples.setdefault(f"fengsui_{name}", []).append(f"fengsui_{name}{{{inside}}} {value:g}")
    lines = []
    for name, found in sorted(samples.items()):
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# TYPE {name} {kind}", *found]
    return "\n".join(lines) + "\n" if lines else ""


def _samples(
    reports: Mapping[int, StatsReport],
    slots: Mapping[str, tuple[SlotFigures, ...]],
    pages: PageStats,
) -> Iterator[tuple[str, dict[str, str], float]]:
    for index, report in reports.items():
        for name, value in report.worker.items():
            yield f"media_{name}", {"worker": str(index)}, value
        for participant_id, link in report.participants.items():
            for name, value in link.items():
                yield f"participant_{name}", {"participant": participant_id}, value
    for participant_id, filled in slots.items():
        for slot in filled:
            labels = {"participant": participant_id, "mid": slot.mid, "kind": slot.kind.value}
            for name in ("layer", "bps", "loss", "jitter_s", "repaired_total"):
                yield f"slot_{name}", labels, float(getattr(slot, name))
    for participant_id, told in pages.items():
        labels = {"participant": participant_id}
        yield "page_freezes_total", labels, float(told.get("freezes") or 0)
