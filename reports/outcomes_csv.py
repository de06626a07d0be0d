"""Every line of a manifest as a CSV: one row per line, in line order, streamed.

`outcome` holds a verdict for a line that was not simply accepted and a bucket for an accepted SIM, so a count by
`outcome` gives the receipt's numbers. ICCIDs are plain digits: a spreadsheet must import the column as text
(Data > From Text/CSV), a double click rounds them.
"""

import csv
import heapq
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from domain.lifecycle import BUCKETS, Step
from domain.lines import LineOutcome, Reason, Verdict
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

SHARED_AT_MOST = 4_096
"""So many different sets of facts are kept in memory: lines of one batch share all but their number and ICCID."""

Row = tuple[int, str]
"""A line's number, and its row as CSV without it."""


class SimOutcome(NamedTuple):
    """Where an accepted SIM stands. `reason` is a stable word; `detail` and `carrier_word` are the carrier's own.

    A tuple, because a manifest has a million of them; the first two are its own, the rest it shares with many.
    """

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
    written = last_line = 0
    with target.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerow(COLUMNS)
        for line, cells in heapq.merge(_line_rows(line_outcomes), _sim_rows(sims), key=itemgetter(0)):
            if line <= last_line:
                raise ValueError(f"line {line} came after line {last_line}: each line has one outcome, in line order")
            stream.write(f"{line},{cells}")
            last_line = line
            written += 1
    return written


def _line_rows(outcomes: Iterable[LineOutcome]) -> Iterator[Row]:
    for outcome in outcomes:
        facts = _line_facts(outcome.verdict, outcome.reason, outcome.detail, outcome.text)
        row = f"{safe_cell(outcome.iccid or '')},{facts}"
        for line in range(outcome.line, outcome.line + outcome.line_count):
            yield line, row


def _sim_rows(sims: Iterable[SimOutcome]) -> Iterator[Row]:
    for sim in sims:
        yield sim.line, f"{safe_cell(sim.iccid)},{_sim_facts(sim[2:])}"


@lru_cache(SHARED_AT_MOST)
def _line_facts(verdict: Verdict, reason: Reason, detail: str, text: str) -> str:
    return _as_csv((verdict, "", reason, line_sentence(reason, detail), text, *[""] * 7))


@lru_cache(SHARED_AT_MOST)
def _sim_facts(facts: tuple[Any, ...]) -> str:
    sim = SimOutcome(0, "", *facts)
    places = (sim.product_id, sim.home_country, sim.plan_name, sim.carrier_account, sim.carrier_word)
    activated = utc_text(sim.activated_at) or ""
    sentence = step_sentence(sim.step, sim.detail)
    return _as_csv((BUCKETS[sim.step], sim.step, sim.reason, sentence, "", *places, activated, sim.device))


def _as_csv(cells: Iterable[str]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written).writerow(map(safe_cell, cells))
    return written.getvalue()
