"""Databases for benchmarks: a SQLite file, or a PostgreSQL cluster as the tests start it."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))  # where `services` lies

from services import databases
from services.session import Session

KINDS = ("sqlite", "postgresql")


@contextmanager
def new_database(kind: str) -> Iterator[str]:
    """The URL of a migrated database of `kind`."""
    folder = Path(tempfile.mkdtemp(prefix="fengsui-bench-"))
    try:
        make = databases.sqlite_copy if kind == "sqlite" else databases.postgres_copy
        with make(Session(os.getpid(), folder), is_migrated=True) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)
