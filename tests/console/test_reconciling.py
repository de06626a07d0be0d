"""`reconcile`: what it says, what it leaves alone, and what a yes lets it mend."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from carriers.simulated.faults import Fault, Faults, RequestKind
from console.commands import CANNOT, FINE, NEEDS_YOU
from domain.lifecycle import SimState


@pytest.fixture
def settled(place: Any, rows: Any) -> Any:
    """Three SIMs that were activated yesterday as far as the ledger knows."""
    place.simline("import", place.file("order.csv", *rows(3)), "--product", "tracker", "--home-country", "DE")
    with create_engine(f"sqlite:///{place.folder / 'simline.db'}").begin() as connection:
        connection.execute(text("UPDATE sims SET seen_at = '2026-01-01 00:00:00.000000'"))
    return place


def test_a_fleet_that_agrees_is_said_to_agree(settled: Any) -> None:
    said = settled.simline("reconcile")
    assert said.status == FINE
    assert "Everything agrees." in said.out


def test_a_ghost_makes_the_status_1_and_is_named_in_the_json(settled: Any, iccid: Any) -> None:
    settled.server.carrier.fleet.put(iccid(7), SimState.ACTIVE, None)
    said = settled.simline("reconcile", "--json")
    assert said.status == NEEDS_YOU
    assert [(one["kind"], one["iccid"]) for one in said.json["findings"]] == [("ghost", iccid(7))]
    assert said.json["is_complete"] is True


def test_findings_without_a_server_raise_their_alert_once(settled: Any, iccid: Any) -> None:
    settled.server.carrier.fleet.put(iccid(7), SimState.ACTIVE, None)
    assert "An alert was raised: see `simline alerts`." in settled.simline("reconcile").out
    (alert,) = settled.simline("alerts", "--json").json
    assert (alert["kind"], alert["facts"]["ghost"]) == ("reconciliation-findings", 1)
    assert "An alert was raised" not in settled.simline("reconcile").out


def test_a_carrier_that_is_down_is_said_first(settled: Any) -> None:
    settled.server.carrier.faults = Faults({Fault.ERROR_503: 1.0}, frozenset({RequestKind.LIST, RequestKind.READ}))
    said = settled.simline("reconcile")
    settled.server.carrier.faults = Faults()
    assert said.status == NEEDS_YOU
    assert said.out.splitlines()[1].startswith("! Incomplete: supersim.")
    assert "3 SIMs are unknown and named below; the next run goes on at page 1." in " ".join(said.out.split())


def test_the_same_moment_gives_the_same_bytes_whatever_happened_since(settled: Any, iccid: Any) -> None:
    settled.server.carrier.fleet.put(iccid(7), SimState.ACTIVE, None)
    first = settled.simline("reconcile", "--json")
    moment = first.json["as_of"]
    before = report_bytes(settled.folder)
    settled.server.carrier.fleet.put(iccid(8), SimState.ACTIVE, None)
    requests = len(settled.server.carrier.log.entries())
    again = settled.simline("reconcile", "--as-of", moment, "--json")
    assert again.out == first.out
    assert len(settled.server.carrier.log.entries()) == requests
    assert report_bytes(settled.folder) == before


def test_nothing_is_changed_without_repair_and_only_after_a_yes(settled: Any, iccid: Any) -> None:
    settled.server.carrier.fleet.put(iccid(0), SimState.DEACTIVATED, None)
    before = len(settled.changes())
    assert settled.simline("reconcile").status == NEEDS_YOU
    refused = settled.simline("reconcile", "--repair")
    assert refused.status == CANNOT
    assert "Say --yes to agree" in refused.err
    assert len(settled.changes()) == before
    settled.simline("reconcile", "--repair", "--yes")
    assert len(settled.changes()) == before + 1
    assert settled.server.carrier.fleet.find(iccid(0)).state is SimState.ACTIVE


def test_alerts_are_raised_as_a_deployment_raises_them_and_once(settled: Any, iccid: Any) -> None:
    settled.server.carrier.fleet.put(iccid(7), SimState.ACTIVE, None)
    said = settled.simline("reconcile")
    settled.simline("reconcile")
    settled.simline("reconcile", "--as-of", "2100-01-01")
    (alert,) = settled.simline("alerts", "--json").json
    assert (alert["kind"], alert["facts"]["ghost"]) == ("reconciliation-findings", 1)
    assert alert["facts"]["report"] in "".join(said.out.split("\n"))


def test_a_flow_run_that_did_not_complete_shows_no_older_run_and_repairs_nothing(
    settled: Any, iccid: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for no server: whatever became of the flow run, what was found before it is not what it found."""
    settled.server.carrier.fleet.put(iccid(0), SimState.DEACTIVATED, None)
    assert settled.simline("reconcile").status == NEEDS_YOU
    settled.server.carrier.fleet.put(iccid(0), SimState.ACTIVE, None)
    before = len(settled.changes())
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    for completed, sentence in ((False, "The flow run has not completed"), (True, "this database has no new run")):
        monkeypatch.setattr("console.reconciling.follow_there", lambda *_, ended=completed, **__: ended)
        said = settled.simline("reconcile", "--repair", "--yes")
        assert said.status == CANNOT
        assert sentence in " ".join(said.err.split())
        assert said.out == ""
    assert len(settled.changes()) == before


def test_an_incomplete_run_is_shown_although_its_flow_run_failed(
    settled: Any, process: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.simline("reconcile")
    with create_engine(f"sqlite:///{settled.folder / 'simline.db'}").begin() as connection:
        connection.execute(text("UPDATE listings SET ended_at = ended_at - 3600"))
    settled.server.carrier.faults = Faults({Fault.ERROR_503: 1.0}, frozenset({RequestKind.LIST, RequestKind.READ}))

    def fails_there(*_: object, **__: object) -> bool:
        assert process("reconcile", "--here").returncode == NEEDS_YOU
        return False

    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setattr("console.reconciling.follow_there", fails_there)
    said = settled.simline("reconcile")
    assert said.status == NEEDS_YOU
    assert "! Incomplete: supersim." in said.out


def test_words_that_make_no_sense_are_refused(place: Any) -> None:
    for words, sentence in (
        (("--carrier", "nobody"), "There is no carrier account nobody"),
        (("--product", "nothing"), "There is no product nothing"),
        (("--as-of", "yesterday"), "is no time"),
        (("--as-of", "2020-01-01"), "Nothing was reconciled until"),
        (("--as-of", "2020-01-01", "--repair"), "nothing is repaired"),
        (("--invoice", "supersim=bill-2026-02.csv"), "no columns are configured"),
    ):
        said = place.simline("reconcile", *words)
        assert said.status == CANNOT, words
        assert sentence in " ".join(said.err.split())


def report_bytes(folder: Path) -> dict[str, bytes]:
    """Every file of the kept reports, but for the index, which tells when each was kept."""
    return {path.name: path.read_bytes() for path in folder.rglob("reconciliation-*") if path.is_file()}
