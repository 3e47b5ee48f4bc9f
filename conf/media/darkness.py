"""Why a filled slot shows nothing, so that its page can say so instead of standing black."""

from typing import TYPE_CHECKING

from conf.media.layer import HISTORY
from conf.media.model import Darkness, SlotKind

if TYPE_CHECKING:
    from conf.media.downslot import DownSlot


def darkness(slot: "DownSlot") -> Darkness | None:
    """What keeps the slot dark now; None when it shows its source, or has none."""
    track = slot.track
    if track is None or slot.kind is SlotKind.AUDIO:
        return None
    if not slot.types.keys() & track.codecs.values() or _lacks_codec(slot):
        return Darkness.NO_COMMON_CODEC
    if slot.layer is not None:
        return None
    return Darkness.LINE_TOO_WEAK if slot.wanted is None else Darkness.WAITING_KEY_FRAME


def _lacks_codec(slot: "DownSlot") -> bool:
    """Is what its layer sends now in a codec the viewer did not offer?"""
    layer = slot.layer
    if layer is None:
        return False
    newest = layer.rings[slot.form][layer.highest & (HISTORY - 1)]
    return newest is not None and newest.codec not in slot.types


def has_changed(slot: "DownSlot") -> bool:
    """Look once a second; a reason counts when it is seen twice, its end at once."""
    seen = darkness(slot)
    is_lasting = seen is None or seen is slot.suspected
    slot.suspected = seen
    if not is_lasting or seen is slot.reason:
        return False
    slot.reason = seen
    return True
