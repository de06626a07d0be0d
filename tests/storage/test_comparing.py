"""The set query says of every SIM what the pure rules say: a world with every kind of SIM in it, judged both ways."""

import itertools
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from domain.lifecycle import Action, SimState, Stage, Step
from domain.reconciling import Facts, Kind, Owner, Sight, Standing, Wanted, Work, judge
from domain.usage import Days
from storage.comparing import Asked, compared
from storage.database import Database
from storage.reconciling_schema import listed_sims, listings
from storage.schema import operations, sims

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BEGUN = NOW - timedelta(hours=1)
ENDS = {None: Work.NONE, Step.ACCEPTED: Work.UNDER_WAY, Step.TIMED_OUT: Work.LATE, Step.NEEDS_REVIEW: Work.LATE}
SIGHTS = {
    SimState.ABSENT: Sight.ABSENT,
    SimState.INACTIVE: Sight.STOPPED,
    SimState.DEACTIVATED: Sight.STOPPED,
    SimState.READY: Sight.READY,
    SimState.ACTIVATING: Sight.CHANGING,
    SimState.ACTIVE: Sight.ACTIVE,
    SimState.UNKNOWN: Sight.STRANGE,
}


@dataclass(frozen=True)
class Sim:
    """One SIM of a world: whose it is, what was done with it, what goes on, what was listed."""

    owner: Owner  # NOBODY, US or RELEASED
    was_stopped: bool
    goes_on: Step | None  # of a deactivation that came last
    listed: SimState | None
    moved: bool

    def facts(self, *, is_complete: bool) -> Facts:
        """What the world means, said without SQL."""
        is_known = self.owner is not Owner.NOBODY
        stopped = self.was_stopped or self.goes_on is not None
        unlisted = Sight.ABSENT if is_complete else Sight.UNSEEN
        return Facts(
            owner=self.owner,
            wanted=(Wanted.STOPPED if stopped else Wanted.ACTIVE) if is_known else Wanted.NOTHING,
            work=ENDS[self.goes_on] if is_known else Work.NONE,
            sight=unlisted if self.listed is None else SIGHTS[self.listed],
            moved_since=self.moved and is_known,
        )


OWNERS = (Owner.NOBODY, Owner.US, Owner.RELEASED)
EVERY_KIND = [Sim(*facts) for facts in itertools.product(OWNERS, (False, True), ENDS, (None, *SIGHTS), (False, True))]


@pytest.mark.parametrize("is_complete", [True, False])
def test_the_set_query_says_what_the_rules_say(database: Database, tmp_path: Path, is_complete: bool) -> None:
    fill(database, EVERY_KIND, is_complete=is_complete)
    expected: set[tuple[str, str]] = set()
    counts: Counter[str] = Counter()
    for number, sim in enumerate(EVERY_KIND):
        if sim.owner is Owner.NOBODY and sim.listed is None:
            continue  # known to nobody
        judged = judge(sim.facts(is_complete=is_complete))
        expected |= {(iccid_of(number), str(kind)) for kind in judged.found}
        if judged.counts_as is Standing.UNKNOWN:
            expected.add((iccid_of(number), "unknown"))
        counts[str(judged.counts_as)] += 1
    asked = Asked(
        *(("kore",), frozenset({"kore"}), None, Days(NOW.date() - timedelta(days=33), NOW.date() - timedelta(days=3))),
        *(NOW - timedelta(hours=2), NOW - timedelta(hours=2), None),
    )
    with compared(database, tmp_path, asked, NOW) as outcome:
        found = {(row["iccid"], row["kind"]) for batch in outcome.rows for row in batch.to_pylist()}
        assert found == expected
        assert outcome.counts.get("kore", {}) == counts


def test_an_empty_world_has_nothing_to_say(database: Database, tmp_path: Path) -> None:
    asked = Asked(("kore",), frozenset({"kore"}), None, Days(NOW.date(), NOW.date()), NOW, NOW, None)
    with compared(database, tmp_path, asked, NOW) as outcome:
        assert outcome.counts == {}
        assert [batch for batch in outcome.rows if batch.num_rows] == []
        assert outcome.accounts["kore"].is_complete is False


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_is_a_word_that_fits_a_file_and_a_sheet(kind: Kind) -> None:
    assert str(kind).replace("_", "").isalpha()


def iccid_of(number: int) -> str:
    """The ICCID of the n-th SIM."""
    return f"8988307{number:013d}"


def fill(database: Database, world: list[Sim], *, is_complete: bool) -> None:
    """The world in an empty database."""
    long_ago = NOW - timedelta(days=100)
    place = {"product_id": "tracker", "carrier_account": "kore", "plan_id": "kore/eu", "home_country": "DE"}
    place |= {"manifest_id": "m-0"}
    told: list[dict[str, object]] = []
    ours: list[dict[str, object]] = []
    done: list[dict[str, object]] = []
    for number, sim in enumerate(world):
        iccid = iccid_of(number)
        if sim.listed is not None:
            seen = {"listed_at": BEGUN, "state": sim.listed.value, "word": "", "listing": 3}
            told.append({"carrier_account": "kore", "iccid": iccid, **seen})
        if sim.owner is Owner.NOBODY:
            continue
        state = "released" if sim.owner is Owner.RELEASED else "active"
        at = {"created_at": long_ago, "seen_at": NOW if sim.moved else long_ago}
        ours.append({"iccid": iccid, "line": 1, "state": state, **place, **at})
        done.append(operation(iccid, Action.ACTIVATE, 1, Step.DONE))
        done += [operation(iccid, Action.DEACTIVATE, 1, Step.DONE)] if sim.was_stopped else []
        done += [operation(iccid, Action.DEACTIVATE, 2, sim.goes_on)] if sim.goes_on else []
    with database.begin() as tx:
        ended = {"ended_at": NOW if is_complete else None}
        tx.execute(insert(listings).values(carrier_account="kore", number=3, begun_at=BEGUN, page_count=1, **ended))
        for table, rows in ((listed_sims, told), (sims, ours), (operations, done)):
            tx.execute(insert(table), rows)


def operation(iccid: str, action: Action, generation: int, step: Step) -> dict[str, object]:
    """One operation, whose deadline is not over yet."""
    at = NOW - timedelta(days=50)
    return {
        **{"iccid": iccid, "action": action.value, "generation": generation, "carrier_account": "kore", "line": 1},
        **{"manifest_id": "m-0", "step": step.value, "stage": Stage.CHANGE.value, "due_at": at, "created_at": at},
        **{"deadline_at": NOW + timedelta(hours=1), "finished_at": None if step is Step.ACCEPTED else at},
    }
