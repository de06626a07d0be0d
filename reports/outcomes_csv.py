"""Every line of a manifest as a CSV: one row per line, in line order, streamed.

`outcome` holds a verdict for a line that was not simply accepted and a bucket for an accepted SIM, so a count by
`outcome` gives the receipt's numbers. ICCIDs are plain digits: a spreadsheet must import the column as text
(Data > From Text/CSV), a double click rounds them.
"""

import csv
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from pathlib import Path

from domain.lifecycle import BUCKETS, Step
from domain.lines import LineOutcome
from reports.cells import safe_cell
from reports.receipt_json import utc_text
from reports.words import line_sentence, step_sentence

COLUMNS = (
    "line",
    "iccid",
    "outcome",
    "step",
    "reason",
    "sentence",
    "text",
    "product",
    "home_country",
    "plan",
    "carrier_account",
    "carrier_word",
    "activated_at",
    "device",
)

Row = tuple[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class SimOutcome:
    """Where an accepted SIM stands. `reason` is a stable word; `detail` and `carrier_word` are the carrier's own."""

    line: int
    iccid: str
    step: Step
    product_id: str
    home_country: str
    plan_name: str
    carrier_account: str
    reason: str = ""
    detail: str = ""
    carrier_word: str = ""
    activated_at: datetime | None = None
    device: str = ""


def write_outcomes_csv(target: Path, line_outcomes: Iterable[LineOutcome], sims: Iterable[SimOutcome]) -> int:
    """Write one row per line and return how many; both inputs are sorted by line and read once, nothing is kept.

    Runs of blank lines become one row per line. Raises `ValueError` when a line comes twice or out of order.
    """
    rows = heapq.merge(_line_rows(line_outcomes), (_sim_row(sim) for sim in sims), key=itemgetter(0))
    written = last_line = 0
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for line, cells in rows:
            if line <= last_line:
                raise ValueError(f"line {line} came after line {last_line}: each line has one outcome, in line order")
            writer.writerow((line, *map(safe_cell, cells)))
            last_line = line
            written += 1
    return written


def _line_rows(outcomes: Iterable[LineOutcome]) -> Iterator[Row]:
    for outcome in outcomes:
        sentence = line_sentence(outcome)
        cells = (outcome.iccid or "", outcome.verdict, "", outcome.reason, sentence, outcome.text, *[""] * 7)
        for line in range(outcome.line, outcome.line + outcome.line_count):
            yield line, cells


def _sim_row(sim: SimOutcome) -> Row:
    return sim.line, (
        sim.iccid,
        BUCKETS[sim.step],
        sim.step,
        sim.reason,
        step_sentence(sim.step, sim.detail),
        "",
        sim.product_id,
        sim.home_country,
        sim.plan_name,
        sim.carrier_account,
        sim.carrier_word,
        utc_text(sim.activated_at) or "",
        sim.device,
    )
