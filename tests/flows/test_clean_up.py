"""The nightly clean-up as Prefect runs it, and what a run shows of a report."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from sqlalchemy import func, select, update

from engine.reconciling import Invoices, Scope, compare, wanted
from flows.clean_up import clean_up
from storage.reconciling_schema import reconciliations
from storage.shelf.records import kept_of, record_of
from tasks.parameters import CleanUpParameters
from tasks.reports import publish_report
from tests.flows.workshop import Workshop
from tests.report_examples import AS_OF, usage_example

pytestmark = [pytest.mark.usefixtures("prefect_records"), pytest.mark.slow]


def publish(name: str) -> str:
    """Publish a report inside a flow, as the runs that make reports do; where its page is."""

    @flow(name="makes a report")
    def makes() -> str:
        return publish_report(replace(usage_example(name), charts=())).page

    return makes()


def artifacts(name: str) -> dict[str, Any]:
    """Those of this report: all that the tests of this process have made are more than Prefect lists at once."""
    of_it = ArtifactFilter(key=ArtifactFilterKey(like_=name))
    with get_client(sync_client=True) as client:
        return {str(one.key): one.data for one in client.read_artifacts(artifact_filter=of_it)}


def test_a_run_shows_a_report_in_the_numbers_of_its_files_with_a_link(workshop: Workshop) -> None:
    page = publish("usage-shown")
    shown = artifacts("usage-shown")
    assert shown.keys() == {f"report-usage-shown{more}" for more in ("", "-page", "-plans", "-sims")}
    assert Path(page).as_uri() in shown["report-usage-shown-page"]
    assert "| Cost | 1,924.50 EUR |" in shown["report-usage-shown"]
    assert "31.2 GB" in str(shown["report-usage-shown-plans"])


def test_clean_up_removes_what_had_its_days_and_a_second_run_finds_nothing(workshop: Workshop) -> None:
    page = Path(publish("usage-old"))
    publish("usage-new")
    record = page.parent / ".shelf" / "usage-old.json"
    kept = kept_of(record.read_bytes())
    assert kept is not None
    record.write_bytes(record_of(replace(kept, kept_at=AS_OF.replace(year=2020))))
    assert clean_up(CleanUpParameters(dry_run=True)) == 1
    assert page.exists()
    assert clean_up() == 1
    assert not page.exists()
    assert clean_up() == 0
    assert page.with_name("usage-new.html").exists()


def test_clean_up_removes_old_reconciliations_and_leaves_the_newest(workshop: Workshop) -> None:
    context = workshop.context
    for _ in range(3):
        compare(context, Scope(), wanted(context), Invoices(), actor="test")
    with context.database.begin() as tx:
        tx.execute(update(reconciliations).values(as_of=AS_OF.replace(year=2020)))
    assert clean_up(CleanUpParameters(dry_run=True)) == 2
    assert clean_up() == 2
    assert clean_up() == 0
    with context.database.read() as tx:
        assert tx.execute(select(func.max(reconciliations.c.id))).scalar_one() == 3
