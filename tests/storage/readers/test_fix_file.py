"""The fix-only-the-bad-rows file: cut out, corrected, dropped again."""

import gzip
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from domain.lines import Reason, Verdict
from domain.manifests import ManifestColumn
from storage.readers import suffix_of, write_fix_file

Read = Callable[..., Any]
BAD, GOOD = "8934076500002589175", "8934076500002589174"


def fixed(tmp_path: Path, name: str, lines: Sequence[int]) -> Path:
    target = tmp_path / f"fix{suffix_of(name)}"
    write_fix_file(tmp_path / "taken", name, lines, target)
    return target


def rejected(found: Any) -> list[int]:
    return [line for line, outcome in found.outcomes.items() if outcome.verdict is Verdict.REJECTED]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", f"# x\n{BAD}\nhello\n{GOOD}", f"{BAD}\n"),
        ("a.txt", f"ICCID\r{GOOD}\r{BAD}\r", f"ICCID\n{BAD}\n"),
        ("a.csv", f"sep=;\nTitle\nICCID;note\n{GOOD};a\n{BAD};b c\n", f"sep=;\nICCID;note\n{BAD};b c\n"),
        ("a.tsv", f"note\tICCID\nx\t{BAD}\n# total=1\n", f"note\tICCID\nx\t{BAD}\n"),
        ("a.csv", f"{GOOD},x\n{BAD},y\n", f"{BAD},y\n"),
        ("a.csv", f"carrier_account|iccid\nkore|{GOOD}\nother|{BAD}\n", f"carrier_account|iccid\nother|{BAD}\n"),
    ],
)
def test_only_the_chosen_lines_and_the_header_are_written(
    read: Read, tmp_path: Path, name: str, content: str, expected: str
) -> None:
    found = read(name, content)
    assert fixed(tmp_path, name, rejected(found)).read_text() == expected


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_a_corrected_fix_file_is_a_manifest(read: Read, tmp_path: Path, name: str) -> None:
    header = "iccid|country\n" if name == "a.csv" else ""
    rest = "|DE" if name == "a.csv" else ""
    found = read(name, f"{header}{GOOD}{rest}\n{BAD}{rest}\n8934076500002586221{rest}\n")
    target = fixed(tmp_path, name, rejected(found))
    target.write_text(target.read_text().replace(BAD, GOOD).replace("6221", "6220"))
    again = read(name, target.read_bytes())
    assert list(again.iccids.values()) == [GOOD, "8934076500002586220"]
    assert rejected(again) == []
    assert again.cells == ({ManifestColumn.HOME_COUNTRY: ["DE", "DE"]} if name == "a.csv" else {})


def test_lines_of_8_bit_encodings_stand_byte_by_byte(read: Read, tmp_path: Path) -> None:
    line = f"{BAD};Müller".encode("cp1252")
    read("a.csv", b"iccid;note\n" + line + b"\n")
    assert fixed(tmp_path, "a.csv", [2]).read_bytes() == b"iccid;note\n" + line + b"\n"


def test_utf_16_becomes_utf_8_with_a_mark(read: Read, tmp_path: Path) -> None:
    read("a.csv", f"iccid\tnote\n{BAD}\tü\n".encode("utf-16"))
    target = fixed(tmp_path, "a.csv", [2])
    assert target.read_bytes() == f"\ufefficcid\tnote\n{BAD}\tü\n".encode()
    assert read("a.csv", target.read_bytes()).reasons == {1: Reason.HEADER, 2: Reason.WRONG_CHECK_DIGIT}


def test_a_packed_manifest_has_an_unpacked_fix_file(read: Read, tmp_path: Path) -> None:
    read("a.csv.gz", gzip.compress(f"iccid\n{BAD}\n".encode()))
    assert fixed(tmp_path, "a.csv.gz", [2]).read_text() == f"iccid\n{BAD}\n"


def test_an_unreadable_row_is_written_as_it_stood(read: Read, tmp_path: Path) -> None:
    content = f'iccid,note\n{GOOD},"never closed\n{GOOD},x\n'
    found = read("a.csv", content)
    assert fixed(tmp_path, "a.csv", rejected(found)).read_text() == f'iccid,note\n{GOOD},"never closed\n'


def test_a_line_that_was_too_long_leaves_a_comment(read: Read, tmp_path: Path) -> None:
    found = read("a.txt", f"{BAD}\n{'9' * 5000}\n")
    text = fixed(tmp_path, "a.txt", rejected(found)).read_text()
    assert text == f"{BAD}\n# Line 2 was too long and is not copied.\n"
    assert rejected(read("a.txt", text)) == [1]


def test_a_workbooks_fix_file_has_text_cells_and_can_be_corrected(read: Read, tmp_path: Path) -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"strings_to_formulas": False}) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["Title"])
        page.write_row(1, 0, ["ICCID", "note"])
        page.write_row(2, 0, [GOOD, "a"])
        page.write_row(3, 0, [8934076500002589174, 7])
        page.write_row(4, 0, [BAD, "=1+1"])
    found = read("a.xlsx", content.getvalue())
    target = fixed(tmp_path, "a.xlsx", rejected(found))
    assert CalamineWorkbook.from_path(target).get_sheet_by_index(0).to_python() == [
        ["ICCID", "note"],
        ["8.93407650000259e+18", "7"],
        [BAD, "=1+1"],
    ]
    again = read("a.xlsx", target.read_bytes())
    assert again.reasons == {1: Reason.HEADER, 2: Reason.SPREADSHEET_DAMAGE, 3: Reason.WRONG_CHECK_DIGIT}


def test_a_fix_file_is_cut_from_many_blocks(read: Read, tmp_path: Path) -> None:
    read("a.txt", "".join(f"{BAD if at % 50_000 == 49_999 else GOOD}\n" for at in range(200_000)))
    target = fixed(tmp_path, "a.txt", [200_000, 50_000, 100_000, 150_000])
    assert target.read_text() == f"{BAD}\n" * 4
