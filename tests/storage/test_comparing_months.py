"""An invoice's month is judged by what our operations did until its end and in it, whatever came later."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from sqlalchemy import insert

from domain.invoices import Month
from domain.lifecycle import Action, SimState, Stage, Step
from domain.usage import Days
from storage.comparing import Asked, Invoice, compared
from storage.database import Database
from storage.reconciling_schema import listed_sims, listings
from storage.schema import former_placements, operations, sims
from storage.usage_schema import usage_days

ON, OFF, AWAY = Action.ACTIVATE, Action.DEACTIVATE, Action.RELEASE
ACTIVE, STOPPED, GONE, RELEASED = SimState.ACTIVE, SimState.DEACTIVATED, SimState.ABSENT, SimState.RELEASED
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FEBRUARY = Month(date(2026, 2, 1), date(2026, 3, 1))


JUDGED = {"overbilled", "unbilled"}


def on(month: int, day: int, hour: int = 12) -> datetime:
    """A moment of this year."""
    return datetime(2026, month, day, hour, tzinfo=UTC)


JANUARY = on(1, 5)


@dataclass(frozen=True)
class Did:
    """One operation of ours: sent at `at`, over at `until` (None: not yet)."""

    action: Action
    at: datetime
    until: datetime | None
    step: Step = Step.DONE


def did(action: Action, at: datetime, step: Step = Step.DONE) -> Did:
    """One that was over at once."""
    return Did(action, at, at, step)


@dataclass(frozen=True)
class Case:
    """A SIM that was activated on `first`, what was done with it since, and how the carrier shows it now."""

    name: str
    then: tuple[Did, ...]
    shown: SimState
    expected: str | None
    is_billed: bool = True
    first: datetime | None = JANUARY
    last: datetime | None = None
    state: SimState = ACTIVE
    used_on: date | None = None


STOP = did(OFF, on(1, 20))
CASES = [
    Case("stopped and left so", (STOP,), STOPPED, "overbilled"),
    Case("stopped, then released", (STOP, did(AWAY, on(3, 2))), GONE, "overbilled", state=RELEASED),
    Case("stopped, and released within the month", (STOP, did(AWAY, on(2, 10))), GONE, "overbilled", state=RELEASED),
    Case("stopped, then stopped again", (STOP, did(OFF, on(3, 2))), STOPPED, "overbilled"),
    Case("stopped, then active again", (STOP, did(ON, on(3, 2))), ACTIVE, "overbilled", last=on(3, 2)),
    Case("stopped, and back within the month", (STOP, did(ON, on(2, 28, 23))), ACTIVE, None, last=on(2, 28, 23)),
    Case("back and stopped again", (STOP, did(ON, on(2, 3)), did(OFF, on(2, 4))), STOPPED, None, last=on(2, 3)),
    Case("stopped on the last day before", (did(OFF, on(1, 31, 23)),), STOPPED, "overbilled"),
    Case("stopped on the first day", (did(OFF, on(2, 1, 0)),), STOPPED, None),
    Case("stopped, and it used data", (STOP,), STOPPED, None, used_on=date(2026, 2, 7)),
    Case("stopped, and somebody else had it active before", (STOP,), STOPPED, None, last=on(1, 25)),
    Case("stopped, and somebody else had it active in it", (STOP,), STOPPED, None, last=on(2, 5)),
    Case("stopped, and that was refused", (did(OFF, on(1, 20), Step.REJECTED),), ACTIVE, None),
    Case("its activation was not settled for long", (STOP, Did(ON, on(1, 28), on(3, 3))), STOPPED, None),
    Case("its activation is not settled yet", (STOP, Did(ON, on(2, 27), None, Step.UNKNOWN)), STOPPED, None),
    Case("an activation that is only planned", (STOP, Did(ON, on(3, 1), None, Step.PLANNED)), STOPPED, "overbilled"),
    Case("never active", (did(ON, on(1, 5), Step.REJECTED),), STOPPED, "overbilled", first=None, state=STOPPED),
    Case("first active after the month", (), ACTIVE, None, first=on(3, 2)),
    Case("active, as billed", (), ACTIVE, None),
    Case("active all month", (), ACTIVE, "unbilled", is_billed=False),
    Case("active, then stopped", (did(OFF, on(3, 2)),), STOPPED, "unbilled", is_billed=False),
    Case("stopped on the last day", (did(OFF, on(2, 28, 23)),), STOPPED, None, is_billed=False),
    Case("active, then released", (did(AWAY, on(3, 2)),), GONE, "unbilled", is_billed=False, state=RELEASED),
    Case("released within the month", (did(AWAY, on(2, 9)),), GONE, None, is_billed=False, state=RELEASED),
    Case("stopped and back before", (STOP, did(ON, on(1, 30))), ACTIVE, "unbilled", is_billed=False, last=on(1, 30)),
    Case(
        "stopped and back since",
        (did(OFF, on(3, 2)), did(ON, on(3, 3))),
        ACTIVE,
        "unbilled",
        is_billed=False,
        last=on(3, 3),
    ),
    Case("found stopped, and mended since", (did(ON, on(3, 2)),), ACTIVE, None, is_billed=False, last=on(3, 2)),
    Case("first active within the month", (), ACTIVE, None, is_billed=False, first=on(2, 2)),
    Case("and back since", (did(OFF, on(3, 2)),), STOPPED, None, is_billed=False, first=on(2, 2), last=on(3, 1)),
    Case("active, and somebody else stopped it", (), STOPPED, None, is_billed=False),
]


def iccid_of(number: int) -> str:
    """The ICCID of the n-th SIM."""
    return f"8988307{number:013d}"


def asked(*lines: tuple[str, int | None]) -> Asked:
    """February's invoice of the account `kore`, with these lines in millionths."""
    rows = [(iccid, amount, "EUR", "") for iccid, amount in lines]
    names = ("iccid", "amount_millionths", "currency", "product")
    kinds = (pa.string(), pa.int64(), pa.string(), pa.string())
    columns = [pa.array([row[place] for row in rows], kind) for place, kind in enumerate(kinds)]
    bill = Invoice("kore-2026-02.csv", FEBRUARY, pa.table(columns, names=list(names)), len(rows), 0)
    days = Days(NOW.date() - timedelta(days=33), NOW.date() - timedelta(days=3))
    whole = NOW - timedelta(hours=3)
    return Asked(("kore",), frozenset({"kore"}), None, days, whole, whole, None, {"kore": bill})


def found(database: Database, scratch: Path, question: Asked) -> dict[str, dict[str, int | None]]:
    """ICCID -> kind -> sum, of what is found now."""
    kinds: dict[str, dict[str, int | None]] = {}
    with compared(database, scratch, question, NOW) as outcome:
        for batch in outcome.rows:
            for row in batch.to_pylist():
                kinds.setdefault(row["iccid"], {})[row["kind"]] = row["amount_cents"]
    return kinds


def test_each_month_is_what_the_table_says(database: Database, tmp_path: Path) -> None:
    list_account(database)
    for number, case in enumerate(CASES):
        own(database, iccid_of(number), case)
        show(database, iccid_of(number), case.shown)
    lines = [(iccid_of(number), 5_000_000) for number, case in enumerate(CASES) if case.is_billed]
    told = found(database, tmp_path, asked(*lines))
    judged = {case.name: JUDGED & set(told.get(iccid_of(number), {})) for number, case in enumerate(CASES)}
    assert judged == {case.name: {case.expected} - {None} for case in CASES}


def test_what_was_ours_in_the_month_is_no_strangers_although_it_moved_since(database: Database, tmp_path: Path) -> None:
    """Account `kore` bills SIMs that stand at another account by now: two for when they were there, one for longer."""
    active, stopped, long_gone = (iccid_of(number) for number in range(3))
    list_account(database)
    for iccid, left, stop in ((active, on(3, 2), None), (stopped, on(3, 2), STOP), (long_gone, on(1, 25), None)):
        own(database, iccid, Case("", (*([stop] if stop else []), did(AWAY, left)), GONE, None))
        stood = {"product_id": "tracker", "carrier_account": "kore", "plan_id": "kore/eu", "home_country": "DE"}
        times = {"moved_at": on(3, 4), "left_at": left, "created_at": on(1, 1), "first_activated_at": on(1, 5)}
        with database.begin() as tx:
            tx.execute(insert(former_placements).values(iccid=iccid, **stood, **times))
            away = {"carrier_account": "other", "created_at": on(3, 4), "first_activated_at": on(3, 4)}
            tx.execute(sims.update().where(sims.c.iccid == iccid).values(**away))
    told = found(database, tmp_path, asked(*((iccid, 5_000_000) for iccid in (active, stopped, long_gone))))
    assert told == {stopped: {"overbilled": 500}, long_gone: {"overbilled": 500}}


def test_a_sims_lines_are_added_exactly_and_rounded_once(database: Database, tmp_path: Path) -> None:
    many, half, credit, free, partly = (iccid_of(number) for number in range(5))
    lines: list[tuple[str, int | None]] = [(many, 4_000)] * 500
    lines += [(half, 5_000), (credit, 1_000_000), (credit, -250_000)]
    lines += [(free, 3_000_000), (free, -3_000_000), (partly, 1_000_000), (partly, None)]
    list_account(database)
    assert found(database, tmp_path, asked(*lines)) == {
        many: {"overbilled": 200},
        half: {"overbilled": 1},
        credit: {"overbilled": 75},
        partly: {"overbilled": None},
    }


def list_account(database: Database) -> None:
    """The account was listed to an end, an hour ago."""
    begun = {"begun_at": NOW - timedelta(hours=1), "ended_at": NOW, "page_count": 1}
    with database.begin() as tx:
        tx.execute(insert(listings).values(carrier_account="kore", number=3, **begun))


def show(database: Database, iccid: str, state: SimState) -> None:
    """The carrier lists it in this state, or not at all."""
    row = {"carrier_account": "kore", "iccid": iccid, "listing": 3, "listed_at": NOW - timedelta(hours=1), "word": ""}
    with database.begin() as tx:
        if state is not GONE:
            tx.execute(insert(listed_sims).values(**row, state=state.value))


def own(database: Database, iccid: str, case: Case) -> None:
    """Our row of a case, and its operations."""
    row: dict[str, object] = {"product_id": "tracker", "carrier_account": "kore", "plan_id": "kore/eu", "line": 1}
    row |= {"home_country": "DE", "manifest_id": "m-0", "created_at": on(1, 1), "seen_at": on(1, 1)}
    row |= {"state": case.state.value, "first_activated_at": case.first, "last_activated_at": case.last or case.first}
    first = [did(ON, case.first)] if case.first else []
    with database.begin() as tx:
        tx.execute(insert(sims).values(iccid=iccid, **row))
        for number, one in enumerate((*first, *case.then), start=1):
            tx.execute(insert(operations).values(iccid=iccid, **operation(one, number)))
        if case.used_on is not None:
            day: dict[str, object] = {"carrier_account": "kore", "product_id": "tracker", "as_of": NOW}
            day |= {"day": case.used_on, "total_bytes": 1, "is_derived": False}
            tx.execute(insert(usage_days).values(iccid=iccid, **day))


def operation(one: Did, generation: int) -> dict[str, object]:
    """Its row."""
    row: dict[str, object] = {"action": one.action.value, "generation": generation, "carrier_account": "kore"}
    row |= {"manifest_id": "m-0", "line": 1, "step": one.step.value, "stage": Stage.CHANGE.value}
    sent_at = None if one.step is Step.PLANNED else one.at
    row |= {"due_at": one.at, "created_at": one.at, "intent_at": sent_at, "finished_at": one.until}
    return row | {"deadline_at": NOW + timedelta(hours=1)}
