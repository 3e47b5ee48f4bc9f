"""The root of all settings, how they are read, and the sample file made from them.

Strongest first: what the command line sets, `FENGSUI_<SECTION>__<NAME>`, the TOML file (`--config`
or FENGSUI_CONFIG), defaults. What is unknown or out of range is named by its path.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard, get_args

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as SourceError
from pydantic_settings.sources import EnvSettingsSource

from conf.settings import MediaSettings, RecordingSettings
from core.settings import (
    ENV_PREFIX,
    AuthSettings,
    DatabaseSettings,
    DataSettings,
    LogSettings,
    RedisSettings,
    Section,
)
from directory.settings import DirectorySettings
from sms.settings import SmsSettings

CONFIG_VARIABLE = f"{ENV_PREFIX}CONFIG"


class HttpSettings(Section):
    """The web server: pages, REST, Socket.IO."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(8080, ge=1, le=65535, description="TCP port to listen on.")
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/]+$",
        description="How browsers reach the server, when a proxy stands between.",
        examples=["https://fengsui.example.cn"],
    )
    tls_certificate: Path | None = Field(
        None,
        description="PEM chain for HTTPS; `server.py cert` makes one.",
        examples=["var/tls/server.pem"],
    )
    tls_key: Path | None = Field(
        None, description="PEM key of tls_certificate.", examples=["var/tls/server.key"]
    )
    metrics_token: SecretStr | None = Field(
        None,
        description="What Prometheus sends as `Authorization: Bearer …` to read /metrics.",
        examples=["a-long-random-text"],
    )
    trusted_proxies: tuple[str, ...] = Field(
        (), description="Addresses of proxies whose X-Forwarded-For is believed."
    )
    user_requests_per_minute: int = Field(
        1200, ge=60, le=100_000, description="REST requests of one user per minute."
    )
    visitor_requests_per_minute: int = Field(
        600, ge=10, le=100_000, description="Requests of one address without session per minute."
    )
    sign_ins_per_minute: int = Field(
        20, ge=3, le=1000, description="Sign-in attempts of one address per minute."
    )
    messages_per_second: int = Field(
        50, ge=5, le=1000, description="Socket.IO messages of one connection per second."
    )


class Settings(BaseSettings):
    """Everything that can be set; built once by the command line."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    data: DataSettings = Field(default_factory=DataSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    auth: AuthSettings = Field(default_factory=AuthSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    sms: SmsSettings = Field(default_factory=SmsSettings)
    media: MediaSettings = Field(default_factory=MediaSettings)
    recording: RecordingSettings = Field(default_factory=RecordingSettings)
    directory: DirectorySettings = Field(default_factory=DirectorySettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """No .env file and no secrets folder: the file is the one that was named."""
        return (init_settings,)

    @property
    def database_url(self) -> str:
        """The database's URL; SQLite in data.dir where none is set."""
        if self.database.url is not None:
            return self.database.url.get_secret_value()
        return f"sqlite+aiosqlite:///{(self.data.dir / 'fengsui.sqlite3').absolute()}"

    @property
    def is_postgresql(self) -> bool:
        """Whether the database is PostgreSQL, which several nodes may share."""
        return self.database_url.startswith("postgresql")

    @property
    def is_https(self) -> bool:
        """Whether browsers reach us by HTTPS."""
        public = self.http.public_url or ""
        return self.http.tls_certificate is not None or public.startswith("https://")


class BadSettings(Exception):
    """Settings that cannot be used; `faults` has one line each, starting with the path."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def load(
    environ: Mapping[str, str],
    config: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings. `overrides`: nested values of the command line.

    Raises: BadSettings: names every fault with its path and where the value came from.
    """
    named = environ.get(CONFIG_VARIABLE)
    path = config or (Path(named) if named else None)
    faults = _unknown_variables(environ)
    file_values = _read_file(path, faults)
    try:
        variables = EnvSettingsSource(Settings, env_nested_delimiter="__", env_prefix=ENV_PREFIX)
        variables.env_vars = {name.lower(): value for name, value in environ.items()}
        values = _merge(_merge(file_values, variables()), overrides or {})
        if faults:
            raise BadSettings(faults)
        return Settings(**values)
    except ValidationError as error:
        raise BadSettings([_fault(entry, environ, path) for entry in _entries(error)]) from error
    except SourceError as error:
        raise BadSettings([str(error)]) from error


def from_environment(config: Path | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """`load` from this process's environment.

    Raises: BadSettings.
    """
    return load(os.environ, config, overrides)


def _entries(error: ValidationError) -> list[dict[str, Any]]:
    return [dict(entry) for entry in error.errors(include_url=False, include_context=False)]


def _fault(entry: dict[str, Any], environ: Mapping[str, str], path: Path | None) -> str:
    where = ".".join(str(part) for part in entry["loc"])
    variable = ENV_PREFIX + where.upper().replace(".", "__")
    source = (
        f"variable {variable}" if variable in environ else f"file {path}" if path else "default"
    )
    text = "unknown setting" if entry["type"] == "extra_forbidden" else entry["msg"]
    return f"{where}: {text} ({source})"


def _read_file(path: Path | None, faults: list[str]) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        faults.append(f"{path}: cannot be read: {error.strerror}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(f"{path}: is not TOML: {error}")
    return {}


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            merged[key] = _merge(under, value)
        else:
            merged[key] = value
    return merged


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = {variable for variable, _ in variables()} | {CONFIG_VARIABLE}
    return [
        f"{name}: unknown variable; known are FENGSUI_<SECTION>__<NAME> as in config-sample.toml"
        for name in environ
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known
    ]


def variables() -> list[tuple[str, str]]:
    """Every environment variable with the path of its setting."""
    found: list[tuple[str, str]] = []

    def walk(model: type[BaseModel], path: tuple[str, ...]) -> None:
        for name, field in model.model_fields.items():
            here = (*path, name)
            found.append((ENV_PREFIX + "__".join(here).upper(), ".".join(here)))
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                walk(kind, here)

    walk(Settings, ())
    return found


def sample() -> str:
    """The text of config-sample.toml: every setting with default, unit, range and meaning."""
    lines = [
        "# All settings of Fengsui with their defaults. Made by `python server.py config-sample`.",
        "# Each can also be given as a variable: http.port is FENGSUI_HTTP__PORT.",
    ]
    for name, field in Settings.model_fields.items():
        assert isinstance(field.annotation, type)
        lines += ["", *_sample_section(field.annotation, name)]
    return "\n".join(lines) + "\n"


def _sample_section(model: type[BaseModel], path: str, brackets: str = "[]") -> list[str]:
    summary = (model.__doc__ or "").partition("\n")[0]
    opening, closing = brackets[: len(brackets) // 2], brackets[len(brackets) // 2 :]
    comment = "#" if brackets == "[[]]" else ""
    lines, nested = [f"# {summary}", f"{comment}{opening}{path}{closing}"], []
    for name, field in model.model_fields.items():
        kind = field.annotation
        inner = [part for part in get_args(kind) if _is_model(part)]
        if kind is not None and _is_model(kind):
            nested += ["", *_sample_section(kind, f"{path}.{name}")]
        elif inner:
            nested += ["", *_sample_section(inner[0], f"{path}.{name}", "[[]]")]
        else:
            lines += _sample_field(name, field)
    return lines + nested


def _is_model(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _sample_field(name: str, field: Any) -> list[str]:
    limits = {
        text: getattr(part, key)
        for part in field.metadata
        for key, text in (("ge", "from"), ("gt", "over"), ("le", "to"), ("lt", "below"))
        if getattr(part, key, None) is not None
    }
    span = " ".join(f"{text} {value}" for text, value in limits.items())
    about = f"# {field.description or ''}" + (f" ({span})" if span else "")
    default = field.get_default(call_default_factory=True)
    value = field.examples[0] if field.examples else default
    shown = "(none)" if field.is_required() and not field.examples else _toml(value)
    return [about, f"#{name} = {shown}" if shown is not None else f"# {name}: not set"]


def _toml(value: Any) -> str | None:
    """`value` as TOML; None where TOML has no word for it."""
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case SecretStr():
            return f'"{value.get_secret_value()}"'
        case tuple() | list():
            return "[" + ", ".join(str(_toml(item)) for item in value) + "]"
        case _:
            return f'"{value}"'


__all__ = [
    "BadSettings",
    "HttpSettings",
    "Settings",
    "from_environment",
    "load",
    "sample",
    "variables",
]
