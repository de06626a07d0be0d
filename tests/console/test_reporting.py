"""`reports`."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from config.build import build_context, close_context
from config.loading import load_settings
from config.prepare import prepare
from console.commands import CANNOT, FINE
from engine.reporting import publish
from tests.report_examples import AS_OF, usage_example


def keep(place: Any, name: str, days: int = 0) -> None:
    """Publish a report as a run did so many days ago."""
    context = build_context(load_settings(place.folder / "simline.toml"))
    prepare(context.database, load_settings(place.folder / "simline.toml"))
    publish(context, replace(usage_example(name, AS_OF), charts=(), title=f"Usage {name}"))
    close_context(context)
    record = place.folder / "reports" / ".shelf" / f"{name}.json"
    kept_at = record.read_text().split('"kept_at": "')[1].split('"')[0]
    moved = (datetime.fromisoformat(kept_at) - timedelta(days=days)).isoformat()
    record.write_text(record.read_text().replace(kept_at, moved))


def test_what_is_kept_is_listed_with_its_page(place: Any) -> None:
    keep(place, "usage-1")
    said = place.simline("reports")
    assert said.status == FINE
    assert "Usage usage-1" in said.out
    assert str(place.folder / "reports" / "usage-1.html") in said.out
    (one,) = place.simline("reports", "--json").json["reports"]
    assert (one["name"], one["kind"], one["as_of"], one["warnings"]) == ("usage-1", "usage", "2026-11-22T06:00:00Z", 1)
    assert Path(one["files"]["usage-1.sims.csv"]).exists()


def test_where_nothing_is_kept_the_list_says_so(place: Any) -> None:
    assert "No report is kept yet" in place.simline("reports").out
    assert place.simline("reports", "--json").json["reports"] == []
    assert "there is nothing to remove" in place.simline("reports", "--clean-up").out


def test_clean_up_asks_and_removes_with_a_yes(place: Any) -> None:
    keep(place, "usage-old", days=401)
    keep(place, "usage-new", days=399)
    asked = place.simline("reports", "--clean-up")
    assert asked.status == CANNOT
    assert "1 report would be removed. Say --yes to agree" in asked.err
    assert "Usage usage-old" in asked.out
    assert "usage-new" not in asked.out
    shown = place.simline("reports", "--clean-up", "--json").json
    assert ([one["name"] for one in shown["too_old"]], shown["removed"]) == (["usage-old"], [])
    assert (place.folder / "reports" / "usage-old.html").exists()
    assert "1 report removed" in place.simline("reports", "--clean-up", "--yes").out
    assert not (place.folder / "reports" / "usage-old.html").exists()
    assert [one["name"] for one in place.simline("reports", "--json").json["reports"]] == ["usage-new"]


def test_the_days_are_the_configured_ones(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(place, "usage-1", days=8)
    monkeypatch.setenv("SIMLINE_REPORTS__KEEP_DAYS", "7")
    assert place.simline("reports", "--clean-up", "--json", "--yes").json["removed"] == ["usage-1"]


def test_reconciliations_that_had_their_days_go_with_the_reports(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        place.simline("reconcile")
    with create_engine(f"sqlite:///{place.folder / 'simline.db'}").begin() as connection:
        connection.execute(text("UPDATE reconciliations SET as_of = as_of - 8 * 86400"))
    assert "there is nothing to remove" in place.simline("reports", "--clean-up").out
    monkeypatch.setenv("SIMLINE_RECONCILIATION__KEEP_DAYS", "7")
    asked = place.simline("reports", "--clean-up")
    assert asked.status == CANNOT
    assert "1 reconciliation would be removed. Say --yes to agree" in " ".join(asked.err.split())
    shown = place.simline("reports", "--clean-up", "--json").json
    assert (len(shown["old_reconciliations"]), shown["removed_reconciliations"]) == (1, 0)
    assert "1 reconciliation removed" in place.simline("reports", "--clean-up", "--yes").out
    assert "there is nothing to remove" in place.simline("reports", "--clean-up").out
    assert place.simline("reconcile", "--as-of", "2100-01-01").status == FINE


def test_check_tells_whether_reports_can_be_kept(place: Any) -> None:
    found = {one["what"]: one for one in place.simline("check", "--json").json}
    assert found["reports"]["ok"]
    (place.folder / "elsewhere").write_text("a file")
    with (place.folder / "simline.toml").open("a") as toml:
        toml.write('[reports]\nfolder = "elsewhere"\n')
    found = {one["what"]: one for one in place.simline("check", "--json").json}
    assert not found["reports"]["ok"]
    assert "choose another `folder` under [reports]" in found["reports"]["sentence"]


@pytest.mark.parametrize("folder", ["s3://bucket", "s3://bucket/", "s3://B/x", "https://example.com/reports", ""])
def test_a_folder_that_is_none_is_a_sentence(place: Any, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv("SIMLINE_REPORTS__FOLDER", folder)
    said = place.simline("reports")
    assert said.status == CANNOT
    assert "SIMLINE_REPORTS__FOLDER" in said.err


def test_a_bucket_that_does_not_answer_is_a_sentence(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMLINE_REPORTS__FOLDER", "s3://sims/ops/reports")
    monkeypatch.setenv("SIMLINE_REPORTS__ENDPOINT_URL", "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    said = place.simline("reports")
    assert said.status == CANNOT
    assert "bucket sims cannot be reached" in said.err
