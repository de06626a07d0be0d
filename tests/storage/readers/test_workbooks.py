"""Workbooks: text cells are read, numbers are rejected, and a hostile one costs neither memory nor the process."""

import datetime
import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from domain.file_limits import FileLimits
from domain.lines import Reason, Verdict
from domain.manifests import ManifestColumn, ManifestRefused
from storage.readers import describe_format
from storage.readers.block import ReadingRules

Read = Callable[..., Any]
Row = Sequence[Any]


def workbook(*sheets: Sequence[Row]) -> bytes:
    """A workbook as a spreadsheet program saves it; text is text and numbers are numbers."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"default_date_format": "yyyy-mm-dd"}) as book:
        for rows in sheets:
            page = book.add_worksheet()
            for at, row in enumerate(rows):
                page.write_row(at, 0, row)
    return content.getvalue()


def repacked(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The workbook with its parts changed."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return changed.getvalue()


def test_text_cells_are_read_and_lines_are_the_sheets_rows(read: Read, sims: Sequence[str]) -> None:
    rows: list[Row] = [["Order 7"], [], ["Box", "ICCID", "Country"], [1, sims[0], "DE"], [], [2, sims[1], "NA"]]
    found = read("a.xlsx", workbook(rows))
    assert found.line_count == 6
    assert found.iccids == {4: sims[0], 6: sims[1]}
    assert found.cells == {ManifestColumn.HOME_COUNTRY: ["DE", "NA"]}
    assert found.reasons == {1: Reason.NO_ICCID, 2: Reason.BLANK, 3: Reason.HEADER, 5: Reason.BLANK}


def test_a_row_of_a_sheet_names_its_carrier_account(read: Read, sims: Sequence[str]) -> None:
    rows: list[Row] = [["Carrier account", "ICCID"], [" kore ", sims[0]], ["", sims[1]]]
    assert read("a.xlsx", workbook(rows)).cells == {ManifestColumn.CARRIER_ACCOUNT: ["kore", ""]}


def test_a_numeric_iccid_is_destroyed_and_never_guessed(read: Read, sims: Sequence[str]) -> None:
    rows: list[Row] = [["ICCID", "note"], [8934076500002589174, "x"], [sims[1], "y"], [42, "z"]]
    found = read("a.xlsx", workbook(rows))
    assert found.iccids == {3: sims[1]}
    assert found.reasons == {1: Reason.HEADER, 2: Reason.SPREADSHEET_DAMAGE, 4: Reason.SPREADSHEET_DAMAGE}
    assert found.outcomes[2].verdict is Verdict.REJECTED
    assert found.outcomes[2].text == "8.93407650000259e+18"


def test_a_numeric_iccid_is_not_replaced_by_its_device(read: Read, sims: Sequence[str]) -> None:
    rules = ReadingRules(devices=lambda ids: dict.fromkeys(ids, sims[0]))
    found = read("a.xlsx", workbook([["iccid", "device id"], [8934076500002589174, "d1"], ["", "d1"]]), rules)
    assert found.iccids == {3: sims[0]}
    assert found.reasons[2] is Reason.SPREADSHEET_DAMAGE


def test_dates_booleans_and_numbers_of_other_columns_are_text(read: Read, sims: Sequence[str]) -> None:
    rows: list[Row] = [["iccid", "note", "device name", "product"]]
    rows += [[sims[0], datetime.date(2026, 3, 1), True, 12], [sims[1], 0.5, "x", 7.0]]
    found = read("a.xlsx", workbook(rows))
    assert found.cells[ManifestColumn.NOTE] == ["2026-03-01", "0.5"]
    assert found.cells[ManifestColumn.DEVICE_NAME] == ["TRUE", "x"]
    assert found.cells[ManifestColumn.PRODUCT] == ["12", "7"]


@pytest.mark.parametrize("device_ids", [False, True])
def test_two_sheets_with_sims_refuse_the_workbook(read: Read, sims: Sequence[str], device_ids: bool) -> None:
    header = "Device ID" if device_ids else "ICCID"
    content = workbook([["About", "us"]], [[header], [sims[0]]], [[header], *[[""]] * 100, [sims[1]]])
    with pytest.raises(ManifestRefused, match=r"'Sheet2', 'Sheet3'\. Leave one") as refusal:
        read("a.xlsx", content)
    assert refusal.value.reason == "several_sheets"


def test_a_sheet_of_sims_that_a_spreadsheet_damaged_is_one_with_sims(read: Read, sims: Sequence[str]) -> None:
    with pytest.raises(ManifestRefused, match="Several sheets"):
        read("a.xlsx", workbook([["ICCID"], [sims[0]]], [["ICCID"], [8934076500002586220]]))


@pytest.mark.parametrize(
    "other", [[["SIM", "count"], ["DE", 7]], [["ICCID", "meaning"], ["the card", ""]], [["Device"]]]
)
def test_a_sheet_without_sims_beside_the_one_with_them_does_no_harm(
    read: Read, sims: Sequence[str], other: Sequence[Row]
) -> None:
    mine: list[Row] = [["ICCID", "Country"], *[["", ""]] * 100, [sims[0], "US"]]
    for content in (workbook(mine, other), workbook(other, mine)):
        found = read("a.xlsx", content)
        assert found.iccids == {102: sims[0]}
        assert found.cells == {ManifestColumn.HOME_COUNTRY: ["US"]}


ERRORS = ["#N/A", "#VALUE!", "#REF!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"]


def in_error(rows: Sequence[Row]) -> bytes:
    """A workbook whose cells with an error's text are cells in error, as a formula leaves them."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        page = book.add_worksheet()
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                if cell in ERRORS:
                    page.write_formula(at, column, "=1/0", None, cell)
                else:
                    page.write(at, column, cell)
    return content.getvalue()


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("header", ["ICCID", "Device ID", "Product", "Country", "Carrier account", "Registration code"])
def test_a_cell_in_error_costs_its_row(read: Read, sims: Sequence[str], error: str, header: str) -> None:
    names = ["Box", "ICCID", "Device ID", "Product", "Country", "Carrier account", "Registration code"]
    row = {"ICCID": sims[0], "Country": "US"}
    bad = [(row | {header: error}).get(name, "") for name in names]
    for name, content in (
        ("a.xlsx", in_error([names, bad, [*bad[1:2], sims[1]]])),
        ("a.csv", "\n".join([",".join(names), ",".join(bad), f",{sims[1]}"])),
    ):
        found = read(name, content, ReadingRules(devices=lambda ids: dict.fromkeys(ids, sims[2])))
        assert found.outcomes[2].verdict is Verdict.REJECTED
        assert error in found.outcomes[2].detail
        assert found.iccids == {3: sims[1]}


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_the_first_cell_is_no_comment(read: Read, sims: Sequence[str], error: str) -> None:
    rows: list[Row] = [["Box", "ICCID", "note"], [error, sims[0], error]]
    text = "\n".join(map(",".join, rows))
    for found in (read("a.xlsx", in_error(rows)), read("a.csv", text)):
        assert found.iccids == {2: sims[0]}
        assert found.cells == {ManifestColumn.NOTE: [error]}
    assert read("a.txt", f"{sims[0]}\n{error}\n# {error}\n").reasons == {2: Reason.NOT_DIGITS, 3: Reason.COMMENT}


def test_cells_in_error_are_found_wherever_a_read_ends(read: Read, sims: Sequence[str]) -> None:
    rows = [["ICCID", "Country"], *[[sims[0], "#N/A" if at % 7 == 0 else "DE"] for at in range(40_000)]]
    found = read("a.xlsx", in_error(rows))
    assert len(found.outcomes) - 1 == len(range(0, 40_000, 7))


@pytest.mark.parametrize("code", [1234567890123456789.0, 10**15, 12.5, -7, True, datetime.date(2026, 3, 1)])
def test_a_code_that_a_spreadsheet_damaged_costs_its_row(read: Read, sims: Sequence[str], code: object) -> None:
    found = read("a.xlsx", workbook([["ICCID", "Registration code"], [sims[0], code], [sims[1], 123456789012345]]))
    assert found.outcomes[2].verdict is Verdict.REJECTED
    assert "registration code" in found.outcomes[2].detail
    assert found.outcomes[2].text == sims[0]
    assert found.cells == {ManifestColumn.REGISTRATION_CODE: ["123456789012345"]}


@pytest.mark.parametrize("code", ["1.23457E+18", "1,23457E+11", "TRUE"])
def test_a_code_that_was_damaged_before_the_export_costs_its_row(read: Read, sims: Sequence[str], code: str) -> None:
    found = read("a.csv", f"ICCID;Registration code\n{sims[0]};{code}\n{sims[1]};7C2KQW9XRA\n")
    assert found.reasons == {1: Reason.HEADER, 2: Reason.UNREADABLE_ROW}
    assert found.iccids == {3: sims[1]}
    assert code not in str(found.outcomes)


def test_a_sheet_without_a_header_is_read_by_its_first_column(read: Read, sims: Sequence[str]) -> None:
    assert read("a.xlsx", workbook([[sims[0], "x"], [sims[1], "y"]])).iccids == {1: sims[0], 2: sims[1]}


def test_a_workbook_without_an_iccid_column_is_refused_with_its_columns(read: Read) -> None:
    with pytest.raises(ManifestRefused, match="'Serial', 'Country'") as refusal:
        read("a.xlsx", workbook([["Serial", "Country"], ["a", "DE"]], []))
    assert refusal.value.reason == "no_iccid_column"


def test_a_key_column_in_any_sheet_quarantines_the_workbook(read: Read, sims: Sequence[str]) -> None:
    keys = [["ICCID", "Ki", "OPc"], [sims[0], "0A1B2C3D", "FFEE"]]
    with pytest.raises(ManifestRefused) as refusal:
        read("a.xlsx", workbook([["ICCID"], [sims[0]]], keys))
    assert refusal.value.quarantine
    assert "0A1B" not in str(refusal.value)


def test_a_large_sheet_comes_in_blocks(read: Read, sims: Sequence[str]) -> None:
    found = read("a.xlsx", workbook([["ICCID"], *([sims[0]] for _ in range(2500))]), ReadingRules(block_lines=1000))
    assert (found.blocks, found.line_count, len(found.iccids)) == (3, 2501, 2500)


def test_a_workbook_packed_with_gzip_is_read(read: Read, tmp_path: Path, sims: Sequence[str]) -> None:
    content = gzip.compress(workbook([["ICCID"], [sims[0]]]))
    assert read("a.xlsx.gz", content).iccids == {2: sims[0]}
    assert describe_format(tmp_path / "taken", "a.xlsx.gz") == "workbook, sheet 'Sheet1', gzip"


def test_a_formula_with_its_saved_result_is_read_as_that_text(read: Read, sims: Sequence[str]) -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        page = book.add_worksheet()
        page.write(0, 0, "ICCID")
        page.write_formula(1, 0, '=CONCATENATE("a","b")', value=sims[0])
    assert read("a.xlsx", content.getvalue()).iccids == {2: sims[0]}


@pytest.mark.parametrize("attribute", ["", ' t="shared" si="0"'])
def test_a_formula_without_a_saved_result_refuses_the_workbook(read: Read, sims: Sequence[str], attribute: str) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.append(["ICCID"])
    page.append(["=TEXT(1,0)"])
    content = io.BytesIO()
    book.save(content)

    def share(_name: str, part: bytes) -> bytes:
        return part.replace(b"<f>TEXT(1,0)</f>", f"<f{attribute}/>".encode()) if attribute else part

    with pytest.raises(ManifestRefused, match="never saved") as refusal:
        read("a.xlsx", repacked(content.getvalue(), share))
    assert refusal.value.reason == "formula_without_value"


def test_two_cells_that_are_far_apart_do_not_take_the_memory_between_them(read: Read) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page["A1"] = "ICCID"
    page["XFD1048576"] = "x"
    content = io.BytesIO()
    book.save(content)
    with pytest.raises(ManifestRefused, match="too much memory") as refusal:
        read("a.xlsx", content.getvalue())
    assert refusal.value.reason == "workbook_too_large"


def with_a_part_of_zeros(content: bytes, size_bytes: int) -> bytes:
    changed = io.BytesIO(content)
    with zipfile.ZipFile(changed, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/media/zeros.bin", bytes(size_bytes))
    return changed.getvalue()


def test_a_zip_bomb_is_refused(read: Read, sims: Sequence[str]) -> None:
    content = with_a_part_of_zeros(workbook([["ICCID"], [sims[0]]]), 64 << 20)
    with pytest.raises(ManifestRefused) as refusal:
        read("a.xlsx", content)
    assert refusal.value.reason == "unpacks_too_large"


def test_a_zip_bomb_whose_directory_lies_about_its_size_is_refused(read: Read, sims: Sequence[str]) -> None:
    content = with_a_part_of_zeros(workbook([["ICCID"], [sims[0]]]), 64 << 20)
    true_size, claimed = struct.pack("<I", 64 << 20), struct.pack("<I", 100)
    assert content.count(true_size) == 2  # in the part's own header and in the directory
    with pytest.raises(ManifestRefused) as refusal:
        read("a.xlsx", content.replace(true_size, claimed))
    assert refusal.value.reason == "unpacks_too_large"


def test_a_workbook_within_the_ratio_is_read(read: Read, sims: Sequence[str]) -> None:
    content = workbook([["ICCID", "note"], *([sims[0], f"box {at}"] for at in range(5000))])
    assert len(read("a.xlsx", content, ReadingRules(limits=FileLimits(unpacked_ratio=30))).iccids) == 5000


@pytest.mark.parametrize("cut", [100, 2000])
def test_a_cut_workbook_is_refused(read: Read, sims: Sequence[str], cut: int) -> None:
    with pytest.raises(ManifestRefused, match="damaged"):
        read("a.xlsx", workbook([["ICCID"], [sims[0]]])[:cut])


def test_a_workbook_with_a_broken_sheet_is_refused(read: Read, sims: Sequence[str]) -> None:
    def breaking(name: str, part: bytes) -> bytes:
        return part[: len(part) // 2] + b"<<<" if name.startswith("xl/worksheets/") else part

    with pytest.raises(ManifestRefused, match="damaged"):
        read("a.xlsx", repacked(workbook([["ICCID"], [sims[0]]]), breaking))


def test_an_archive_that_is_no_workbook_is_refused(read: Read) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(ManifestRefused, match="no workbook"):
        read("a.xlsx", content.getvalue())


def test_a_workbook_called_txt_is_refused(read: Read, sims: Sequence[str]) -> None:
    with pytest.raises(ManifestRefused, match="name says that it is text") as refusal:
        read("a.txt", workbook([["ICCID"], [sims[0]]]))
    assert refusal.value.reason == "unsupported_format"


def test_text_called_xlsx_is_refused(read: Read, sims: Sequence[str]) -> None:
    with pytest.raises(ManifestRefused, match="is no workbook"):
        read("a.xlsx", f"ICCID\n{sims[0]}\n")
