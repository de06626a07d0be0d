"""A report as the files that people and machines open."""

import re
from pathlib import Path

from reports.csv_writer import write_csv
from reports.document import Report
from reports.parquet_writer import write_parquet
from reports.report_page import File, report_html
from reports.values import ReportIsWrong, check_section
from reports.xlsx_writer import write_xlsx

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,119}")
RESERVED = frozenset({"index"})


def write_report(report: Report, folder: Path) -> dict[str, Path]:
    """Write the report in every format into the folder; file name -> where it is, the page last.

    `NAME.xlsx`, and for each section `NAME.SECTION.csv` and `NAME.SECTION.parquet`, and `NAME.html`. The same report
    gives the same bytes. Raises `ReportIsWrong`.
    """
    check_report(report)
    targets = {name: folder / name for name in file_names(report)}
    write_xlsx(report, targets[f"{report.name}.xlsx"])
    for section in report.sections:
        write_csv(section, targets[f"{report.name}.{section.name}.csv"])
        write_parquet(report, section, targets[f"{report.name}.{section.name}.parquet"])
    page = report_html(report, _links(report))
    targets[page_name(report)].write_text(page, encoding="utf-8", newline="\n")
    return targets


def file_names(report: Report) -> list[str]:
    """The names of the report's files, the page last."""
    sections = [f"{report.name}.{section.name}.{kind}" for section in report.sections for kind in ("csv", "parquet")]
    return [f"{report.name}.xlsx", *sections, page_name(report)]


def page_name(report: Report) -> str:
    """The name of the page, which leads to the other files."""
    return f"{report.name}.html"


def check_report(report: Report) -> None:
    """Names that make file names, each section once, rows as declared, a time with a zone. Raises `ReportIsWrong`."""
    names = [section.name for section in report.sections]
    for name in (report.name, *names):
        if not _NAME.fullmatch(name) or report.name in RESERVED:
            raise ReportIsWrong(f"{name!r} makes no file name: letters, digits, - and _ only")
    if len({name.casefold() for name in names}) < len(names):
        raise ReportIsWrong(f"{report.name} has two sections of one name: {names}")
    if report.as_of.tzinfo is None:
        raise ReportIsWrong(f"{report.name}: as_of has no time zone")
    for section in report.sections:
        check_section(section)


def _links(report: Report) -> list[File]:
    links = [(f"{report.name}.xlsx", "Workbook", "every section, for spreadsheets")]
    for section in report.sections:
        stem = f"{report.name}.{section.name}"
        links.append((f"{stem}.csv", section.heading, "CSV, every row"))
        links.append((f"{stem}.parquet", section.heading, "Parquet, for machines"))
    return links
