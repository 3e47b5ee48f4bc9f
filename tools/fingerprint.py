"""Fingerprints of files, kept in .stamps/, so that a step whose input is unchanged is skipped."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tools.steps import ROOT, STAMPS


def of_files(files: Iterable[Path], *more: str) -> str:
    """A hash over the names and contents of `files` (in any order) and the words `more`."""
    digest = hashlib.sha256("\0".join(more).encode())
    for file in sorted(files):
        digest.update(f"\0{file.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def is_current(name: str, fingerprint: str) -> bool:
    """Whether step `name` was finished with this very input."""
    stamp = STAMPS / name
    return stamp.exists() and stamp.read_text() == fingerprint


def keep(name: str, fingerprint: str) -> None:
    """Remember that step `name` is finished."""
    STAMPS.mkdir(exist_ok=True)
    (STAMPS / name).write_text(fingerprint)


def forget(name: str) -> None:
    """Step `name` is about to change something: until `keep`, it is unfinished."""
    (STAMPS / name).unlink(missing_ok=True)
