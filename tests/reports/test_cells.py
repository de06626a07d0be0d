import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.cells import safe_cell, visible

RAW_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
FORMULAS = ["=1+1", "+49", "-5", "@SUM(A1)", "=cmd|' /C calc'!A0", "＝1+1", "＠x"]
LEADS = ["", " ", "\n", "\r\n", "\t", "\u200b", "\u00a0", "\ufeff", "\x00", " \u202e\n "]


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_text_whatever_stands_before_it(lead: str, formula: str) -> None:
    assert safe_cell(lead + formula).startswith("'")


@pytest.mark.parametrize("text", ["\tx", "\rx"])
def test_a_cell_that_starts_with_tab_or_carriage_return_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text).startswith("'")


@pytest.mark.parametrize("text", ["", "8934076500002589174", "a=b", "Türöffner 2", "שלום", "'quoted", "1-2"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


@given(RAW_TEXT)
def test_no_cell_can_start_a_formula_break_its_line_or_fail_to_encode(text: str) -> None:
    cell = safe_cell(text)
    assert not cell.startswith(tuple("=+-@\t\r"))
    assert not cell.strip().startswith(tuple("=+-@"))
    assert len(cell.splitlines()) <= 1
    cell.encode("utf-8")


@given(st.lists(RAW_TEXT, min_size=1))
def test_cells_survive_a_csv_unchanged(texts: list[str]) -> None:
    cells = [safe_cell(text) for text in texts]
    stream = io.StringIO(newline="")
    csv.writer(stream).writerow(cells)
    assert next(csv.reader(io.StringIO(stream.getvalue(), newline=""))) == cells


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "a␀b"),
        ("a\nb", "a␊b"),
        ("a\x7fb", "a␡b"),
        ("a\x85b", "a[U+0085]b"),
        ("89\u200b34", "89[U+200B]34"),
        ("\u202egnp.exe", "[U+202E]gnp.exe"),
        ("\ufeff89", "[U+FEFF]89"),
        ("x\udc80", "x[U+DC80]"),
        ("x\U000e0041", "x[U+E0041]"),
    ],
)
def test_what_hides_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown
