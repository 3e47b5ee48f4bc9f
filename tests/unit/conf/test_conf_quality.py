"""Figures of the lines, as the chair, the topic and Prometheus get them."""

from datetime import UTC, datetime

from conf.media.model import SlotFigures, SlotKind, SourceKind, StatsReport
from conf.model import RoomView, Seat, SiteRole
from conf.quality import exposition, site_qualities
from core.ids import MeetingId, ParticipantId

NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


def room(**qualities: str) -> RoomView:
    seats = {
        ParticipantId(name): Seat(
            ParticipantId(name), "u", name, name, SiteRole.SITE, NOW, quality=quality
        )
        for name, quality in qualities.items()
    }
    return RoomView(MeetingId("m"), "t", None, NOW, seats=seats)


def test_the_worst_line_comes_first_and_who_is_away_has_no_figures() -> None:
    state = room(a="good", b="lost", c="poor", d="fair")
    rows = site_qualities(state, {"c": {"up_loss": 0.12345, "down_bps": 1234.6}}, {})
    assert [row["participant_id"] for row in rows] == ["b", "c", "d", "a"]
    assert rows[0]["up_loss"] is None
    assert rows[1]["up_loss"] == 0.123
    assert rows[1]["down_bps"] == 1235
    assert rows[1]["page"] is None


def test_prometheus_text_has_one_type_line_a_name() -> None:
    slot = SlotFigures("6", SlotKind.MAIN, "b", SourceKind.CAMERA, 2, 5e5, 0.01, 0.002, 7)
    report = StatsReport({"rooms": 1.0, "nacks_sent_total": 5.0}, {"a": {"up_bps": 1.0}})
    pages = {ParticipantId("a"): {"freezes": 2}}
    text = exposition({0: report, 1: report}, {"a": (slot,)}, pages)
    lines = text.splitlines()
    types = [line for line in lines if line.startswith("# ")]
    assert len(types) == len(set(types))
    assert "# TYPE fengsui_media_nacks_sent_total counter" in lines
    assert 'fengsui_media_rooms{worker="1"} 1' in lines
    assert 'fengsui_slot_bps{participant="a",mid="6",kind="main"} 500000' in lines
    assert 'fengsui_page_freezes_total{participant="a"} 2' in lines
    assert exposition({}, {}, {}) == ""
