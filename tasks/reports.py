"""Reports as a step: kept on the shelf, shown with the run in the same numbers, removed after their time."""

from collections.abc import Iterable, Iterator

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from engine.reporting import Published, clean_up, publish
from reports.document import Report, Section
from reports.pages import utc_minute
from reports.totals import totals_of
from reports.values import fact_in_words, in_words
from storage.shelf.records import Kept
from tasks.artifacts import TABLE_ROWS, address, plain_markdown
from tasks.context import engine
from tasks.decorator import task
from tasks.logs import run_log


def publish_report(report: Report) -> Published:
    """Keep the report in every format and show it with this run; where it is. For use inside a task; safe to repeat."""
    published = publish(engine(), report)
    show_report(report, published)
    with run_log() as log:
        log.info(f"{report.name} is kept at {published.page}")
    return published


def show_report(report: Report, published: Published) -> None:
    """The report's warnings, headlines and totals with a link to its page, and a table for each section."""
    key = artifact_key(report.name)
    create_markdown_artifact(report_markdown(report, published), key=key, description=report.title)
    create_link_artifact(address(published.page), report.title, key=f"{key}-page", description=f"{report.title}: page")
    for section in report.sections:
        if len(section.rows):
            table = list(section_rows(section))
            create_table_artifact(
                table, key=artifact_key(report.name, section.name), description=section_words(section)
            )


def artifact_key(*names: str) -> str:
    """Under which key Prefect keeps what belongs to these names: small letters, digits and dashes.

    >>> artifact_key("usage-2026_11", "SIMs")
    'report-usage-2026-11-sims'
    """
    return "-".join(("report", *names)).lower().replace("_", "-")


def report_markdown(report: Report, published: Published) -> str:
    """The report in a few lines: what is missing first, then headlines, totals and where its files are."""
    parts = [f"## {plain_markdown(report.title)}"]
    parts.append(f"As of {utc_minute(report.as_of)}. [The page]({_link(published)})")
    parts += [f"**{plain_markdown(warning)}**" for warning in report.warnings]
    parts += [_table([(fact.label, fact_in_words(fact)) for fact in report.facts])] if report.facts else []
    for section in report.sections:
        parts.append(f"### {plain_markdown(section.heading)}")
        parts.append(f"{len(section.rows):,} rows." if len(section.rows) else plain_markdown(section.empty))
        parts += [_table(totals)] if (totals := section_totals(section)) else []
    parts.append("\n".join(f"- `{place.replace('`', ' ')}`" for place in published.files.values()))
    return "\n\n".join(parts) + "\n"


def section_totals(section: Section) -> list[tuple[str, str]]:
    """Heading and total of all rows in words, money once for each currency."""
    columns = {column.name: column for column in section.columns}
    return [
        (columns[name].heading, in_words(total, columns[name].unit, currency))
        for currency, sums in totals_of(section).lines()
        for name, total in sums.items()
    ]


def section_rows(section: Section) -> Iterator[dict[str, str]]:
    """The section's first rows in words, at most 1,000."""
    for row in section.rows.head(TABLE_ROWS).to_dict("records"):
        yield {column.heading: in_words(row[column.name], column.unit) for column in section.columns}


def section_words(section: Section) -> str:
    """What the section's table is, and how much of it is shown."""
    words = f"{section.heading}. {section.sentence}".strip()
    left_out = len(section.rows) > TABLE_ROWS
    more = f" The first {TABLE_ROWS:,} of {len(section.rows):,} rows; all are in the report's files."
    return words + (more if left_out else "")


@task(name="clean up", run_name="clean up")
def remove_old_reports(*, dry_run: bool = False) -> list[Kept]:
    """Remove the reports whose days are over; which ones. Safe to repeat."""
    context = engine()
    with context.database.read() as tx:
        now = tx.now()
    old = clean_up(context, now, dry_run=dry_run)
    with run_log() as log:
        for kept in old:
            log.info(f"{'would remove' if dry_run else 'removed'} {kept.name}, kept since {kept.kept_at:%Y-%m-%d}")
    return old


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {plain_markdown(label)} | {plain_markdown(words)} |" for label, words in rows]
    return "\n".join(["| | |", "| --- | --: |", *lines])


def _link(published: Published) -> str:
    return address(published.page).replace("(", "%28").replace(")", "%29").replace(" ", "%20")
