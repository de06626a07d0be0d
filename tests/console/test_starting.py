"""`init`, `check`, `carriers` and `version`."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, text

from carriers.simulated.faults import Fault, Faults
from console.commands import CANNOT, FINE


def test_init_writes_a_configuration_that_can_be_read_and_never_overwrites(simline: Any, tmp_path: Path) -> None:
    first = simline("init", tmp_path / "acme")
    assert first.status == FINE
    assert (tmp_path / "acme" / "manifests" / "inbox").is_dir()
    before = (tmp_path / "acme" / "simline.toml").read_bytes()
    second = simline("init", tmp_path / "acme")
    assert second.status == FINE
    assert "is already there and was left alone" in second.out
    assert "Every folder of its sources is there." in second.out
    assert (tmp_path / "acme" / "simline.toml").read_bytes() == before
    (tmp_path / "acme" / "simline.toml").unlink()
    third = simline("init", tmp_path / "acme")
    assert third.status == CANNOT
    assert "is already there and was left alone" in third.err


def test_init_makes_what_a_new_source_lacks_and_touches_nothing_that_is_there(place: Any) -> None:
    file, dropped = place.folder / "simline.toml", place.folder / "manifests" / "inbox" / "waits.csv"
    file.write_text(file.read_text() + '\n[[sources]]\nkind = "folder"\nname = "second"\npath = "second"\n')
    dropped.write_text("iccid\n")
    (place.folder / "second" / "inbox").mkdir(parents=True)
    before = file.read_bytes()
    missing = place.simline("check")
    assert missing.status == CANNOT
    assert "simline init" in missing.out
    assert ".records" in missing.out
    said = place.simline("init", place.folder)
    assert said.status == FINE
    made = [place.folder / "second" / name for name in ("processing", "processed", "rejected", ".records")]
    assert all(str(path) in said.out and path.is_dir() for path in made)
    assert str(dropped.parent) not in said.out
    assert (file.read_bytes(), dropped.read_text()) == (before, "iccid\n")
    assert place.simline("check").status == FINE


def test_a_key_is_one_line_that_opens_the_vault_and_a_new_one_each_time(simline: Any) -> None:
    keys = [simline("init", "--key").out for _ in range(2)]
    assert keys[0] != keys[1]
    for key in keys:
        Fernet(key.strip().encode())
        assert key.count("\n") == 1


def test_check_has_a_good_sentence_for_everything_that_is_there(place: Any) -> None:
    said = place.simline("check")
    assert said.status == FINE
    for what in ("configuration", "database", "key", "stored codes", "carrier account supersim", "source inbox"):
        assert f"✓ {what}: " in said.out


def test_check_says_which_file_it_read_and_that_the_one_here_is_not_used(
    place: Any, simline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = place.folder / "simline.toml"
    assert f"✓ configuration: {file} can be read; " in place.simline("check").out
    assert "not used" not in place.simline("check").out
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Path("simline.toml").write_text("")
    assert "The simline.toml here is not used: --config names that one." in simline("--config", file, "check").out
    monkeypatch.setenv("SIMLINE_CONFIG", str(file))
    assert "The simline.toml here is not used: SIMLINE_CONFIG names that one." in simline("check").out


def test_check_names_what_a_database_of_an_older_main_lacks_and_what_to_do(place: Any) -> None:
    assert place.simline("check").status == FINE
    with create_engine(f"sqlite:///{place.folder / 'simline.db'}").begin() as connection:
        connection.execute(text("DROP INDEX ix_operations_held"))
        connection.execute(text("ALTER TABLE operations DROP COLUMN hinted_at"))
    said = place.simline("check")
    assert said.status == CANNOT
    assert "✗ database: " in said.out
    assert "lacks operations.hinted_at, index ix_operations_held: it was made by an older simline." in said.out
    assert "`[database] url`" in said.out


def test_a_carrier_that_is_away_is_one_sentence_and_no_librarys_words(place: Any, process: Any) -> None:
    place.server.carrier.faults = Faults({Fault.ERROR_503: 1.0})
    said = process("--config", place.folder / "simline.toml", "check")
    assert said.returncode == CANNOT
    assert "✗ carrier account supersim: " in said.stdout
    assert said.stderr == ""


def test_check_as_json_names_what_fails(place: Any) -> None:
    place.server.close()
    said = place.simline("check", "--json")
    assert said.status == CANNOT
    found = {one["what"]: one["ok"] for one in said.json}
    assert found["carrier account supersim"] is False
    assert [what for what, ok in found.items() if not ok] == ["carrier account supersim"]


def test_check_names_an_account_at_which_work_waits_and_that_is_configured_no_more(place: Any, rows: Any) -> None:
    where = ("--product", "tracker", "--home-country", "DE")
    place.simline("import", place.file("order.csv", *rows(2)), *where, "--no-activate")
    with sqlite3.connect(place.folder / "simline.db") as ledger:
        ledger.execute("UPDATE operations SET carrier_account = 'gone' WHERE line = 3")
    said = place.simline("check")
    assert said.status == CANNOT
    assert "✗ carrier account gone: 1 operation waits there, and it is not in carriers.toml" in said.out


def wrong_token(_place: Any, env: pytest.MonkeyPatch) -> str:
    env.setenv("TEST_CARRIER_TOKEN", "wrong")
    return "carrier account supersim"


def no_secret(_place: Any, env: pytest.MonkeyPatch) -> str:
    env.delenv("TEST_CARRIER_SID")
    return "carrier account supersim"


def bad_key(_place: Any, env: pytest.MonkeyPatch) -> str:
    env.setenv("SIMLINE_KEY", "short")
    return "key"


def no_database(place: Any, _env: pytest.MonkeyPatch) -> str:
    (place.folder / "simline.db").write_bytes(b"no database" * 99)
    return "database"


def no_inbox(place: Any, _env: pytest.MonkeyPatch) -> str:
    (place.folder / "manifests").rename(place.folder / "gone")
    return "source inbox"


def no_toml(place: Any, _env: pytest.MonkeyPatch) -> str:
    (place.folder / "simline.toml").write_text("oops")
    return "configuration"


def no_time(place: Any, _env: pytest.MonkeyPatch) -> str:
    carriers = place.folder / "carriers.toml"
    carriers.write_text(carriers.read_text().replace("timeout_seconds = 5", "timeout_seconds = 90"))
    return "configuration"


@pytest.mark.parametrize("breaks", [wrong_token, no_secret, bad_key, no_database, no_inbox, no_toml, no_time])
def test_check_says_what_fails_and_goes_on(place: Any, monkeypatch: pytest.MonkeyPatch, breaks: Any) -> None:
    what = breaks(place, monkeypatch)
    said = place.simline("check")
    assert said.status == CANNOT
    assert f"✗ {what}: " in said.out
    assert "Traceback" not in said.out + said.err
    if what != "configuration":
        assert said.out.count("✓") >= 3


def test_a_timeout_that_outlasts_a_lease_is_a_sentence_for_every_command(place: Any, monkeypatch: Any) -> None:
    no_time(place, monkeypatch)
    for command in ("settle", "status"):
        said = place.simline(command)
        assert said.status == CANNOT
        assert f"{place.folder / 'carriers.toml'}: `carrier_accounts.supersim.timeout_seconds`" in said.err
        assert "lease_seconds" in said.err


def test_check_repeats_no_secret(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_CARRIER_TOKEN", "marker-of-a-secret")
    said = place.simline("check", "--debug")
    assert "marker-of-a-secret" not in said.out + said.err


def test_a_missing_key_is_no_failure_but_said(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMLINE_KEY")
    said = place.simline("check")
    assert said.status == FINE
    assert "only manifests without registration codes" in said.out


def test_an_example_configuration_sends_no_sim_to_a_real_carrier(
    simline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simline("init", tmp_path)
    monkeypatch.setenv("SUPERSIM_CLIENT_ID", "x")
    monkeypatch.setenv("SUPERSIM_CLIENT_SECRET", "x")
    said = simline("--config", tmp_path / "simline.toml", "settle")
    assert said.status == CANNOT
    assert "is the example's Fleet" in said.err
