"""One row per carrier account: its rate limit (GCRA), what the carrier said of it, and its circuit breaker.

The row is the only place where a slot can be had, so the limit holds over all threads, processes and restarts. On
PostgreSQL the database's clock counts; on SQLite all workers share one machine and its clock. `empty_at` is when the
bucket is empty again: a reservation pushes it forward by n intervals, and a killed worker wastes its slots, which errs
on the safe side. What leaves at once pushes it as far: the turns that it took come out of those that follow. Measured:
one row gave 50.0/s of a limit of 50, with the shortest waits of all ways tried.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from domain.pacing import Pace, Slots
from storage.database import Transaction

RECOVERY_SECONDS = 30.0
"""In this time a slowdown of 2 goes back to 1."""
SLOWEST = 8.0


@dataclass(frozen=True, slots=True)
class Outage:
    """A carrier account that has been paused, without a good answer since; for how long by now."""

    carrier_account: str
    seconds: float
    last_failure: str | None


@dataclass(frozen=True, slots=True)
class Circuit:
    """Whether a carrier account may be asked now. `paused_for_seconds` is 0 when it may."""

    paused_for_seconds: float
    failures_in_a_row: int
    last_failure: str | None


def reserve(tx: Transaction, account: str, pace: Pace, count: int, *, at_once: int = 1) -> Slots:
    """Reserve `count` departures, evenly spaced, for the caller alone. One statement, one row.

    Up to `at_once` (and the pace's own) are reserved and leave together, if their turns went by unused before.
    """
    together = _together(tx, account, pace) if min(at_once, pace.at_once) > 1 else 1
    together = min(together, at_once)
    count = max(count, together)
    row = _run(tx, _RESERVE, account, interval=pace.interval_seconds, n=count)
    if row is None:
        _ensure(tx, account)
        return reserve(tx, account, pace, count, at_once=at_once)
    interval = pace.interval_seconds * row.eased
    return Slots(max(0.0, row.empty_at - count * interval - row.now), interval, count, row.now, together)


def _together(tx: Transaction, account: str, pace: Pace) -> int:
    """How many may leave together; nobody else reserves until this transaction has ended."""
    row = _run(tx, _IDLE + (" FOR UPDATE" if tx.is_postgresql else ""), account)
    return pace.together(row.now - row.empty_at, pace.interval_seconds * row.eased) if row else 1


def told_to_wait(tx: Transaction, account: str, seconds: float) -> None:
    """The carrier said no (429) or named a time: nobody sends before it, and the pace is slower for a while.

    Several refusals within one second count once: they are the same burst.
    """
    _ensure(tx, account)
    _run(tx, _TOLD, account, wait=seconds)


def record_failure(tx: Transaction, account: str, sentence: str, *, threshold: int, pause_seconds: float) -> None:
    """One more failure in a row; from the `threshold`-th on nobody asks the carrier for a while, each time longer.

    Failures during a pause are of requests that had left before it: the same outage, counted once.
    """
    _ensure(tx, account)
    _run(tx, _FAILED, account, sentence=sentence, threshold=threshold, pause=pause_seconds, longest=16 * pause_seconds)


def record_success(tx: Transaction, account: str) -> None:
    """The carrier answers: the count of failures starts anew."""
    _run(tx, _SUCCEEDED, account)


def circuit(tx: Transaction, account: str) -> Circuit:
    """The circuit's state now."""
    row = _run(tx, _CIRCUIT, account)
    if row is None:
        return Circuit(0.0, 0, None)
    return Circuit(max(0.0, row.paused_until - row.now), row.failures_in_a_row, row.last_failure)


def outages(tx: Transaction) -> list[Outage]:
    """Every carrier account whose circuit has opened and that has answered nothing good since, by name."""
    rows = _all(tx, _OUTAGES)
    return [Outage(row.carrier_account, max(0.0, row.now - row.paused_since), row.last_failure) for row in rows]


def booked_seconds(tx: Transaction, account: str) -> float:
    """How far ahead the limit is booked, or closed by the carrier's word: nothing can leave before. Books nothing."""
    row = _run(tx, _BOOKED, account)
    return max(0.0, row.empty_at - row.now) if row else 0.0


_DATABASE_NOW = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
_EASED = "{greatest}(1.0, slowdown - {greatest}(0.0, {now} - slowed_at) / " + str(RECOVERY_SECONDS) + ")"

_RESERVE = (
    "UPDATE limits SET slowdown = " + _EASED + ", slowed_at = {now}, "
    "empty_at = {greatest}(empty_at, {now}) + :n * :interval * " + _EASED + " "
    "WHERE carrier_account = :account RETURNING empty_at, slowdown AS eased, {now} AS now"
)
_IDLE = "SELECT empty_at, " + _EASED + " AS eased, {now} AS now FROM limits WHERE carrier_account = :account"
_TOLD = (
    "UPDATE limits SET empty_at = {greatest}(empty_at, {now} + :wait), refused_at = {now}, "
    "slowdown = CASE WHEN refused_at > {now} - 1.0 THEN slowdown "
    "ELSE {least}(" + str(SLOWEST) + ", 1.5 * " + _EASED + ") END, slowed_at = {now} "
    "WHERE carrier_account = :account RETURNING {now} AS now"
)
_FAILED = (
    "UPDATE limits SET failures_in_a_row = failures_in_a_row + 1, last_failure = :sentence, "
    "paused_until = CASE WHEN failures_in_a_row + 1 < :threshold THEN paused_until "
    "ELSE {now} + {least}(:longest, :pause * (1 << {least}(10, failures_in_a_row + 1 - :threshold))) END, "
    "paused_since = CASE WHEN failures_in_a_row + 1 < :threshold OR paused_since > 0 THEN paused_since ELSE {now} END "
    "WHERE carrier_account = :account AND paused_until <= {now} RETURNING {now} AS now"
)
_SUCCEEDED = (
    "UPDATE limits SET failures_in_a_row = 0, paused_until = 0, paused_since = 0, last_failure = NULL "
    "WHERE carrier_account = :account AND failures_in_a_row > 0 RETURNING {now} AS now"
)
_CIRCUIT = (
    "SELECT paused_until, failures_in_a_row, last_failure, {now} AS now FROM limits WHERE carrier_account = :account"
)


_OUTAGES = (
    "SELECT carrier_account, paused_since, last_failure, {now} AS now FROM limits "
    "WHERE paused_since > 0 ORDER BY carrier_account"
)
_BOOKED = "SELECT empty_at, {now} AS now FROM limits WHERE carrier_account = :account"


def _run(tx: Transaction, statement: str, account: str, **values: Any) -> Any:
    return _executed(tx, statement, {"account": account, **values}).one_or_none()


def _all(tx: Transaction, statement: str) -> Any:
    return _executed(tx, statement, {}).all()


def _executed(tx: Transaction, statement: str, values: dict[str, Any]) -> Any:
    own_clock = tx.is_postgresql and not tx.has_own_clock
    words = {
        "greatest": "GREATEST" if tx.is_postgresql else "max",
        "least": "LEAST" if tx.is_postgresql else "min",
        "now": _DATABASE_NOW if own_clock else "CAST(:now AS double precision)",
    }
    if not own_clock:
        values = values | {"now": tx.now().timestamp()}
    return tx.execute(text(statement.format(**words)), values)


def _ensure(tx: Transaction, account: str) -> None:
    tx.execute(
        text("INSERT INTO limits (carrier_account) VALUES (:account) ON CONFLICT DO NOTHING"), {"account": account}
    )
