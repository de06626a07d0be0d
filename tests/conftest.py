"""Shared fixtures: a fresh, migrated database per test on SQLite and on a real PostgreSQL, and a clock that tests move.

PostgreSQL comes out of a wheel, one server per test process, started when the first test asks for it. With
SIMLINE_TEST_POSTGRES (the address of a server on which databases may be created) that server is used instead.
"""

import fcntl
import gc
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from benchmarks.postgres import FAST, ThrowawayPostgres
from storage import migrate
from storage.database import SIFTED_EVERY, Database
from tests.browsing import browser, opened  # noqa: F401  fixtures
from tests.compiled_once import share_compiled
from tests.dealing_out import FilesAreDealtOut, rank
from tests.flows import prefect_server
from tests.postgres import Copies, postgres_database

POSTGRES = os.environ.get("SIMLINE_TEST_POSTGRES")
OF_TESTS = ("SIMLINE_TEST_POSTGRES", "SIMLINE_SPECS")
"""Variables that tests read while they are collected. To the program they would be settings that it does not know."""
OF_OPERATORS = ("SIMLINE_", "PREFECT_")
"""So begin the variables that would lead a test to somebody's ledger, carrier or Prefect server."""

for name in [name for name in os.environ if name.startswith(OF_OPERATORS) and name not in OF_TESTS]:
    del os.environ[name]  # now, because Prefect reads them as soon as a test module imports it

gc.set_threshold(*SIFTED_EVERY)  # as wherever a database is open; here while tests are collected too

settings.register_profile("busy", deadline=None)  # a core that is taken away for a moment makes no example wrong
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take minutes first, the others as they are."""
    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesAreDealtOut:
    """How tests are dealt out to the test processes."""
    return FilesAreDealtOut(config, log)


class MovingClock:
    """A time that stands still until a test moves it."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def __call__(self) -> datetime:
        return self.time

    def move(self, seconds: float) -> datetime:
        """Forward, or backward with a negative number; the new time."""
        self.time += timedelta(seconds=seconds)
        return self.time


@pytest.fixture(scope="session", autouse=True)
def variables_of_tests_are_not_the_programs() -> None:
    """They leave the environment before the first test; processes that are started have them neither."""
    for name in OF_TESTS:
        os.environ.pop(name, None)


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Whoever opens a database finds what others have compiled."""
    with pytest.MonkeyPatch.context() as patch:
        share_compiled(patch)
        yield


@pytest.fixture
def moving_clock() -> MovingClock:
    """A test that asks for this has its `database` run on it."""
    return MovingClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server for this test process."""
    if POSTGRES:
        yield POSTGRES
        return
    with ThrowawayPostgres(FAST) as server:
        yield server.url()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of a migrated database to copy."""
    with postgres_database(postgres_server) as (name, url):
        _migrate(url)
        yield name


@pytest.fixture(scope="session")
def postgres_copies(postgres_server: str, postgres_template: str) -> Iterator[Copies]:
    """Migrated databases for one test after the other."""
    with Copies(postgres_server, postgres_template, f"simline_{os.getpid()}") as copies:
        yield copies


@pytest.fixture(scope="session")
def prefect_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database of Prefect's to copy, made once for all test processes: it costs ten seconds."""
    mine = tmp_path_factory.getbasetemp()
    folder = (mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) / "prefect-database"
    folder.mkdir(exist_ok=True)
    made = folder / "migrated.db"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            prefect_server.migrate(folder).rename(made)
    return made


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this test process has its SQLite, a new one for each test."""
    return tmp_path_factory.mktemp("sqlite") / "simline.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a fresh migrated database, gone after the test; the next one has the same address."""
    if request.param == "sqlite":
        file: Path = request.getfixturevalue("sqlite_file")
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        for path in file.parent.glob(f"{file.name}*"):
            path.unlink()
        return
    yield request.getfixturevalue("postgres_copies").fresh()


@pytest.fixture(scope="session")
def doors() -> dict[str, Database]:
    """Address -> the door to it, kept open from test to test: what it has compiled need not be compiled again."""
    return {}


@pytest.fixture
def database(database_url: str, doors: dict[str, Database], request: pytest.FixtureRequest) -> Iterator[Database]:
    """A fresh migrated database; on `moving_clock` when the test asks for that too."""
    clock = request.getfixturevalue("moving_clock") if "moving_clock" in request.fixturenames else None
    if database_url not in doors:
        doors[database_url] = Database(database_url)
    database = doors[database_url].on(clock)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without a table."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
        yield database
        database.close()
        return
    with postgres_database(request.getfixturevalue("postgres_server")) as (_, url):
        database = Database(url)
        yield database
        database.close()


def _migrate(url: str) -> None:
    database = Database(url)
    migrate.upgrade(database)
    database.close()
