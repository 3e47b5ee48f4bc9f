"""Who fills which slot, order by order."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from conf.media.model import ParticipantState, RoomState, SlotKind, SourceKind
from conf.media.slots import RoomFacts, Source, assign, may_send

KINDS = [SlotKind.AUDIO] * 3 + [SlotKind.MAIN, SlotKind.SHARE] + [SlotKind.THUMBNAIL] * 3
ALL = frozenset(SourceKind)
AUDIO, CAMERA, SCREEN = SourceKind.AUDIO, SourceKind.CAMERA, SourceKind.SCREEN
PEOPLE = "abcde"
STATE = RoomState(1, {name: ParticipantState() for name in PEOPLE})
FACTS = RoomFacts({name: frozenset((AUDIO, CAMERA)) for name in PEOPLE}, loudest=tuple(PEOPLE))


def show(
    viewer: str,
    state: RoomState = STATE,
    facts: RoomFacts = FACTS,
    filled: Sequence[Source | None] | None = None,
) -> list[Source | None]:
    """The viewer's slots."""
    return assign(viewer, KINDS, filled or [None] * len(KINDS), state, facts)


def main(viewer: str, state: RoomState = STATE, facts: RoomFacts = FACTS) -> str | None:
    """Who is on the viewer's main picture."""
    source = show(viewer, state, facts)[3]
    return source[0] if source else None


def views(viewer: str, seen: str, state: RoomState = STATE) -> RoomState:
    """The state with a view of the viewer's own."""
    people = dict(state.participants) | {viewer: ParticipantState(view=seen)}
    return replace(state, participants=people)


def test_main_follows_the_orders_by_rank() -> None:
    """Broadcast, own view, polling, lecturer, speaker, first other."""
    assert main("a") == "b"
    assert main("a", facts=replace(FACTS, speaker="e")) == "e"
    lecture = replace(STATE, lecturer="d")
    assert main("a", lecture, replace(FACTS, speaker="e")) == "d"
    poll = replace(STATE, poll_source="c", lecturer=None)
    assert main("a", poll, replace(FACTS, speaker="e")) == "c"
    assert main("a", views("a", "e", poll)) == "e"
    assert main("a", views("a", "e", replace(poll, broadcast="d"))) == "d"


def test_who_takes_no_main_picture_sees_the_main_site_among_the_others() -> None:
    kinds = [SlotKind.THUMBNAIL] * 2
    state = replace(STATE, broadcast="c")
    assert assign("a", kinds, [None] * 2, state, FACTS) == [("b", CAMERA), ("c", CAMERA)]


def test_nobody_is_shown_itself() -> None:
    """The broadcast site sees the next in rank; a speaker does not hear itself."""
    assert main("d", replace(STATE, broadcast="d"), replace(FACTS, speaker="c")) == "c"
    for viewer in PEOPLE:
        assert all(source is None or source[0] != viewer for source in show(viewer))


def test_the_first_audio_slot_is_the_stage() -> None:
    """So that lips are in step with the main picture's stream id."""
    slots = show("a", replace(STATE, broadcast="e"))
    assert slots[0] == ("e", AUDIO)
    assert set(slots[1:3]) == {("b", AUDIO), ("c", AUDIO)}


def test_thumbnails_are_the_others_and_keep_their_place() -> None:
    """Who stays does not move when somebody goes on stage."""
    before = show("a", replace(STATE, broadcast="b"))
    assert before[5:] == [("c", CAMERA), ("d", CAMERA), ("e", CAMERA)]
    after = show("a", replace(STATE, broadcast="d"), filled=before)
    assert after[5:] == [("c", CAMERA), ("b", CAMERA), ("e", CAMERA)]


def test_the_shared_screen_is_everybodys_but_its_owners() -> None:
    """One at a time."""
    facts = replace(FACTS, publishing=dict(FACTS.publishing) | {"c": ALL}, screen="c")
    assert show("a", facts=facts)[4] == ("c", SCREEN)
    assert show("c", facts=facts)[4] is None


@pytest.mark.parametrize("source", list(SourceKind))
def test_what_is_not_allowed_fills_no_slot(source: SourceKind) -> None:
    """Each right by itself; somebody the state does not name has none."""
    rights = ParticipantState(**{f"may_{source}": False})
    state = replace(STATE, participants=dict(STATE.participants) | {"b": rights})
    facts = replace(FACTS, publishing=dict.fromkeys(PEOPLE, ALL), screen="b", speaker="b")
    assert ("b", source) not in show("a", state, facts)
    assert not may_send(state, "b", source)
    assert not may_send(state, "stranger", source)
    assert show("stranger", state, facts) == [None] * len(KINDS)


def test_a_lecture_narrows_what_sites_see_but_not_the_chair() -> None:
    """Sites see the lecturer and who is put on the air; `sees_all` and the lecturer see all."""
    lecture = replace(STATE, lecturer="a")
    assert [s for s in show("b", lecture)[3:] if s] == [("a", CAMERA)]
    on_air = replace(lecture, broadcast="c")
    assert show("b", on_air)[3] == ("c", CAMERA)
    assert ("a", CAMERA) in show("b", on_air)[5:]
    assert len([s for s in show("a", lecture)[3:] if s]) == 4
    nobody = replace(STATE, lecturer="")
    assert [s for s in show("b", nobody)[3:] if s] == []
    staff = dict(STATE.participants) | {"b": ParticipantState(sees_all=True)}
    assert len([s for s in show("b", replace(lecture, participants=staff))[3:] if s]) == 4
