"""The engine of a process is opened once, from the environment or from given settings, and closed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.errors import ConfigurationError
from config.loading import load_settings
from storage import catalogue
from storage.migrate import is_current
from tasks.context import close_engine, engine, engine_of

SIMLINE = """
[[accounts]]
id = "acme"
name = "Acme"
[[products]]
id = "tracker"
name = "Tracker"
account = "acme"
"""


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The environment names a simline.toml in a fresh folder."""
    file = tmp_path / "simline.toml"
    file.write_text(SIMLINE)
    monkeypatch.setenv("SIMLINE_CONFIG", str(file))
    monkeypatch.setenv("SUPERSIM_CLIENT_ID", "somebody")
    monkeypatch.setenv("SUPERSIM_CLIENT_SECRET", "a secret")
    monkeypatch.setenv("SIMLINE_CARRIER_ACCOUNTS__SUPERSIM__BASE_URL", "http://127.0.0.1:9/v1")
    yield file
    close_engine()


@pytest.mark.usefixtures("configured")
def test_every_step_of_a_process_has_the_same_engine_with_the_database_prepared() -> None:
    with ThreadPoolExecutor(8) as pool:
        engines = [asked.result() for asked in [pool.submit(engine) for _ in range(16)]]
    assert len({id(one) for one in engines}) == 1
    assert is_current(engines[0].database)
    with engines[0].database.read() as tx:
        assert [product.id for product in catalogue.products(tx)] == ["tracker"]


@pytest.mark.usefixtures("configured")
def test_after_closing_the_next_step_opens_it_anew() -> None:
    first = engine()
    close_engine()
    assert engine() is not first


def test_given_settings_hold_for_the_block_and_the_environment_again_after_it(configured: Path, tmp_path: Path) -> None:
    usual = engine()
    other = tmp_path / "other" / "simline.toml"
    other.parent.mkdir()
    other.write_text(SIMLINE)
    with engine_of(load_settings(other)) as given:
        assert engine() is given
        assert given.database.url != usual.database.url
    assert engine() is usual


def test_a_wrong_configuration_is_told_each_time_and_mended_it_works(configured: Path) -> None:
    configured.write_text(SIMLINE.replace("account = ", "acount = "))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="acount"):
            engine()
    configured.write_text(SIMLINE)
    assert engine().sources
