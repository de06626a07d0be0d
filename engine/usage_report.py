"""What SIMs used and what that costs, as a report: the same question on the same data makes the same document."""

from collections.abc import Iterator

from domain.usage import DAY, start_of
from domain.usage_billing import STEPS
from engine.usage_sections import charts, sections
from reports.document import Fact, Report, Unit
from reports.verdict import counted
from storage.schema import EPOCH
from storage.usage_figures import Figures
from storage.usage_sets import Question

NOT_KNOWN = "Days that are not known"
"""The headline that is above zero where the report has gaps."""


def name_of(asked: Question) -> str:
    """The name of the report that answers this question."""
    parts = [f"usage-{asked.days.first}--{asked.days.last}", asked.product, asked.carrier_account]
    return "-".join(part for part in parts if part)


def report_of(told: Figures) -> Report:
    """The figures as a document."""
    asked = told.asked
    about = "".join(f", {name}" for name in (asked.product, asked.carrier_account) if name)
    return Report(
        name=name_of(asked),
        kind="usage",
        title=f"Usage {asked.days}{about}",
        as_of=told.known_at or start_of(asked.days.last + DAY),
        facts=list(_facts(told)),
        sections=sections(told),
        charts=charts(told),
        warnings=list(_warnings(told)),
    )


def _warnings(told: Figures) -> Iterator[str]:
    """What is not known, first of all."""
    counts = told.counts
    if told.known_at is None:
        yield "No carrier has told anything of these days: whatever stands here is no usage that is known."
    if counts["gap_days"]:
        days, sims = counted(counts["gap_days"], "day"), counted(counts["gap_sims"], "SIM")
        yield f"Not known: {days} of {sims}. What was used then is in no sum; a gap is not zero."
    for account, sims, days, until in told.gaps[["account", "sims", "days", "until"]].itertuples(index=False):
        of_sims = f"{counted(int(days), 'day')} of {counted(int(sims), 'SIM')}"
        yield f"{account or 'No carrier account'}: {of_sims} not known{_since(until, told.asked)}."
    if counts["not_projected"]:
        yield f"{counted(counts['not_projected'], 'SIM')} without any known day this month: in no projection."
    if counts["without_plan"]:
        yield f"{counted(counts['without_plan'], 'SIM')} on no plan of the catalogue: their use has no price here."
    if len(told.restated):
        change = int((told.restated["now_bytes"] - told.restated["first_bytes"]).sum())
        days = counted(int(told.restated["sims"].sum()), "SIM day")
        yield f"Restated: carriers told {days} anew after they were over, in sum {change:+,} bytes."


def _since(until: int, asked: Question) -> str:
    """Why, where the end of the asked days was never collected: it has fallen behind, or nobody has begun."""
    newest = EPOCH + int(until) * DAY
    if newest >= asked.days.last:
        return ""
    since = f"nothing was collected after {newest}" if until else "nothing was ever collected"
    return f"; {since}: run `simline usage collect`"


def _facts(told: Figures) -> Iterator[Fact]:
    counts, costs = told.counts, told.costs
    yield Fact("SIMs", counts["sims"])
    yield Fact("SIMs with use", counts["sims_in_use"])
    yield Fact("Used", counts["used"], Unit.BYTES)
    yield Fact("Of it included", counts["used"] - counts["overage"], Unit.BYTES)
    yield Fact("Of it overage", counts["overage"], Unit.BYTES)
    priced = costs[costs["currency"] != ""]
    for label, column in (("Cost", "cents"), ("Projected cost of the month", "projected_cents")):
        last = priced if column == "cents" else priced[priced["month"] == priced["month"].max()]
        for currency, cents in last.groupby("currency", sort=True)[column].sum(min_count=1).items():
            yield Fact(label, None if cents is None or cents != cents else int(cents), Unit.CENTS, str(currency))  # noqa: PLR0124
    if told.costs["projected"].notna().any():
        yield Fact("Projected use of the month", int(told.costs["projected"].sum()), Unit.BYTES)
    for step in STEPS:
        yield Fact(
            f"SIMs at {step} % or more of what is included", sum(counts[f"reached_{n}"] for n in STEPS if n >= step)
        )
    yield Fact("Outliers", _whole_count(told))
    yield Fact("Paid for and not used", counts["unused"])
    yield Fact(NOT_KNOWN, counts["gap_days"])
    yield Fact("Days derived from sums over a longer time", counts["derived_days"])


def _whole_count(told: Figures) -> int:
    return int(told.outliers["whole_count"].iloc[0]) if len(told.outliers) else 0
