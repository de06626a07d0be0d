"""What SIMs used and what that costs, as a report: the same question on the same data makes the same document."""

from collections.abc import Iterator
from datetime import date

from sqlalchemy import func, select

from domain.usage import DAY, Days, day_of, month_of, start_of
from domain.usage_billing import STEPS, NearLimit, whole_month
from domain.usage_outliers import Outlier
from engine.context import Context
from engine.usage_sections import charts, sections
from reports.document import Fact, Report, Unit
from reports.verdict import counted
from storage.database import Transaction
from storage.schema import products
from storage.usage_figures import Figures, figures
from storage.usage_schema import usage_known
from storage.usage_sets import Question


class NothingToReport(LookupError):
    """The question has no answer. The sentence says why."""


def question(
    context: Context,
    *,
    first: date | None = None,
    last: date | None = None,
    last_month: bool = False,
    product: str | None = None,
    carrier_account: str | None = None,
) -> Question:
    """What is asked, in days that were collected: without days the month of the newest of them, so far.

    `last_month`: the whole calendar month before the present one. Raises `NothingToReport`.
    """
    with context.database.read() as tx:
        newest, today = _newest_known(tx), day_of(tx.now())
        _must_be_there(context, tx, product, carrier_account)
    end = newest or today - DAY
    named = Days(first or month_of(last or end), last or end)
    days = (whole_month(month_of(today) - DAY) if last_month else named).until(end)
    if not days.count:
        raise NothingToReport(
            f"Nothing to report: usage is collected until {end}. Collect it: `simline usage collect`."
        )
    return Question(days, product, carrier_account)


def _must_be_there(context: Context, tx: Transaction, product: str | None, account: str | None) -> None:
    if account is not None and account not in context.carriers:
        raise NothingToReport(f"There is no carrier account {account}. Configured: {', '.join(context.carriers)}.")
    if product is not None and tx.execute(select(products.c.id).where(products.c.id == product)).first() is None:
        raise NothingToReport(f"There is no product {product}. See `simline products list`.")


def _newest_known(tx: Transaction) -> date | None:
    """The newest day that any carrier account has told to an end."""
    newest: date | None = tx.execute(select(func.max(usage_known.c.last_day))).scalar_one()
    return newest


def usage_report(context: Context, asked: Question) -> Report:
    """The whole report, without writing anything but copies of days. Raises `DatabaseUnavailable`."""
    return report_of(figures(context.database, context.scratch, asked))


def report_of(told: Figures) -> Report:
    """The figures as a document."""
    asked = told.asked
    names = [f"usage-{asked.days.first}--{asked.days.last}", asked.product, asked.carrier_account]
    about = "".join(f", {name}" for name in names[1:] if name)
    return Report(
        name="-".join(name for name in names if name),
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
    for account, sims, days in told.gaps[["account", "sims", "days"]].itertuples(index=False):
        of_sims = f"{counted(int(days), 'day')} of {counted(int(sims), 'SIM')}"
        yield f"{account or 'No carrier account'}: {of_sims} not known."
    if counts["not_projected"]:
        yield f"{counted(counts['not_projected'], 'SIM')} without any known day this month: in no projection."
    if counts["without_plan"]:
        yield f"{counted(counts['without_plan'], 'SIM')} on no plan of the catalogue: their use has no price here."
    if len(told.restated):
        change = int((told.restated["now_bytes"] - told.restated["first_bytes"]).sum())
        days = counted(int(told.restated["sims"].sum()), "SIM day")
        yield f"Restated: carriers told {days} anew after they were over, in sum {change:+,} bytes."


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
    yield Fact("Days that are not known", counts["gap_days"])
    yield Fact("Days derived from sums over a longer time", counts["derived_days"])


def _whole_count(told: Figures) -> int:
    return int(told.outliers["whole_count"].iloc[0]) if len(told.outliers) else 0


def near_limits(told: Figures) -> tuple[NearLimit, ...]:
    """The SIMs at a step of what is included, the highest share first, for whoever is to hear of them."""
    return tuple(
        NearLimit(one["iccid"], one["product"], int(one["used"]), int(one["included"]), int(one["step"]))
        for one in told.near_limits.to_dict("records")
    )


def outliers(told: Figures) -> tuple[Outlier, ...]:
    """The SIMs beyond their product's bound, the farthest first."""
    return tuple(
        Outlier(one["iccid"], one["product"], *(int(one[f"{name}_bytes"]) for name in ("daily", "median", "bound")))
        for one in told.outliers.to_dict("records")
    )
