"""`deactivate`, `activate`, `release`: planned, shown, asked, done; and nothing without a word for it."""

from typing import Any

import pytest
from sqlalchemy import create_engine, text

from console.commands import CANNOT, FINE, NEEDS_YOU
from domain.lifecycle import Action

WHERE = ("--product", "tracker", "--home-country", "DE")
WHY = ("--reason", "devices returned")


@pytest.fixture
def active(place: Any, rows: Any) -> Any:
    """A place with three active SIMs."""
    assert place.simline("import", place.file("order.csv", *rows(3)), *WHERE).status == FINE
    return place


def kinds(place: Any, since: int) -> list[str]:
    return [entry.kind.value for entry in place.changes()[since:]]


def test_sims_are_paused_and_resumed_with_one_request_each(active: Any, iccid: Any) -> None:
    before = len(active.changes())
    for command in ("deactivate", "activate"):
        said = active.simline(command, iccid(0), iccid(2), *WHY, "--yes")
        assert said.status == FINE
        assert f"{command}: 2 SIMs change. Nothing was sent." in said.out
        assert f"{command}: 2 done." in said.out
    assert sorted(kinds(active, before)) == ["activate"] * 2 + ["deactivate"] * 2
    told = active.simline("show", iccid(0)).out
    assert "devices returned" in told
    assert "activate, for the 2. time" in told


def test_what_is_so_already_is_nothing_to_do(active: Any, iccid: Any) -> None:
    before = len(active.changes())
    said = active.simline("activate", iccid(0), *WHY)
    assert said.status == FINE
    assert "there is nothing to do" in said.out
    assert len(active.changes()) == before


def test_without_a_terminal_and_without_yes_it_is_shown_and_nothing_is_changed(active: Any, iccid: Any) -> None:
    before = len(active.changes())
    said = active.simline("deactivate", "--product", "tracker", *WHY)
    assert said.status == CANNOT
    assert "supersim" in said.out
    assert "3 SIMs would be deactivated. Say --yes" in said.err
    assert len(active.changes()) == before
    assert "deactivate" not in active.simline("show", iccid(0)).out


def test_a_dry_run_shows_and_asks_nobody(active: Any) -> None:
    said = active.simline("deactivate", "--state", "active", "--dry-run", *WHY)
    assert said.status == FINE
    assert "3 SIMs change" in said.out
    assert "Sending takes about 1 s" in said.out


def test_unknown_sims_and_bad_lines_are_told(active: Any, iccid: Any) -> None:
    file = active.file("returns.csv", iccid(0), iccid(99), "890000", header="SIM")
    said = active.simline("deactivate", "--file", file, *WHY, "--yes", "--wait", "0")
    assert said.status == NEEDS_YOU
    assert "1 SIM: No SIM of this ICCID is ours." in said.out
    assert iccid(99) in said.out
    assert "Line 4: 890000" in said.out
    assert "deactivate: 1 in progress." in said.out


def test_json_has_every_sim_that_is_left_alone_and_nothing_else_on_the_output(active: Any, iccid: Any) -> None:
    said = active.simline("deactivate", iccid(0), iccid(99), *WHY, "--yes", "--json")
    assert said.status == NEEDS_YOU
    assert said.json["counts"] == {"planned": 1, "unknown": 1}
    assert said.json["iccids"] == {"unknown": [iccid(99)]}
    assert said.json["steps"] == {"done": 1}
    assert said.json["id"].startswith("a-")


@pytest.mark.parametrize(
    "words", [(), ("8988307000000000000", "--product", "tracker"), ("--product", "tracker", "--file", "order.csv")]
)
def test_sims_are_named_in_one_way(active: Any, words: tuple[str, ...]) -> None:
    said = active.simline("deactivate", *words, *WHY, "--yes")
    assert said.status == CANNOT
    assert "Say which SIMs, in one way" in said.err


def test_a_word_that_is_no_iccid_and_a_product_that_is_none_are_refused(active: Any) -> None:
    assert "'order.csv' is no ICCID" in active.simline("deactivate", "order.csv", *WHY, "--yes").err
    assert "Did you mean tracker?" in active.simline("deactivate", "--product", "traker", *WHY, "--yes").err
    assert "There is no file" in active.simline("deactivate", "--file", "nothing.csv", *WHY, "--yes").err


def test_a_reason_must_say_something(active: Any, iccid: Any) -> None:
    said = active.simline("deactivate", iccid(0), "--reason", " ", "--yes")
    assert said.status == CANNOT
    assert "Say why" in said.err


def test_beyond_the_brake_yes_is_not_enough(active: Any) -> None:
    toml = active.folder / "simline.toml"
    toml.write_text(toml.read_text().replace("sims = 30", "sims = 2"))
    said = active.simline("deactivate", "--product", "tracker", *WHY, "--yes")
    assert said.status == CANNOT
    assert "3 SIMs are more than the 2" in said.err
    assert "--yes-really" in said.err
    said = active.simline("deactivate", "--product", "tracker", *WHY, "--yes-really", "--wait", "0")
    assert said.status == FINE


def test_a_carrier_that_releases_nothing_is_told(active: Any, iccid: Any) -> None:
    before = len(active.changes())
    said = active.simline("release", iccid(0), *WHY, "--yes-release")
    assert said.status == NEEDS_YOU
    assert "1 SIM: Its carrier does not offer that." in said.out
    assert len(active.changes()) == before


@pytest.fixture
def refused(place: Any, rows: Any, iccid: Any) -> Any:
    """A place with a SIM that the carrier refused: it can be released without a request."""
    place.server.carrier.fleet.add_card(iccid(1), "CODE1", others=True)
    assert place.simline("import", place.file("order.csv", *rows(3)), *WHERE).status == NEEDS_YOU
    return place


def test_a_release_wants_its_own_yes(refused: Any, iccid: Any) -> None:
    said = refused.simline("release", iccid(1), *WHY)
    assert said.status == CANNOT
    assert "1 SIM would be released for good. Say --yes-release" in said.err
    said = refused.simline("release", iccid(1), *WHY, "--yes-release")
    assert said.status == FINE
    assert "release: 1 done." in said.out
    assert f"{iccid(1)}  released" in refused.simline("show", iccid(1)).out


def test_a_released_sim_is_taken_in_again_by_a_file_with_its_code(refused: Any, iccid: Any) -> None:
    assert refused.simline("release", iccid(1), *WHY, "--yes-release").status == FINE
    said = refused.simline("activate", iccid(1), *WHY, "--yes")
    assert said.status == NEEDS_YOU
    assert "takes it in again only with its registration code, which is not kept" in said.out
    refused.server.carrier.fleet.add_card(iccid(1), "CODE1")
    file = refused.file("back.csv", f"{iccid(1)},CODE1")
    said = refused.simline("activate", "--file", file, *WHY, "--yes")
    assert said.status == FINE
    assert "It was released, and is taken in again" in said.out
    assert "activate: 1 done." in said.out
    assert "CODE1" not in said.out + said.err
    assert f"{iccid(1)}  active" in refused.simline("show", iccid(1)).out


def test_a_protected_product_keeps_its_sims(refused: Any, iccid: Any) -> None:
    toml = refused.folder / "simline.toml"
    toml.write_text(toml.read_text().replace('id = "tracker"\n', 'id = "tracker"\nprotect_from_release = true\n'))
    said = refused.simline("release", iccid(1), *WHY, "--yes-release")
    assert said.status == NEEDS_YOU
    assert "protected from release" in said.out


def test_a_rerun_of_a_release_wants_its_own_yes_and_leaves_what_is_protected_since(refused: Any, iccid: Any) -> None:
    asked = refused.simline("release", iccid(1), *WHY, "--yes-release", "--json").json["id"]
    with create_engine(f"sqlite:///{refused.folder / 'simline.db'}").begin() as tx:  # as if it had been cancelled
        tx.execute(text("UPDATE operations SET step = 'withdrawn' WHERE action = 'release'"))
    said = refused.simline("rerun", asked, *WHY, "--yes")
    assert said.status == CANNOT
    assert "1 SIM of a-" in said.err
    assert "would be released for good. Say --yes-release" in said.err
    toml = refused.folder / "simline.toml"
    toml.write_text(toml.read_text().replace('id = "tracker"\n', 'id = "tracker"\nprotect_from_release = true\n'))
    said = refused.simline("rerun", asked, *WHY, "--yes-release")
    assert said.status == NEEDS_YOU
    assert "0 SIMs go on." in said.out
    assert "1 left alone: Its product is protected from release" in said.out


def test_sims_are_read_from_the_standard_input(active: Any, iccid: Any, process: Any) -> None:
    said = process("deactivate", "-", *WHY, "--yes", "--wait", "0", input=f"{iccid(0)}\n{iccid(1)}\n")
    assert said.returncode == FINE, said.stderr
    assert "deactivate: 2 SIMs change" in said.stdout


def test_every_action_is_a_command() -> None:
    from console.commands import COMMANDS

    assert {action.value for action in Action} <= {command.name for command in COMMANDS}
