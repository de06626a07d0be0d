"""The document of one reconciliation: what is missing first, then a section for each kind of finding.

Made of what the run wrote down and of nothing else, so the same run always gives the same document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from domain.reconciling import NEXT_STEPS, SENTENCES, Change, Kind
from reports.document import Chart, Fact, Mark, Report, ReportColumn, Section, Unit
from reports.verdict import counted

TITLES: dict[Kind, str] = {
    Kind.WRONG_PRODUCT: "Wrong product",
    Kind.GHOST: "Ghosts",
    Kind.MISSING: "Missing",
    Kind.STUCK: "Stuck",
    Kind.STATE_MISMATCH: "State mismatch",
    Kind.ORPHAN_TRAFFIC: "Orphan traffic",
    Kind.OVERBILLED: "Overbilled",
    Kind.UNBILLED: "Unbilled",
    Kind.WRONG_PLAN: "Wrong plan",
    Kind.ZOMBIE: "Zombies",
}
NOW = (Change.NEW.value, Change.STILL.value)
_SIM = (ReportColumn("iccid", "ICCID", Unit.ICCID), ReportColumn("carrier_account", "Carrier account"))
_MORE = (
    ReportColumn("change", "Since the last run"),
    ReportColumn("first_found", "First found", Unit.TIME),
    ReportColumn("product_id", "Product"),
    ReportColumn("wanted", "Wanted"),
    ReportColumn("carrier_state", "At the carrier"),
    ReportColumn("carrier_word", "Its own word"),
    ReportColumn("plan", "Plan"),
    ReportColumn("carrier_plan", "Plan at the carrier"),
    ReportColumn("used_bytes", "Used", Unit.BYTES, summed=True),
    ReportColumn("amount_cents", "Sum", Unit.CENTS, summed=True),
    ReportColumn("currency", "Currency"),
)
_COUNTS = (
    ReportColumn("carrier_account", "Carrier account"),
    ReportColumn("finding", "Finding"),
    ReportColumn("sims", "SIMs", Unit.COUNT, summed=True),
)
_ACCOUNT = (
    ReportColumn("carrier_account", "Carrier account"),
    ReportColumn("listing", "Listing"),
    ReportColumn("listed_at", "Listed at", Unit.TIME),
    ReportColumn("sims", "SIMs", Unit.COUNT, summed=True),
    ReportColumn("ok", "OK", Unit.COUNT, summed=True),
    ReportColumn("under_way", "Under way", Unit.COUNT, summed=True),
    ReportColumn("unknown", "Unknown", Unit.COUNT, summed=True),
    ReportColumn("found", "With a finding", Unit.COUNT, summed=True),
    ReportColumn("invoice", "Invoice"),
)


@dataclass(frozen=True, slots=True)
class ReconciliationFacts:
    """One run as it was written down. `accounts` are rows of `reconciled_accounts`, `findings` those of `findings`."""

    as_of: datetime
    carrier_account: str | None
    product_id: str | None
    accounts: Sequence[Mapping[str, Any]]
    findings: pd.DataFrame

    @property
    def name(self) -> str:
        """Stable: the run's moment and what it was about."""
        parts = ["reconciliation", f"{self.as_of:%Y-%m-%d-%H%M%S}", self.carrier_account or "", self.product_id or ""]
        return "-".join(filter(None, parts))

    def of(self, kind: str, changes: Sequence[str] = NOW) -> pd.DataFrame:
        """The findings of one kind, by account and ICCID."""
        rows = self.findings
        return rows[(rows["kind"] == kind) & rows["change"].isin(changes)]


def reconciliation_report(told: ReconciliationFacts) -> Report:
    """The whole document. Money is in the sections, in its currency; a sum that nobody told is empty, never zero."""
    return Report(
        name=told.name,
        kind="reconciliation",
        title=f"Reconciliation{_scope(told)}",
        as_of=told.as_of,
        facts=_facts(told),
        sections=[
            _accounts(told),
            _counts(told),
            *(_section(told, kind) for kind in Kind),
            _changes(told),
            _unknown(told),
        ],
        charts=_charts(told),
        warnings=warnings_of(told),
    )


def warnings_of(told: ReconciliationFacts) -> list[str]:
    """What keeps the run from being whole, sentence by sentence."""
    said = []
    for one in told.accounts:
        name, unknown = one["carrier_account"], one["unknown_count"]
        if not one["is_complete"]:
            sims = counted(unknown, "SIM is", "SIMs are")
            page = one["page_count"] + 1
            where = f"It was listed up to page {page - 1}" if page > 1 else "Nothing of it was listed"
            said.append(
                f"Incomplete: {name}. {where}. {sims} unknown and named below; the next run goes on at page {page}. "
                f"{one['problem']}".rstrip()
            )
        elif unknown:
            said.append(f"{name}: {counted(unknown, 'SIM has', 'SIMs have')} a state of which nothing is known.")
        if one["invoice"] and not one["invoice_month"]:
            said.append(f"{name}: its invoice was not compared. {one['invoice']}")
        if one["invoice_unreadable"]:
            said.append(f"{name}: {counted(one['invoice_unreadable'], 'line')} of {one['invoice']} cannot be read.")
    return said


def _scope(told: ReconciliationFacts) -> str:
    named = [f"carrier account {told.carrier_account}"] if told.carrier_account else []
    named += [f"product {told.product_id}"] if told.product_id else []
    return f" of {' and '.join(named)}" if named else ""


def _facts(told: ReconciliationFacts) -> list[Fact]:
    sums = {key: sum(one[f"{key}_count"] for one in told.accounts) for key in ("sim", "ok", "under_way", "unknown")}
    facts = [
        Fact("SIMs compared", sums["sim"]),
        Fact("OK", sums["ok"]),
        Fact("Under way", sums["under_way"]),
        Fact("Unknown", sums["unknown"]),
        Fact("With a finding", sums["sim"] - sums["ok"] - sums["under_way"] - sums["unknown"]),
    ]
    facts += [Fact(TITLES[kind], len(rows)) for kind in Kind if len(rows := told.of(kind))]
    changes = told.findings[told.findings["kind"] != "unknown"]["change"].value_counts()
    facts += [Fact(_words(change), int(changes.get(change, 0))) for change in Change]
    over = told.of(Kind.OVERBILLED)
    for currency, rows in over.groupby("currency", sort=True):
        if currency:
            facts.append(Fact("Overbilled", int(rows["amount_cents"].sum()), Unit.CENTS, str(currency)))
    return facts


def _words(word: str) -> str:
    return {Change.NEW: "New findings", Change.STILL: "Still there", Change.GONE: "Gone since the last run"}.get(
        Change(word), "Found before, not looked at"
    )


def _accounts(told: ReconciliationFacts) -> Section:
    rows = [
        {
            "carrier_account": one["carrier_account"],
            "listing": "complete" if one["is_complete"] else f"incomplete, {one['page_count']} pages",
            "listed_at": one["listed_at"],
            "sims": one["sim_count"],
            "ok": one["ok_count"],
            "under_way": one["under_way_count"],
            "unknown": one["unknown_count"],
            "found": one["sim_count"] - one["ok_count"] - one["under_way_count"] - one["unknown_count"],
            "invoice": f"{one['invoice']}, {one['invoice_lines']:,} lines" if one["invoice_month"] else "",
        }
        for one in told.accounts
    ]
    sentence = "Every SIM counts once: as OK, as under way, as unknown or as its first finding."
    return Section("accounts", "Carrier accounts", sentence, _ACCOUNT, _table(rows, _ACCOUNT))


def _counts(told: ReconciliationFacts) -> Section:
    now = told.findings[told.findings["counts"] & told.findings["change"].isin(NOW)]
    sums = now.groupby(["carrier_account", "kind"], sort=True).size().reset_index(name="sims").to_dict("records")
    rows = [
        {"carrier_account": each["carrier_account"], "finding": TITLES[Kind(each["kind"])], "sims": int(each["sims"])}
        for each in sums
    ]
    sentence = "Where a SIM is several things it counts as the first of them, in the order of the sections below."
    return Section("counts", "Findings", sentence, _COUNTS, _table(rows, _COUNTS), empty="Nothing was found.")


def _section(told: ReconciliationFacts, kind: Kind) -> Section:
    columns = (*_SIM, *_MORE)
    sentence = f"{SENTENCES[kind]} {NEXT_STEPS[kind]}"
    return Section(str(kind), TITLES[kind], sentence, columns, _rows(told.of(kind), columns), empty="None.")


def _changes(told: ReconciliationFacts) -> Section:
    columns = (*_SIM, ReportColumn("kind", "Finding"), *_MORE[:3])
    rows = told.findings[
        (told.findings["kind"] != "unknown") & ~told.findings["change"].isin([Change.NEW.value, Change.STILL.value])
    ]
    sentence = "What the last run found and this one did not: gone, or not looked at."
    return Section("gone", "No longer found", sentence, columns, _rows(rows, columns), empty="Nothing.")


def _unknown(told: ReconciliationFacts) -> Section:
    columns = (*_SIM, _MORE[2], _MORE[3], _MORE[5])
    rows = _rows(told.of("unknown", [Change.NOT_LOOKED_AT.value]), columns)
    sentence = "SIMs of which their carrier has not told, or in a word that nobody knows. Nothing is concluded of them."
    return Section("unknown", "Unknown", sentence, columns, rows, empty="None.")


def _charts(told: ReconciliationFacts) -> list[Chart]:
    counts = _counts(told).rows
    if counts.empty:
        return []
    account, finding, sims = _COUNTS
    return [Chart("Findings by kind and carrier account", Mark.BARS, counts, finding, sims, account)]


_KINDS = {Unit.COUNT: "Int64", Unit.BYTES: "Int64", Unit.CENTS: "Int64"}


def _rows(found: pd.DataFrame, columns: Sequence[ReportColumn]) -> pd.DataFrame:
    return _table(found.to_dict("records"), columns)


def _table(rows: Sequence[Mapping[Any, Any]], columns: Sequence[ReportColumn]) -> pd.DataFrame:
    """Exactly these columns; whole numbers as `Int64`, so that what is not known stays empty."""
    return pd.DataFrame(
        {
            column.name: pd.Series([row[column.name] for row in rows], dtype=_KINDS.get(column.unit, "object"))
            for column in columns
        }
    )
