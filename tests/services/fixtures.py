"""Fixtures: databases, Redis, ports; and what the test session shares."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from core.database import Database
from services import databases, ports, redis_server
from services.session import Session

SESSION = pytest.StashKey[Session]()
DATABASES = ("sqlite", "postgresql")

# How long an example takes says how busy the machine is, or that it was the first one.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--db",
        default=",".join(DATABASES),
        help="databases the database tests run on, by comma (default: sqlite,postgresql)",
    )


def pytest_configure(config: pytest.Config) -> None:
    shared = getattr(config, "workerinput", {}).get("fengsui_session")
    if shared is None:
        shared = (os.getpid(), tempfile.mkdtemp(prefix="fengsui-session-"))
    config.stash[SESSION] = Session(pid=shared[0], folder=Path(shared[1]))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist: every worker shares the session of the process that started it."""
    session = node.config.stash[SESSION]
    node.workerinput["fengsui_session"] = (session.pid, str(session.folder))


def pytest_unconfigure(config: pytest.Config) -> None:
    session = config.stash.get(SESSION, None)
    if session is not None and session.pid == os.getpid():
        shutil.rmtree(session.folder, ignore_errors=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a database runs once on each kind."""
    if "database_kind" in metafunc.fixturenames:
        kinds = metafunc.config.getoption("--db").split(",")
        unknown = set(kinds) - set(DATABASES)
        if unknown:
            raise pytest.UsageError(f"--db: unknown database {', '.join(sorted(unknown))}")
        metafunc.parametrize("database_kind", kinds, indirect=True)


@pytest.fixture(scope="session")
def service_session(pytestconfig: pytest.Config) -> Session:
    """The test session as the service modules see it."""
    return pytestconfig.stash[SESSION]


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgresql`; asking for it makes a test run on both."""
    kind: str = request.param
    return kind


def _copy(session: Session, kind: str, *, is_migrated: bool) -> Any:
    make = databases.sqlite_copy if kind == "sqlite" else databases.postgres_copy
    return make(session, is_migrated=is_migrated)


@pytest.fixture
def database_url(service_session: Session, database_kind: str) -> Iterator[str]:
    """A migrated, otherwise empty database that only this test has."""
    with _copy(service_session, database_kind, is_migrated=True) as url:
        yield url


@pytest.fixture
def empty_database_url(service_session: Session, database_kind: str) -> Iterator[str]:
    """A database without a single table, for tests of the migrations themselves."""
    with _copy(service_session, database_kind, is_migrated=False) as url:
        yield url


@pytest.fixture
def sqlite_url(service_session: Session) -> Iterator[str]:
    """A migrated SQLite file, for tests that are about something else than the database."""
    with databases.sqlite_copy(service_session, is_migrated=True) as url:
        yield url


@pytest.fixture
def postgresql_url(service_session: Session) -> Iterator[str]:
    """A migrated PostgreSQL database, for what only several processes on one database show."""
    with databases.postgres_copy(service_session, is_migrated=True) as url:
        yield url


@pytest.fixture
def empty_postgresql_url(service_session: Session) -> Iterator[str]:
    """A PostgreSQL database without a table, for a server that migrates it itself."""
    with databases.postgres_copy(service_session, is_migrated=False) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open `Database` on `database_url`."""
    async with Database(database_url) as opened:
        yield opened


@pytest.fixture
def migrate_database() -> Callable[..., None]:
    """`migrate(url, revision="head")`; downgrades are `migrations.runner`'s own business."""
    return databases.migrate


@pytest.fixture
def redis_url(service_session: Session, pytestconfig: pytest.Config) -> str:
    """A real, empty Redis that no other test uses meanwhile."""
    worker = getattr(pytestconfig, "workerinput", {}).get("workerid", "main")
    note = service_session.once(f"redis-{worker}", lambda: redis_server.start(service_session))
    redis_server.empty(note["port"])
    return f"redis://127.0.0.1:{note['port']}/0"


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Call it for a port of 127.0.0.1 that is free for both TCP and UDP."""
    return ports.free_port
