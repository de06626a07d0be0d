"""What workers are forked from: a process that has done the whole job once, on SQLite, before the first of them.

So everything is imported, and pages and statements are compiled: a third of what a worker costs otherwise.
"""

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from storage import migrate
from storage.database import Database
from tests.compiled_once import share_compiled
from tests.engine.rig import iccids, manifest
from tests.reliability.site import open_site
from tests.reliability.worker import run


def do_the_job_once(folder: Path) -> None:
    """One manifest becomes active SIMs."""
    database = Database(f"sqlite:///{folder / 'once.db'}")
    migrate.upgrade(database)
    database.close()
    with open_site(database.url, folder) as site, suppress(SystemExit):
        site.rig.drop("a.csv", manifest(iccids(2)))
        run(site.url, site.carrier_url, str(folder))


share_compiled(pytest.MonkeyPatch())
with tempfile.TemporaryDirectory() as place:
    do_the_job_once(Path(place))
