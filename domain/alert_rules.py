"""When an alert is due: pure rules, from what is known now. Whether it was told of already is not asked here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import groupby
from types import MappingProxyType

from domain.alerts import Alert, AlertKind, Severity, Subject, one_line
from domain.usage import DAY, Days, month_of

MOST_SIMS = 20
"""So many SIMs of one product are told of one by one; more at a time are one alert about the product."""
EXAMPLES = 5
NEWS_DAYS = 8
"""A report of a month that was over so many days before today is no news any more."""

Counts = Mapping[tuple[str, int], int]
"""(product, threshold or 0) -> how many SIMs there are to tell of, where the facts name only the first of them."""
NO_COUNTS: Counts = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Percents:
    """At how many percent of what is included a product, and each of its SIMs, is told of."""

    product: tuple[int, ...] = (70, 90, 100)
    sim: tuple[int, ...] = (70, 90, 100)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on somebody is told. Products without percents of their own have the overall ones."""

    percents: Percents = Percents()
    of_product: Mapping[str, Percents] = field(default_factory=dict)
    stuck_after_minutes: float = 240.0
    reconciliation_findings_above: int = 0
    carrier_down_after_minutes: float = 15.0


@dataclass(frozen=True, slots=True)
class UsageFact:
    """What one SIM, or with `iccid=None` one product, has used in a month (`2026-11`) so far, and what is included."""

    product_id: str
    iccid: str | None
    month: str
    used_bytes: int
    included_bytes: int


@dataclass(frozen=True, slots=True)
class OutlierFact:
    """A SIM that the usage report calls an outlier, in bytes a day; `usual_bytes` is the median of its product."""

    product_id: str
    iccid: str
    on: date
    used_bytes: int
    usual_bytes: int


@dataclass(frozen=True, slots=True)
class StuckFact:
    """The SIMs of one product at one carrier account that wait for too long or timed out.

    `newest_at` is when the last of them became stuck.
    """

    product_id: str
    carrier_account: str
    waiting_count: int
    timed_out_count: int
    newest_at: datetime
    example_iccid: str


@dataclass(frozen=True, slots=True)
class ReviewFact:
    """The SIMs of one product at one carrier account that only a person can settle; the last since `newest_at`."""

    product_id: str
    carrier_account: str
    sim_count: int
    newest_at: datetime
    example_iccid: str


@dataclass(frozen=True, slots=True)
class ReconciliationFact:
    """What one reconciliation found: how many SIMs of each class other than ok. `report` is where it can be read."""

    as_of: date
    counts: Mapping[str, int]
    carrier_account: str | None = None
    product_id: str | None = None
    report: str | None = None


@dataclass(frozen=True, slots=True)
class CarrierFact:
    """A carrier account and for how long nobody has asked it because it did not answer; 0: it answers.

    `told_down` names the alert, not over yet, that said so.
    """

    carrier_account: str
    paused_for_seconds: float
    last_failure: str | None = None
    told_down: str | None = None


def reached(percents: Iterable[int], used_bytes: int, included_bytes: int) -> list[int]:
    """The thresholds that this use has come to, ascending; none where nothing is included.

    >>> reached((70, 90, 100), 95, 100)
    [70, 90]
    """
    if included_bytes <= 0:
        return []
    return sorted({percent for percent in percents if used_bytes * 100 >= percent * included_bytes})


def is_news(days: Days, today: date) -> bool:
    """Whether a report of these days may raise alerts: it is about one month so far, which is not long over.

    The month before is reported for the last time on the 8th, when late usage has mostly come.

    >>> is_news(Days(date(2026, 2, 1), date(2026, 2, 28)), date(2026, 3, 8))
    True
    >>> is_news(Days(date(2026, 2, 1), date(2026, 2, 28)), date(2026, 3, 9))
    False
    >>> is_news(Days(date(2026, 2, 2), date(2026, 2, 28)), date(2026, 3, 1))
    False
    """
    return days.first == month_of(days.last) and days.last + NEWS_DAYS * DAY >= today


def usage_alerts(facts: Iterable[UsageFact], thresholds: Thresholds, counts: Counts = NO_COUNTS) -> list[Alert]:
    """One alert for each product and each SIM that has come to a threshold: the highest."""
    found = []
    for fact in facts:
        percents = thresholds.of_product.get(fact.product_id, thresholds.percents)
        levels = reached(percents.sim if fact.iccid else percents.product, fact.used_bytes, fact.included_bytes)
        if levels:
            found.append(_usage_alert(fact, levels[-1]))
    return _gathered(found, counts)


def _usage_alert(fact: UsageFact, level: int) -> Alert:
    who = f"SIM {fact.iccid} of product {fact.product_id}" if fact.iccid else f"Product {fact.product_id}"
    used, included = megabytes(fact.used_bytes), megabytes(fact.included_bytes)
    todo = "Look at what it sends, or move it to a larger plan." if fact.iccid else "See the usage report for the SIMs."
    return Alert(
        AlertKind.SIM_USAGE if fact.iccid else AlertKind.PRODUCT_USAGE,
        Severity.CRITICAL if level >= 100 and not fact.iccid else Severity.WARNING,
        Subject(product_id=fact.product_id, iccid=fact.iccid),
        f"{who} has used {used} of the {included} that are included in {fact.month}, past {level} %. {todo}",
        period=fact.month,
        level=level,
        facts={"used_bytes": fact.used_bytes, "included_bytes": fact.included_bytes, "percent": level},
    )


def outlier_alerts(facts: Iterable[OutlierFact], counts: Counts = NO_COUNTS) -> list[Alert]:
    """One alert for each SIM that is an outlier, at most once a month for the same SIM."""
    return _gathered([_outlier_alert(fact) for fact in facts], counts)


def _outlier_alert(fact: OutlierFact) -> Alert:
    return Alert(
        AlertKind.OUTLIER,
        Severity.WARNING,
        Subject(product_id=fact.product_id, iccid=fact.iccid),
        f"SIM {fact.iccid} of product {fact.product_id} used {megabytes(fact.used_bytes)} a day until {fact.on}, "
        f"where {megabytes(fact.usual_bytes)} are usual for the product. Look at the device: theft and faults look "
        "alike.",
        period=f"{fact.on:%Y-%m}",
        facts={"on": fact.on.isoformat(), "used_bytes": fact.used_bytes, "usual_bytes": fact.usual_bytes},
    )


def stuck_alerts(facts: Iterable[StuckFact]) -> list[Alert]:
    """One alert a day for each product and carrier account at which SIMs became stuck; again at ten times as many."""
    return [_stuck_alert(fact) for fact in facts if fact.waiting_count + fact.timed_out_count > 0]


def _stuck_alert(fact: StuckFact) -> Alert:
    count = fact.waiting_count + fact.timed_out_count
    return Alert(
        AlertKind.STUCK,
        Severity.CRITICAL if fact.timed_out_count else Severity.WARNING,
        Subject(product_id=fact.product_id, carrier_account=fact.carrier_account),
        f"{_sims(count)} of product {fact.product_id} got stuck at {fact.carrier_account} ({fact.timed_out_count:,} "
        f"timed out), such as {fact.example_iccid}. See `simline show {fact.example_iccid}`, then ask the carrier.",
        period=f"{fact.newest_at.astimezone(UTC):%Y-%m-%d}",
        level=len(str(count)),
        facts={"waiting": fact.waiting_count, "timed_out": fact.timed_out_count, "example": fact.example_iccid},
    )


def review_alerts(facts: Iterable[ReviewFact]) -> list[Alert]:
    """One alert a day for each product and carrier account with SIMs that came to need a person; again at ten times."""
    return [_review_alert(fact) for fact in facts if fact.sim_count > 0]


def _review_alert(fact: ReviewFact) -> Alert:
    need = "needs" if fact.sim_count == 1 else "need"
    return Alert(
        AlertKind.REVIEW,
        Severity.WARNING,
        Subject(product_id=fact.product_id, carrier_account=fact.carrier_account),
        f"{_sims(fact.sim_count)} of product {fact.product_id} at {fact.carrier_account} {need} a person, such as "
        f"{fact.example_iccid}. See `simline show {fact.example_iccid}`, look it up at the carrier, then settle it.",
        period=f"{fact.newest_at.astimezone(UTC):%Y-%m-%d}",
        level=len(str(fact.sim_count)),
        facts={"sims": fact.sim_count, "example": fact.example_iccid},
    )


def _sims(count: int) -> str:
    return "1 SIM" if count == 1 else f"{count:,} SIMs"


def reconciliation_alerts(facts: Iterable[ReconciliationFact], thresholds: Thresholds) -> list[Alert]:
    """One alert for each reconciliation that found more than the threshold allows."""
    most = thresholds.reconciliation_findings_above
    return [_reconciliation_alert(fact) for fact in facts if sum(fact.counts.values()) > most]


def _reconciliation_alert(fact: ReconciliationFact) -> Alert:
    count = sum(fact.counts.values())
    subject = Subject(product_id=fact.product_id, carrier_account=fact.carrier_account)
    where = "".join(f" at {name}" for name in (fact.carrier_account,) if name)
    whose = "".join(f" for product {name}" for name in (fact.product_id,) if name)
    words = ", ".join(f"{number:,} {word}" for word, number in sorted(fact.counts.items()) if number)
    report = f"Read {one_line(fact.report)}" if fact.report else "Read its report"
    return Alert(
        AlertKind.RECONCILIATION,
        Severity.WARNING,
        subject,
        f"The reconciliation of {fact.as_of}{where}{whose} found {count:,} SIMs that are not as we believe: {words}. "
        f"{report} before anything is repaired.",
        period=fact.as_of.isoformat(),
        level=len(str(count)),
        facts={**fact.counts, "findings": count, "report": fact.report},
    )


def carrier_alerts(facts: Iterable[CarrierFact], thresholds: Thresholds) -> list[Alert]:
    """Down where a carrier has been paused for too long, back where one that was told of answers again."""
    found = []
    for fact in facts:
        if fact.paused_for_seconds >= 60 * thresholds.carrier_down_after_minutes and fact.paused_for_seconds > 0:
            found.append(_down(fact))
        elif fact.told_down is not None and fact.paused_for_seconds <= 0:
            found.append(_back(fact))
    return found


def _down(fact: CarrierFact) -> Alert:
    minutes = int(fact.paused_for_seconds // 60)
    said = one_line(fact.last_failure or "no answer", 200).rstrip(".")
    return Alert(
        AlertKind.CARRIER_DOWN,
        Severity.CRITICAL,
        Subject(carrier_account=fact.carrier_account),
        f"Carrier account {fact.carrier_account} has not answered for {minutes:,} minutes: {said}. Nothing is lost; "
        "run `simline check`, then look at the carrier's status page.",
        facts={"paused_for_seconds": round(fact.paused_for_seconds), "last_failure": said},
    )


def _back(fact: CarrierFact) -> Alert:
    return Alert(
        AlertKind.CARRIER_BACK,
        Severity.INFO,
        Subject(carrier_account=fact.carrier_account),
        f"Carrier account {fact.carrier_account} answers again. Nothing is to be done: what waits goes on by itself.",
        period=fact.told_down or "",
        facts={"told_down": fact.told_down},
    )


def _gathered(alerts: list[Alert], counts: Counts) -> list[Alert]:
    """The same; where many SIMs of one product have the same to say, one alert says it for all of them."""
    ordered = sorted(alerts, key=_group)
    given: list[Alert] = []
    for _, group in groupby(ordered, key=_group):
        members = list(group)
        first = members[0]
        count = max(len(members), counts.get((first.subject.product_id or "", first.level), 0))
        many = first.subject.iccid is not None and count > MOST_SIMS
        given += [_for_many(members, count)] if many else members
    return given


def _group(alert: Alert) -> tuple[str, str, str, int, bool]:
    return alert.kind, alert.subject.product_id or "", alert.period, alert.level, alert.subject.iccid is not None


def _for_many(alerts: list[Alert], count: int) -> Alert:
    first = alerts[0]
    iccids = sorted(alert.subject.iccid or "" for alert in alerts)
    what = f"have passed {first.level} % of what their plans include" if first.level else "use far more than is usual"
    return Alert(
        first.kind,
        first.severity,
        Subject(product_id=first.subject.product_id),
        f"{count:,} SIMs of product {first.subject.product_id} {what} ({first.period}), such as "
        f"{', '.join(iccids[:EXAMPLES])}. The usage report lists them.",
        period=first.period,
        level=first.level,
        facts={"sims": count, "examples": " ".join(iccids[:EXAMPLES])},
    )


def megabytes(count: int) -> str:
    """Bytes for people, in units of 1,000,000.

    >>> megabytes(5_250_000)
    '5.2 MB'
    """
    return f"{count / 1_000_000:,.1f} MB"
