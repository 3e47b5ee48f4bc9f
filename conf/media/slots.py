"""Who fills which slot: the room's orders and the viewer's place, as one pure function.

Audio: the site on the main picture in the first slot (its stream id is the main picture's, so that
lips stay in step), then the loudest others, each keeping its slot while it is among them.
Main: broadcast source, else the viewer's own view, else the polling source, else the lecturer, else
the active speaker, else the first other with a camera. Share: the active screen. Thumbnails: the
others with a camera on, in the order they joined, each keeping its slot while it stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conf.media.model import ParticipantState, RoomState, SlotKind, SourceKind
from conf.media.speaker import place_voices

Source = tuple[str, SourceKind]
NOBODY = ParticipantState(may_audio=False, may_camera=False, may_screen=False)


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """What the worker knows. `publishing`: participants in join order with the tracks that arrive.

    `loudest`: participants by loudness, loudest first; `screen`: who shared last and still does.
    """

    publishing: Mapping[str, frozenset[SourceKind]]
    speaker: str | None = None
    loudest: Sequence[str] = ()
    screen: str | None = None


def may_send(state: RoomState, participant: str, source: SourceKind) -> bool:
    """Is this track to be forwarded at all? A participant the state does not name may nothing."""
    rights = state.participants.get(participant, NOBODY)
    return {
        SourceKind.AUDIO: rights.may_audio,
        SourceKind.CAMERA: rights.may_camera,
        SourceKind.SCREEN: rights.may_screen,
    }[source]


def assign(
    viewer: str,
    kinds: Sequence[SlotKind],
    now_filled: Sequence[Source | None],
    state: RoomState,
    facts: RoomFacts,
) -> list[Source | None]:
    """What shall fill each of the viewer's slots; `now_filled`: what fills them so far."""
    if viewer not in state.participants:
        return [None] * len(kinds)
    seen = _visible(viewer, state, facts)
    main = _main(viewer, seen, state, facts) if SlotKind.MAIN in kinds else None
    screen = facts.screen if facts.screen != viewer else None
    heard = [p for p in facts.loudest if p != viewer and _sends(p, SourceKind.AUDIO, state, facts)]
    stage = main if main and _sends(main, SourceKind.AUDIO, state, facts) else None
    wanted: dict[SlotKind, list[Source | None]] = {
        SlotKind.MAIN: [(main, SourceKind.CAMERA) if main else None],
        SlotKind.SHARE: [
            (screen, SourceKind.SCREEN)
            if screen and _sends(screen, SourceKind.SCREEN, state, facts)
            else None
        ],
        SlotKind.AUDIO: [],
        SlotKind.THUMBNAIL: [],
    }
    places = {
        kind: [f for k, f in zip(kinds, now_filled, strict=True) if k is kind] for kind in wanted
    }
    wanted[SlotKind.AUDIO] = _audio(stage, heard, places[SlotKind.AUDIO])
    wanted[SlotKind.THUMBNAIL] = _keep_places(
        [(p, SourceKind.CAMERA) for p in seen if p != main], places[SlotKind.THUMBNAIL]
    )
    following = {kind: iter(sources) for kind, sources in wanted.items()}
    return [next(following[kind], None) for kind in kinds]


def _sends(participant: str, source: SourceKind, state: RoomState, facts: RoomFacts) -> bool:
    return source in facts.publishing.get(participant, ()) and may_send(state, participant, source)


def _visible(viewer: str, state: RoomState, facts: RoomFacts) -> list[str]:
    """Others whose camera the viewer may be shown, in join order."""
    others = [
        p for p in facts.publishing if p != viewer and _sends(p, SourceKind.CAMERA, state, facts)
    ]
    rights = state.participants[viewer]
    if state.lecturer is None or rights.sees_all or viewer == state.lecturer:
        return others
    shown = {state.lecturer, state.broadcast, state.poll_source, rights.view}
    return [p for p in others if p in shown]


def _main(viewer: str, seen: Sequence[str], state: RoomState, facts: RoomFacts) -> str | None:
    order = (
        state.broadcast,
        state.participants[viewer].view,
        state.poll_source,
        state.lecturer,
        facts.speaker,
    )
    return next((p for p in order if p in seen), seen[0] if seen else None)


def _audio(
    stage: str | None, heard: Sequence[str], places: Sequence[Source | None]
) -> list[Source | None]:
    names = [place[0] if place else None for place in places]
    placed = place_voices(names, heard, stage)
    return [(name, SourceKind.AUDIO) if name else None for name in placed]


def _keep_places(sources: Sequence[Source], places: Sequence[Source | None]) -> list[Source | None]:
    """Put `sources` into the places: who has one keeps it, newcomers fill the gaps in order."""
    chosen = list(sources[: len(places)])
    result: list[Source | None] = [place if place in chosen else None for place in places]
    newcomers = iter([source for source in chosen if source not in result])
    return [place if place is not None else next(newcomers, None) for place in result]
