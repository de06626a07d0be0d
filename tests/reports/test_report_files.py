"""Every format of a report, read back: the same rows, the same totals, nothing that runs, the same bytes again."""

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.cells import safe_cell
from reports.document import Report, ReportColumn, Section, Unit
from reports.report_files import check_report, file_names, write_report
from reports.totals import totals_of
from reports.values import ReportIsWrong
from reports.xlsx_writer import write_xlsx

Sums = dict[tuple[str, str], int]
"""Currency (empty for what is no money) and column -> total."""

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
COLUMNS = (
    ReportColumn("iccid", "ICCID", Unit.ICCID),
    ReportColumn("note", "Note"),
    ReportColumn("sims", "SIMs", Unit.COUNT, summed=True),
    ReportColumn("used_bytes", "Used", Unit.BYTES, summed=True),
    ReportColumn("cost_cents", "Cost", Unit.CENTS, summed=True),
    ReportColumn("currency", "Currency"),
    ReportColumn("day", "Day", Unit.DAY),
    ReportColumn("seen_at", "Seen", Unit.TIME),
)
TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=12)
FORMULA = st.sampled_from(["=1+1", "-5", "+49", "@SUM(A1)", "\t=x", "_x0041_", "</script><b>", "\ufffe", "'"])
WHOLE = st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
TIMES = st.datetimes(datetime(1880, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ROW = st.tuples(
    st.text("0123456789", min_size=19, max_size=20),
    st.none() | TEXT | FORMULA,
    WHOLE,
    WHOLE,
    WHOLE,
    st.sampled_from(["EUR", "USD", "=A1"]),
    st.none() | st.dates(date(1880, 1, 1), date(2100, 1, 1)),
    st.none() | TIMES,
)


def section_of(rows: list[tuple[Any, ...]], name: str = "sims") -> Section:
    frame = pd.DataFrame(rows, columns=[column.name for column in COLUMNS], dtype=object)
    for column in ("sims", "used_bytes", "cost_cents"):
        frame[column] = pd.array(frame[column].tolist(), dtype="Int64")
    return Section(name, "SIMs", "", COLUMNS, frame, shown=len(rows))


def report_of(*sections: Section) -> Report:
    return Report("usage-test", "usage", "Usage", AS_OF, sections=sections)


def by_hand(rows: list[tuple[Any, ...]]) -> Sums:
    sums: Sums = defaultdict(int)
    for _, _, sims, used, cost, currency, *_ in rows:
        for name, value, of in (("sims", sims, ""), ("used_bytes", used, ""), ("cost_cents", cost, currency)):
            if value is not None:
                sums[of, name] += value
    return dict(sums)


def cents(text: Any) -> int:
    return int((Decimal(str(text)) * 100).quantize(Decimal(1))) if not isinstance(text, float) else round(text * 100)


def from_parquet(folder: Path, name: str) -> Sums:
    table = pq.read_table(folder / f"usage-test.{name}.parquet").to_pylist()
    return by_hand([tuple(row.values()) for row in table])


def from_csv(folder: Path, name: str) -> Sums:
    sums: Sums = defaultdict(int)
    with (folder / f"usage-test.{name}.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            for column, cell, of in (("sims", row["sims"], ""), ("used_bytes", row["used_bytes"], "")):
                if cell:
                    sums[of, column] += int(cell)
            if row["cost"]:
                sums[row["currency"].removeprefix("'"), "cost_cents"] += int(row["cost"].replace(".", ""))
    return dict(sums)


def sheets(folder: Path, name: str) -> Iterator[list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(folder / "usage-test.xlsx")
    for sheet in book.worksheets:
        if sheet.title.split(" ")[0] == name:
            yield list(sheet.iter_rows(values_only=True))


def from_xlsx(folder: Path, name: str) -> tuple[Sums, Sums]:
    """The sums of the rows, and the totals that stand below them."""
    summed: Sums = defaultdict(int)
    told: Sums = {}
    for rows in sheets(folder, name):
        end = next((at for at, row in enumerate(rows) if at and all(cell is None for cell in row)), len(rows))
        for row in rows[1:end]:
            for key, value in numbers_of(row):
                summed[key] += value
        for row in rows[end + 1 :]:
            assert row[0] == "Total"
            told |= dict(numbers_of(row))
    return dict(summed), told


def numbers_of(row: tuple[Any, ...]) -> Iterator[tuple[tuple[str, str], int]]:
    currency = str(row[5] or "").removeprefix("'")
    for at, name, of in ((2, "sims", ""), (3, "used_bytes", ""), (4, "cost_cents", currency)):
        if row[at] is not None:
            yield (of, name), cents(row[at]) if of else int(row[at])


def from_html(folder: Path) -> Sums:
    page = (folder / "usage-test.html").read_text(encoding="utf-8")
    sums: Sums = {}
    for line in re.findall(r"<tr>(.*?)</tr>", page.partition("<tfoot>")[2].partition("</tfoot>")[0], re.DOTALL):
        cells = re.findall(r'<td[^>]*data-heading="([^"]*)">(.*?)</td>', line, re.DOTALL)
        values = {heading: re.search(r'<data value="([^"]*)"', cell) for heading, cell in cells}
        currency = unescape(re.sub(r"<[^>]*>", "", dict(cells)["Currency"]))
        for heading, name, of in (("SIMs", "sims", ""), ("Used", "used_bytes", ""), ("Cost", "cost_cents", currency)):
            if found := values[heading]:
                sums[of, name] = int(found[1].replace(".", ""))
    return sums


@given(st.lists(ROW, min_size=1, max_size=6))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_the_totals_are_the_same_in_all_four_formats(rows: list[tuple[Any, ...]]) -> None:
    report, wanted = report_of(section_of(rows)), by_hand(rows)
    with TemporaryDirectory() as made:
        folder = Path(made)
        write_report(report, folder)
        assert from_parquet(folder, "sims") == wanted
        assert from_csv(folder, "sims") == wanted
        assert from_xlsx(folder, "sims") == (wanted, wanted)
        assert from_html(folder) == wanted
        assert_texts_are_safe(folder, rows)


def assert_texts_are_safe(folder: Path, rows: list[tuple[Any, ...]]) -> None:
    shown = [safe_cell(note) if note is not None else "" for _, note, *_ in rows]
    with (folder / "usage-test.sims.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["note"] for row in csv.DictReader(stream)] == shown
    (sheet,) = sheets(folder, "sims")
    cells = [str(row[1] or "") for row in sheet[1 : len(rows) + 1]]
    assert [cell.replace("_x005F_", "_") for cell in cells] == shown  # as workbooks escape it
    assert [row[0] for row in sheet[1 : len(rows) + 1]] == [iccid for iccid, *_ in rows]
    kept = pq.read_table(folder / "usage-test.sims.parquet").to_pylist()
    for given_row, row in zip(rows, kept, strict=True):
        note = None if given_row[1] is None else given_row[1].encode("utf-8", "backslashreplace").decode()
        assert (row["iccid"], row["note"], row["day"], row["seen_at"]) == (given_row[0], note, *given_row[6:])


def test_the_same_report_gives_the_same_bytes(usage: Callable[[], Report], tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    made = write_report(usage(), first)
    assert list(made) == file_names(usage())
    again = write_report(usage(), second)
    assert [name for name in made if made[name].read_bytes() != again[name].read_bytes()] == []


def test_the_names_are_stable(usage_report: Report) -> None:
    stem = usage_report.name
    assert file_names(usage_report) == [
        f"{stem}.xlsx",
        *(f"{stem}.{section}.{kind}" for section in ("plans", "sims", "unused") for kind in ("csv", "parquet")),
        f"{stem}.html",
    ]


def test_parquet_has_proper_types_and_says_what_is_missing(usage_report: Report, tmp_path: Path) -> None:
    write_report(usage_report, tmp_path)
    schema = pq.read_schema(tmp_path / f"{usage_report.name}.sims.parquet")
    assert schema.types == [
        *(pa.string(), pa.string(), pa.int64()),
        *(pa.timestamp("us", "UTC"), pa.int64(), pa.string()),
    ]
    assert schema.metadata[b"warning-1"].decode() == usage_report.warnings[0]
    assert schema.field("cost_cents").metadata[b"unit"] == b"cents"
    assert pq.read_table(tmp_path / f"{usage_report.name}.unused.parquet").num_rows == 0


def test_money_is_decimal_in_a_csv_with_its_currency_beside_it(usage_report: Report, tmp_path: Path) -> None:
    write_report(usage_report, tmp_path)
    with (tmp_path / f"{usage_report.name}.plans.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["plan"], row["cost"], row["currency"]) for row in rows] == [
        ("EU 5 MB", "1924.50", "EUR"),
        ("Japan 1 GB", "", "JPY"),
        ("North America 10 MB", "600.00", "USD"),
        ("'=HYPERLINK(0)", "40.10", "USD"),
    ]


def test_a_workbook_has_a_front_sheet_frozen_headers_and_filters(usage_report: Report, tmp_path: Path) -> None:
    write_report(usage_report, tmp_path)
    book = openpyxl.load_workbook(tmp_path / f"{usage_report.name}.xlsx")
    assert book.sheetnames == ["Report", "plans", "sims", "unused"]
    front = [str(cell) for row in book["Report"].iter_rows(values_only=True) for cell in row if cell is not None]
    assert usage_report.title in front
    assert usage_report.warnings[0] in front
    assert "SIMs with usage" in front
    assert book["plans"].freeze_panes == "A2"
    assert book["plans"].auto_filter.ref == "A1:F5"  # the totals are not among what is filtered
    assert book["sims"]["A2"].data_type == "s"
    assert book.properties.created == usage_report.as_of.replace(tzinfo=None)


def test_more_rows_than_a_sheet_takes_go_on_in_further_sheets(tmp_path: Path) -> None:
    rows = [(f"{n:019}", None, n, 10**16 + n, n, "EUR", None, None) for n in range(25)]
    write_xlsx(report_of(section_of(rows)), tmp_path / "usage-test.xlsx", most_rows=10)
    book = openpyxl.load_workbook(tmp_path / "usage-test.xlsx")
    assert book.sheetnames == ["Report", "sims", "sims 2", "sims 3"]
    assert {sheet["A1"].value for sheet in book.worksheets[1:]} == {"ICCID"}
    assert from_xlsx(tmp_path, "sims") == (by_hand(rows), by_hand(rows))


def test_totals_that_do_not_fit_below_the_last_row_have_a_sheet_of_their_own(tmp_path: Path) -> None:
    rows = [(f"{n:019}", None, n, n, n, "EUR", None, None) for n in range(10)]
    write_xlsx(report_of(section_of(rows)), tmp_path / "usage-test.xlsx", most_rows=10)
    assert openpyxl.load_workbook(tmp_path / "usage-test.xlsx").sheetnames == ["Report", "sims", "sims 2"]
    assert from_xlsx(tmp_path, "sims") == (by_hand(rows), by_hand(rows))


def test_a_sum_beyond_64_bits_does_not_wrap() -> None:
    largest = 2**63 - 1
    section = section_of([("8" * 19, None, largest, -largest - 1, largest, "EUR", None, None)] * 3)
    totals = totals_of(section)
    assert totals.sums == {"sims": 3 * largest, "used_bytes": 3 * (-largest - 1)}
    assert totals.money == {"EUR": {"cost_cents": 3 * largest}}


def test_what_is_not_known_is_told_and_is_no_zero() -> None:
    totals = totals_of(section_of([("8" * 19, None, None, 5, None, "EUR", None, None)] * 2))
    assert totals.sums == {"used_bytes": 10}
    assert totals.money == {}
    assert totals.unknown == {"sims": 2, "cost_cents": 2}


@pytest.mark.parametrize("name", ["", "../up", "a.b", "index", ".x", "a b"])
def test_a_name_that_makes_no_file_is_refused(name: str) -> None:
    with pytest.raises(ReportIsWrong, match="makes no file name"):
        check_report(Report(name, "usage", "Usage", AS_OF))


def test_rows_that_are_not_what_the_columns_say_are_refused() -> None:
    rows = pd.DataFrame({"iccid": ["1"], "more": [1]})
    with pytest.raises(ReportIsWrong, match="its columns are"):
        check_report(report_of(Section("sims", "SIMs", "", (COLUMNS[0],), rows)))
    with pytest.raises(ReportIsWrong, match="two sections of one name"):
        check_report(report_of(section_of([], "a"), section_of([], "A")))
    without = Section("sims", "SIMs", "", (COLUMNS[4],), pd.DataFrame({"cost_cents": [1]}))
    with pytest.raises(ReportIsWrong, match="without a column 'currency'"):
        check_report(report_of(without))
