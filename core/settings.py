"""Settings: sections shared by all packages, and how a setting is read and named.

Sources, strongest first: environment `FENGSUI_<SECTION>__<NAME>`, the TOML file given by
`--config` or FENGSUI_CONFIG, defaults. An unknown or bad key is named by its path. Only this
module and signaling.settings read the environment, and only when called.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

ENV_PREFIX = "FENGSUI_"


class Section(BaseModel):
    """Base of every section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSettings(Section):
    """Where the product keeps its files."""

    dir: Path = Field(
        Path("./var"), description="Folder of database, keys, sockets, certificates, recordings."
    )
    min_free_mib: int = Field(
        500, ge=10, description="Below this much free disk `check` and the status page warn (MiB)."
    )

    @property
    def sockets(self) -> Path:
        """Folder of Unix sockets, mode 0700."""
        return self.dir / "run"


class DatabaseSettings(Section):
    """SQLite in one file, or PostgreSQL."""

    url: SecretStr | None = Field(
        None,
        description="`postgresql+asyncpg://user:password@host/name`; empty: SQLite in data.dir.",
    )
    pool_size: int = Field(10, ge=1, le=100, description="Connections held open.")
    busy_timeout_s: float = Field(
        10.0, ge=0.1, le=120, description="How long a writer waits for another on SQLite (s)."
    )


class RedisSettings(Section):
    """Only for several nodes: Socket.IO between them, presence, wake-ups."""

    url: SecretStr | None = Field(None, description="`redis://host:6379/0`; empty: one box.")


class LogSettings(Section):
    """Structured logs on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level.")
    format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: console on a terminal, else JSON lines."
    )


class AuthSettings(Section):
    """Sign-in and sessions."""

    idle_minutes: int = Field(
        30, ge=5, le=1440, description="A session unused for so long ends (minutes)."
    )
    session_hours: int = Field(12, ge=1, le=168, description="A session ends after this (hours).")
    lock_after_failures: int = Field(
        5, ge=3, le=20, description="Wrong passwords in a row before the account is locked."
    )
    lock_first_s: int = Field(
        60, ge=10, le=3600, description="First lock (s); doubles with each further failure."
    )
    password_min_length: int = Field(10, ge=8, le=64, description="Least length of a password.")
