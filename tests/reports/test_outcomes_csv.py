import csv
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.lifecycle import BUCKETS, Step
from domain.lines import LineOutcome, Reason, Verdict
from reports.outcomes_csv import COLUMNS, SimOutcome, write_outcomes_csv

MakeSim = Callable[..., SimOutcome]
MakeLine = Callable[..., LineOutcome]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_both_kinds_of_lines_come_in_line_order(tmp_path: Path, sim: MakeSim, rejected: MakeLine) -> None:
    target = tmp_path / "outcomes.csv"
    assert write_outcomes_csv(target, [rejected(2), rejected(5)], [sim(1), sim(3), sim(4), sim(6)]) == 6
    assert [row["line"] for row in rows_of(target)] == ["1", "2", "3", "4", "5", "6"]


def test_a_sim_reads_back_as_it_was(tmp_path: Path, sim: MakeSim) -> None:
    given = sim(
        7,
        Step.TIMED_OUT,
        reason="late",
        detail='It says "pending", still.',
        carrier_word="pending-activation",
        activated_at=datetime(2025, 6, 2, 9, 30, tzinfo=UTC),
        device="Türöffner 2",
    )
    write_outcomes_csv(tmp_path / "o.csv", [], [given])
    [row] = rows_of(tmp_path / "o.csv")
    assert tuple(row) == COLUMNS
    assert row == {
        "line": "7",
        "iccid": "8934076500000000007",
        "outcome": "failed",
        "step": "timed_out",
        "reason": "late",
        "sentence": "The carrier accepted it, but it was not active 24 hours later. Ask the carrier with the ICCID. "
        'It says "pending", still.',
        "text": "",
        "product": "asset-tracker",
        "home_country": "DE",
        "plan": "EU 5 MB",
        "carrier_account": "supersim-eu",
        "carrier_word": "pending-activation",
        "activated_at": "2025-06-02T09:30:00Z",
        "device": "Türöffner 2",
    }


def test_a_rejected_line_keeps_its_text_and_says_what_to_do(tmp_path: Path) -> None:
    outcome = LineOutcome(3, Verdict.REJECTED, Reason.NO_PLAN, "8934,x", "8934076500002586576", "Nearest: EU 5 MB.")
    write_outcomes_csv(tmp_path / "o.csv", [outcome], [])
    [row] = rows_of(tmp_path / "o.csv")
    assert (row["outcome"], row["reason"], row["text"]) == ("rejected", "no_plan", "8934,x")
    assert row["iccid"] == "8934076500002586576"
    assert row["sentence"] == "No plan of this carrier covers the home country. Nearest: EU 5 MB."


def test_a_run_of_blank_lines_becomes_one_row_per_line(tmp_path: Path, sim: MakeSim) -> None:
    blank = LineOutcome(2, Verdict.IGNORED, Reason.BLANK, through_line=5)
    assert write_outcomes_csv(tmp_path / "o.csv", [blank], [sim(1), sim(6)]) == 6
    assert [row["outcome"] for row in rows_of(tmp_path / "o.csv")] == ["done", *["ignored"] * 4, "done"]


def test_counting_by_outcome_gives_the_numbers_of_the_receipt(tmp_path: Path, sim: MakeSim) -> None:
    write_outcomes_csv(tmp_path / "o.csv", [], [sim(line, step) for line, step in enumerate(Step, start=1)])
    assert [row["outcome"] for row in rows_of(tmp_path / "o.csv")] == [BUCKETS[step] for step in Step]


def test_no_cell_of_any_column_starts_a_formula(tmp_path: Path) -> None:
    bad = '=HYPERLINK("http://x")'
    sims = [SimOutcome(2, "8934076500002589174", Step.DONE, bad, bad, bad, bad, bad, bad, bad, None, bad)]
    lines = [LineOutcome(1, Verdict.REJECTED, Reason.NOT_DIGITS, "\n @x", iccid="-1", detail="+x")]
    write_outcomes_csv(tmp_path / "o.csv", lines, sims)
    cells = [cell for row in rows_of(tmp_path / "o.csv") for cell in row.values()]
    assert not [cell for cell in cells if cell.lstrip().startswith(tuple("=+-@\t\r"))]
    assert cells.count("'" + bad) == 7


def test_a_line_that_comes_twice_is_an_error(tmp_path: Path, sim: MakeSim, rejected: MakeLine) -> None:
    with pytest.raises(ValueError, match="line 2 came after line 2"):
        write_outcomes_csv(tmp_path / "o.csv", [rejected(2)], [sim(1), sim(2)])


def test_a_run_that_swallows_a_sim_is_an_error(tmp_path: Path, sim: MakeSim) -> None:
    with pytest.raises(ValueError, match="each line has one outcome"):
        write_outcomes_csv(
            tmp_path / "o.csv", [LineOutcome(1, Verdict.IGNORED, Reason.BLANK, through_line=4)], [sim(3)]
        )


def test_lines_out_of_order_are_an_error(tmp_path: Path, sim: MakeSim) -> None:
    with pytest.raises(ValueError, match="line 3 came after line 4"):
        write_outcomes_csv(tmp_path / "o.csv", [], [sim(4), sim(3)])


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, sim: MakeSim, rejected: MakeLine) -> None:
    def peak_bytes(line_count: int) -> int:
        lines = (rejected(line) for line in range(50, line_count, 50))
        sims = (sim(line) for line in range(1, line_count) if line % 50)
        tracemalloc.start()
        try:
            write_outcomes_csv(tmp_path / "o.csv", lines, sims)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few = peak_bytes(10_000)
    assert peak_bytes(40_000) < few + 200_000
