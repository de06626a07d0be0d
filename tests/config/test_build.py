"""The composition root: what stands in the settings is what the engine gets; secrets are opened here only."""

import re
import socket
from pathlib import Path

import pytest

from config.build import build_context, close_context, make_folders, open_database, worker_name
from config.errors import ConfigurationError
from config.loading import load_settings
from config.settings import Settings
from config.starter import new_key, write_starter
from storage.sources.given import GivenFiles
from storage.vault import VaultLocked

SECRETS = {"SUPERSIM_CLIENT_ID": "client", "SUPERSIM_CLIENT_SECRET": "marker-8f21"}
HERE = {"SIMLINE_CARRIER_ACCOUNTS__SUPERSIM__BASE_URL": "http://127.0.0.1:9"}


def starter(folder: Path, environment: dict[str, str] | None = None) -> Settings:
    """The settings that `simline init` writes, with the carrier on this machine."""
    return load_settings(write_starter(folder)[0], HERE | (environment or {}))


def test_a_context_holds_what_the_settings_say(tmp_path: Path) -> None:
    settings = starter(tmp_path, {"SIMLINE_KEY": new_key(), "SIMLINE_TIMING__ATTEMPTS": "2"})
    context = build_context(settings, worker="w-1", environment=SECRETS)
    try:
        at_work = context.carriers["supersim"]
        assert at_work.pace.per_second == pytest.approx(9.7)
        assert at_work.quiet_seconds == at_work.timeout_seconds + at_work.carrier.capabilities.quiet_seconds
        assert set(context.sources) == {"inbox", GivenFiles.name}
        assert context.sources["inbox"].routes[0].product == "tracker"
        assert (context.worker, context.timing.attempts, context.expected_bytes) == ("w-1", 2, 5_000_000)
        assert context.vault.reveal(context.vault.seal("123")) == "123"
        assert context.scratch.is_dir()
    finally:
        close_context(context)


def test_building_sends_nothing_and_makes_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_connection(*_: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", no_connection)
    close_context(build_context(starter(tmp_path), environment=SECRETS))
    assert not (tmp_path / "simline.db").exists()


def test_a_missing_secret_is_named_by_its_variable(tmp_path: Path) -> None:
    settings = starter(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        build_context(settings, environment={"SUPERSIM_CLIENT_ID": "marker-8f21", "SUPERSIM_CLIENT_SECRET": ""})
    assert str(caught.value).startswith("The carrier account supersim needs SUPERSIM_CLIENT_SECRET in the environment.")
    assert "marker-8f21" not in str(caught.value)


def test_commands_that_only_read_need_no_secret(tmp_path: Path) -> None:
    database = open_database(starter(tmp_path))
    with database.begin() as tx:
        assert tx.now().year >= 2026
    database.close()


def test_without_a_key_codes_are_refused_and_nothing_else(tmp_path: Path) -> None:
    context = build_context(starter(tmp_path), environment=SECRETS)
    try:
        with pytest.raises(VaultLocked):
            context.vault.seal("123")
    finally:
        close_context(context)


def test_the_example_plans_go_to_no_real_carrier(tmp_path: Path) -> None:
    settings = load_settings(write_starter(tmp_path)[0], {})
    with pytest.raises(ConfigurationError, match=re.escape("`plans[germany-5mb].carrier_reference` is the example's")):
        build_context(settings, environment=SECRETS)


def test_a_carrier_that_there_is_not_is_said_with_the_known_ones(tmp_path: Path) -> None:
    settings = starter(tmp_path, {"SIMLINE_CARRIER_ACCOUNTS__SUPERSIM__CARRIER": "supersym"})
    with pytest.raises(ConfigurationError, match=r"no carrier 'supersym'. Known: supersim. Correct \[carrier_accounts"):
        build_context(settings, environment=SECRETS)


def test_no_secret_is_in_the_representation_of_a_context(tmp_path: Path) -> None:
    url = {"SIMLINE_DATABASE__URL": "postgresql://me:marker-8f21@127.0.0.1:1/db"}
    context = build_context(starter(tmp_path, url), environment=SECRETS)
    try:
        assert "marker-8f21" not in repr(context)
    finally:
        close_context(context)


def test_an_s3_source_is_opened_as_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    source = (
        '{"kind": "s3", "name": "drops", "bucket": "acme", "prefix": "in/", "endpoint_url": "http://127.0.0.1:9"%s}'
    )
    settings = starter(tmp_path, {"SIMLINE_SOURCES": "[" + source % "" + "]"})
    context = build_context(settings, environment=SECRETS)
    close_context(context)
    assert context.sources["drops"].name == "drops"
    swallowing = settings.model_copy(
        update={"sources": [settings.sources[0].model_copy(update={"prefix": "simline-results/in/"})]}
    )
    with pytest.raises(ConfigurationError, match="results_prefix"):
        build_context(swallowing, environment=SECRETS)


def test_folders_are_made_only_when_asked(tmp_path: Path) -> None:
    settings = starter(tmp_path)
    close_context(build_context(settings, environment=SECRETS))
    assert not (tmp_path / "manifests").exists()
    made = make_folders(settings)
    assert sorted(made) == sorted((tmp_path.resolve() / "manifests").iterdir())
    assert (tmp_path / "manifests" / "inbox").is_dir()
    (tmp_path / "manifests" / "rejected").rmdir()
    assert make_folders(settings) == [tmp_path.resolve() / "manifests" / "rejected"]


def test_no_two_workers_share_a_name() -> None:
    assert socket.gethostname() in worker_name()
    assert worker_name() != worker_name()
