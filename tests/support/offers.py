"""Offers of browsers from tests/vectors/sdp, laid out in our pool where made elsewhere."""

from pathlib import Path

VECTORS = Path(__file__).parents[1] / "vectors" / "sdp"
BROWSERS = sorted(path.stem for path in VECTORS.glob("*.sdp"))
_WHOSE = ("a=msid:", "a=ssrc:", "a=ssrc-group:")
_POOL = ("audio", "video", "video", *["audio"] * 3, "video", "video", *["video"] * 8)


def read_offer(name: str) -> str:
    """The offer as text, in CRLF.

    A recording of one audio and one video section is repeated in the pool's order: mids, directions
    and the sources of what it sends are ours, every other line is the browser's.
    """
    text = (VECTORS / f"{name}.sdp").read_bytes().decode()
    head, *sections = text.removesuffix("\r\n").split("\r\nm=")
    if len(sections) != 2:
        return text
    made = dict(zip(("audio", "video"), sections, strict=True))
    laid = [_section(made[kind], place) for place, kind in enumerate(_POOL)]
    mids = " ".join(str(place) for place in range(len(_POOL)))
    return "\r\nm=".join([head.replace("BUNDLE 0 1", f"BUNDLE {mids}"), *laid]) + "\r\n"


def _section(recorded: str, place: int) -> str:
    lines = recorded.split("\r\n")
    is_up = place < 3
    kept = [line for line in lines if is_up or not line.startswith(_WHOSE)]
    if place == 2:  # the screen is not shared yet: nothing is sent
        kept = [line for line in kept if not line.startswith(_WHOSE[1:])]
    changed = {
        "a=sendrecv": "a=sendonly" if is_up else "a=recvonly",
        "a=mid:0": f"a=mid:{place}",
        "a=mid:1": f"a=mid:{place}",
    }
    return "\r\n".join(changed.get(line, line) for line in kept)
