"""Who is speaking, and whose voice fills the audio slots, from RTP audio levels (RFC 6464).

A level is -dBov: 0 is the loudest, 127 silence. Loudness is smoothed in dB; a cough does not take
the picture, a pause for breath does not lose it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SLOTS: Final = 3
SILENCE: Final = 127
_SPEECH_LEVEL: Final = 50  # quieter than -50 dBov is a room, not a voice
_ATTACK_S: Final = 0.15
_RELEASE_S: Final = 1.0
_QUIET_AFTER_S: Final = 0.6  # no packet for so long is silence (DTX sends one per 400 ms)
_SLOT_MARGIN_DB: Final = 6.0
_SPEAKER_MARGIN_DB: Final = 4.0
_TAKE_OVER_S: Final = 0.8  # louder than the speaker for so long, then one is the speaker
_SLOT_STAYS_S: Final = 2.0  # a slot outlives a pause of its voice


@dataclass(slots=True)
class _Voice:
    loudness_db: float  # 0 (silence) .. 127
    heard_s: float
    spoke_s: float
    louder_since_s: float | None = None


class Speakers:
    """The voices of one room. Times in seconds, of any clock; call `update` every 100 ms or so."""

    __slots__ = ("_size", "_voices", "active", "loudest")

    def __init__(self, size: int = SLOTS) -> None:
        """`size`: how many voices are mixed at a receiver."""
        self._size = size
        self._voices: dict[str, _Voice] = {}
        self.active: str | None = None  # the last to speak; stays through silence
        self.loudest: tuple[str, ...] = ()  # at most `size`, the loudest first

    def on_level(self, participant: str, level: int, now_s: float) -> None:
        """One packet's level. Only of those who may be heard: the muted are not given here."""
        loudness = float(SILENCE - min(level, SILENCE))
        voice = self._voices.get(participant)
        if voice is None:
            self._voices[participant] = _Voice(loudness / 2, now_s, -1e9)
            return
        elapsed = max(0.0, min(now_s - voice.heard_s, 1.0))
        span = _ATTACK_S if loudness > voice.loudness_db else _RELEASE_S
        voice.loudness_db += (loudness - voice.loudness_db) * min(1.0, elapsed / span)
        voice.heard_s = now_s
        if _is_speech(voice):
            voice.spoke_s = now_s

    def remove(self, participant: str) -> None:
        """The participant left, was muted or stopped sending."""
        self._voices.pop(participant, None)
        self.loudest = tuple(name for name in self.loudest if name != participant)
        if self.active == participant:
            self.active = None

    def update(self, now_s: float) -> bool:
        """Decide anew; True when `active` or the set of `loudest` changed."""
        before = (self.active, frozenset(self.loudest))
        for voice in self._voices.values():
            if now_s - voice.heard_s > _QUIET_AFTER_S:
                voice.loudness_db = 0.0
        self._choose_loudest(now_s)
        self._choose_active(now_s)
        return before != (self.active, frozenset(self.loudest))

    def _choose_loudest(self, now_s: float) -> None:
        """Holders keep their place for 2 s after speech and against less than 6 dB."""
        holders = set(self.loudest)
        candidates = [
            name
            for name, voice in self._voices.items()
            if _is_speech(voice) or (name in holders and now_s - voice.spoke_s < _SLOT_STAYS_S)
        ]

        def strength(name: str) -> float:
            return self._voices[name].loudness_db + (_SLOT_MARGIN_DB if name in holders else 0.0)

        chosen = sorted(candidates, key=strength, reverse=True)[: self._size]
        self.loudest = tuple(sorted(chosen, key=self._loudness, reverse=True))

    def _loudness(self, name: str) -> float:
        return self._voices[name].loudness_db

    def _choose_active(self, now_s: float) -> None:
        speaker = self._voices.get(self.active) if self.active is not None else None
        for name, voice in self._voices.items():
            is_louder = _is_speech(voice) and (
                speaker is None or voice.loudness_db > speaker.loudness_db + _SPEAKER_MARGIN_DB
            )
            if name == self.active or not is_louder:
                voice.louder_since_s = None
            elif voice.louder_since_s is None:
                voice.louder_since_s = now_s
        # The first speaker of all need not wait; a challenger must last.
        patience = _TAKE_OVER_S if speaker is not None else 0.0
        ready = [
            name
            for name, voice in self._voices.items()
            if voice.louder_since_s is not None and now_s - voice.louder_since_s >= patience
        ]
        if ready:
            self.active = max(ready, key=self._loudness)
            self._voices[self.active].louder_since_s = None


def _is_speech(voice: _Voice) -> bool:
    return voice.loudness_db > SILENCE - _SPEECH_LEVEL


def place_voices(
    slots: Sequence[str | None], loudest: Sequence[str], stage: str | None
) -> list[str | None]:
    """Which voice goes to which audio slot of one subscriber; who stays is not moved.

    `stage`: the site on the main picture; slot 0 is its, so that lips stay in step. `loudest` must
    not hold the subscriber itself. Voices beyond the slots are left out, the quietest first.
    """
    wanted = [name for name in loudest if name != stage]
    placed: list[str | None] = [None] * len(slots)
    free = list(range(len(slots)))
    if stage is not None and free:
        placed[free.pop(0)] = stage
    wanted = wanted[: len(free)]
    for index in list(free):
        name = slots[index]
        if name in wanted:
            placed[index] = name
            wanted.remove(name)
            free.remove(index)
    # Slot 0 last: it is the first to be taken away again.
    for index, name in zip(sorted(free, reverse=True), wanted, strict=False):
        placed[index] = name
    return placed
