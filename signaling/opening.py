"""What lies on the disk or on a database server, opened as the settings say.

Nothing else of the program: a command that only looks at the data loads no more than this.
"""

from core.audit import Audit, load_or_create_key
from core.clock import Clock
from core.database import Database
from signaling.backup import AUDIT_KEY, HEAD_FILE
from signaling.settings import Settings


def prepare_folders(settings: Settings) -> None:
    """Make data.dir and its private folders (0700)."""
    settings.data.dir.mkdir(parents=True, exist_ok=True)
    for folder in (settings.data.sockets, settings.data.dir / "keys"):
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)


def open_database(settings: Settings, clock: Clock | None = None) -> Database:
    """The database the settings name."""
    return Database(
        settings.database_url,
        clock=clock,
        pool_size=settings.database.pool_size,
        busy_timeout_s=settings.database.busy_timeout_s,
    )


def open_audit(settings: Settings) -> Audit:
    """The audit log with its key from outside the database."""
    folder = settings.data.dir
    return Audit(load_or_create_key(folder / "keys" / AUDIT_KEY), folder / HEAD_FILE)
