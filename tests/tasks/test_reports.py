"""A report on Prefect's pages: the same numbers as in its files, foreign text stays text."""

import re
from dataclasses import replace

from prefect.client.schemas.actions import ArtifactCreate

from engine.reporting import Published
from reports.document import Section, Unit
from reports.values import in_words
from storage.shelf.records import Kept
from tasks.artifacts import TABLE_ROWS
from tasks.reports import artifact_key, report_markdown, section_rows, section_totals, section_words
from tests.report_examples import sim_section, usage_example

REPORT = usage_example()
KEPT = Kept(REPORT.name, REPORT.kind, REPORT.title, REPORT.as_of, REPORT.as_of, "a (1).html", ("a.csv",))
WHERE = Published(KEPT, "/srv/reports/a (1).html", "/srv/reports/index.html", {"a.csv": "/srv/reports/a.csv"})


def test_the_page_says_first_what_is_missing_then_the_headlines_and_the_totals() -> None:
    text = report_markdown(REPORT, WHERE)
    assert text.index("soracom-jp did not answer") < text.index("| SIMs with usage | 1,204 |")
    assert "| Cost | 1,924.50 EUR |" in text
    assert "| Cost | 640.10 USD |" in text
    assert "[The page](file:///srv/reports/a%20%281%29.html)" in text
    assert "- `/srv/reports/a.csv`" in text
    assert "No SIM is billed without use" in text


def test_the_totals_are_those_of_all_rows() -> None:
    section = sim_section(2_400)
    used, euros, dollars = section_totals(section)
    assert used == ("Used", in_words(int(section.rows["used_bytes"].sum()), Unit.BYTES))
    by_currency = section.rows.groupby("currency")["cost_cents"].sum()
    assert euros == ("Cost", in_words(int(by_currency["EUR"]), Unit.CENTS, "EUR"))
    assert dollars == ("Cost", in_words(int(by_currency["USD"]), Unit.CENTS, "USD"))


def test_a_table_has_at_most_a_thousand_rows_and_says_so() -> None:
    section = sim_section(TABLE_ROWS + 5)
    assert len(list(section_rows(section))) == TABLE_ROWS
    assert "The first 1,000 of 1,005 rows" in section_words(section)
    assert "The first" not in section_words(sim_section(TABLE_ROWS))


def test_hostile_words_are_no_markup() -> None:
    bad: Section = replace(REPORT.sections[0], heading="[x](http://evil.example) | <b>", empty="")
    text = report_markdown(replace(REPORT, title="# <script>", sections=(bad,), warnings=("**x**\n# y",)), WHERE)
    assert "](http" not in text
    assert "<script" not in text
    assert not re.search(r"^# y", text, re.MULTILINE)


def test_the_keys_are_ones_that_prefect_takes() -> None:
    key = artifact_key("usage-2026-11-01--2026-11-30", "Sims_Most")
    assert key == "report-usage-2026-11-01--2026-11-30-sims-most"
    assert ArtifactCreate(key=key).key == key
