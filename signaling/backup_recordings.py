"""Recordings in a backup: packed as they are on disk, put back only once the rows are committed."""

import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from core.errors import InvalidInput

LAID: Final = ".restoring"
"""Beside the folder: what a restore has unpacked and not yet taken over."""


def pack(tar: tarfile.TarFile, folder: Path) -> dict[str, int]:
    """Add every file below `folder`. Returns: their sizes by path.

    A file that grows is packed up to the size it has when its turn comes: its segments are
    written whole, so it plays up to there. One that the retention deletes meanwhile is left out.
    """
    sizes: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        try:
            if path.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as content:
                info = tarfile.TarInfo(f"{folder.name}/{name}")
                info.size = content.seek(0, 2)
                info.mode = 0o600
                content.seek(0)
                tar.addfile(info, content)
        except FileNotFoundError:
            continue
        sizes[name] = info.size
    return sizes


def lay(tar: tarfile.TarFile, sizes: Mapping[str, int], folder: Path) -> None:
    """Unpack beside `folder`, where nobody plays it yet.

    Raises: InvalidInput: a file is missing, cut, or would lie outside the folder.
    """
    forget(folder)
    for name, size in sizes.items():
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts or not place.parts:
            raise InvalidInput(f"the backup has a recording of a strange name: {name!r}")
        target = _laid(folder) / place
        target.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        try:
            member = tar.extractfile(f"{folder.name}/{name}")
        except KeyError:
            member = None
        if member is None:
            forget(folder)
            raise InvalidInput(f"the backup is not whole: the recording {name} is missing")
        with target.open("wb") as out:
            shutil.copyfileobj(member, out)
        if target.stat().st_size != size:
            forget(folder)
            raise InvalidInput(f"the backup is not whole: the recording {name} is cut")


def take_over(folder: Path) -> None:
    """Put what was laid into the folder; others there stay, the same ones are replaced."""
    laid = _laid(folder)
    for path in sorted(laid.rglob("*")):
        if path.is_file():
            target = folder / path.relative_to(laid)
            target.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
            path.replace(target)
    forget(folder)


def forget(folder: Path) -> None:
    """Drop what was laid and not taken over; idempotent."""
    shutil.rmtree(_laid(folder), ignore_errors=True)


def _laid(folder: Path) -> Path:
    return folder.with_name(folder.name + LAID)
