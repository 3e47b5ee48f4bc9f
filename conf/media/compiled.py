"""The parts of the bridge that are compiled: what `make` makes of rows.h and the C sources.

Optional: where no C compiler is (tools/native.py), or the system is not Linux, the same is done in
Python (decisions 0021 and 0023).
"""

from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from conf.media.mmsg import libc
from conf.media.rows import ffi

LIBRARY: Final = Path(__file__).with_name("libcompiled.so")
SOURCES: Final = tuple(
    Path(__file__).with_name(name) for name in ("rows.h", "copies.c", "feedback.c")
)

ffi.cdef(
    """
    void make_copies(struct burst *burst);
    void read_feedback(struct feedback_batch *batch);
    extern const char made_of[65];
    """
)


def load(library: Path = LIBRARY) -> Any | None:
    """The compiled functions, or None: there are none, or they were made of other sources."""
    if libc is None or not library.is_file():
        return None
    try:
        found, wanted = ffi.dlopen(str(library)), digest()
        # Rows laid out otherwise than rows.h says would be written through.
        return found if ffi.string(found.made_of) == wanted.encode() else None
    except (OSError, AttributeError):
        return None


def digest() -> str:
    """Of what it is compiled from, as tools/native.py writes it into it."""
    return sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()
