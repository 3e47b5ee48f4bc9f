"""What is reported changes what is shown, and the difference is what browsers are told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from conf import facts, orders
from conf.media import model as media
from conf.model import RoomView, Seat, SiteRole, TrackState
from conf.wire import differences
from core.ids import MeetingId, ParticipantId

NOW = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
EAST, DAM = ParticipantId("east"), ParticipantId("dam")


def room() -> RoomView:
    seats = {
        EAST: Seat(EAST, "u", "east", "", SiteRole.SITE, NOW, audio=TrackState(is_on=True)),
        DAM: Seat(DAM, "u", "dam", "", SiteRole.CAMERA, NOW, is_connected=False, quality="lost"),
    }
    return RoomView(MeetingId("m"), "汛情会商", None, NOW + timedelta(hours=1), seats=seats)


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (media.ParticipantLost("m", EAST, "silence"), {"quality": "lost"}),
        (media.QualityChanged("m", EAST, media.Quality.POOR), {"quality": "poor"}),
    ],
)
def test_a_fact_about_a_line_is_shown_at_its_seat(
    event: media.WorkerEvent, shown: dict[str, object]
) -> None:
    before = room()
    ((kind, data),) = differences(before, facts.after(before, event))
    assert (kind, data["participant_id"]) == ("participant.changed", EAST)
    assert data | shown == data


@pytest.mark.parametrize(
    "event",
    [
        media.ParticipantConnected("m", EAST),
        media.ParticipantLost("m", "gone", "silence"),
        media.QualityChanged("m", "gone", media.Quality.POOR),
        media.PublishingChanged("m", "gone", True, True, True),
        media.LayersWanted("m", EAST, media.SourceKind.CAMERA, ()),
    ],
)
def test_what_is_known_or_concerns_nobody_here_tells_nothing(event: media.WorkerEvent) -> None:
    before = room()
    assert facts.after(before, event) is before


def test_who_speaks_is_the_rooms() -> None:
    before = room()
    after = facts.after(before, media.SpeakerChanged("m", EAST))
    ((kind, data),) = differences(before, after)
    assert (kind, data["speaker"]) == ("room.changed", EAST)
    assert "participants" not in data
    assert facts.after(after, media.SpeakerChanged("m", None)).speaker is None


def test_a_camera_is_live_or_says_why_not() -> None:
    dark = room()
    live = facts.camera_told(dark, DAM, is_live=True, words="704x576", code="")
    assert (live.seats[DAM].is_connected, live.seats[DAM].note) == (True, "")
    words = "the camera does not answer in time"
    again = facts.camera_told(live, DAM, is_live=False, words=words, code="timeout").seats[DAM]
    assert (again.is_connected, again.note, again.note_code) == (False, words, "timeout")
    nobody = ParticipantId("gone")
    assert facts.camera_told(dark, nobody, is_live=True, words="", code="") is dark


def test_a_page_without_its_connection_keeps_its_seat() -> None:
    before = room()
    seat = facts.page_lost(before, before.seats[EAST]).seats[EAST]
    assert (seat.is_connected, seat.quality) == (False, "lost")
    assert seat.audio == before.seats[EAST].audio


def test_comings_and_goings_are_told_once_and_by_name() -> None:
    before = room()
    left = orders.vacated(before, EAST)
    assert [kind for kind, _ in differences(before, left)] == ["participant.left"]
    assert [kind for kind, _ in differences(left, before)] == ["participant.joined"]
    assert differences(before, replace(before, version=before.version + 1)) == []
