"""The compiled parts of the bridge: conf/media/libcompiled.so, where a C compiler is.

Not needed: without it the same is done in Python (docs/decisions/0021 and 0023).
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.steps import ROOT, say

FOLDER = ROOT / "conf" / "media"
SOURCES = (FOLDER / "rows.h", FOLDER / "copies.c", FOLDER / "feedback.c")
LIBRARY = FOLDER / "libcompiled.so"
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=gnu11", "-O2", "-fPIC", "-shared", "-fstack-protector-strong")
STRICT = ("-Wall", "-Wextra", "-Wconversion", "-Werror")


def digest() -> str:
    """Of the sources: the library says which it was made of, and is not used with others."""
    return hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest()


def prepare() -> None:
    """Compile when the sources have changed; without a compiler say so and go on."""
    if is_current(LIBRARY):
        return
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        say("Bridge: no C compiler (Debian: apt-get install gcc libc6-dev), so all runs in Python")
    elif compile_to(LIBRARY, compiler):
        say("Bridge: its inner loops compiled")
    else:
        say("Bridge: its inner loops could not be compiled here, so all runs in Python")


def is_current(library: Path) -> bool:
    """Does it run on this machine, and was it made of these sources?"""
    try:
        made_of = (ctypes.c_char * 65).in_dll(ctypes.CDLL(str(library)), "made_of")
    except (OSError, ValueError):
        return False
    return made_of.value == digest().encode()


def compile_to(library: Path, compiler: str, *more: str) -> bool:
    """Whether `compiler` made `library`; it appears whole or not at all. `more`: flags."""
    made_of = f'-DMADE_OF="{digest()}"'
    try:
        with TemporaryDirectory(dir=library.parent) as folder:  # another may compile beside us
            made = Path(folder) / library.name
            words = [compiler, *FLAGS, *more, made_of, "-o", str(made), *map(str, SOURCES[1:])]
            subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=True)
            with made.open("rb") as whole:
                os.fsync(whole.fileno())  # after a power cut it is the old one or all of this one
            made.replace(library)
    except (OSError, subprocess.CalledProcessError):  # or nobody may write there
        return False
    return True
