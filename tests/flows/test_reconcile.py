"""The nightly flow: it compares and changes nothing, and an incomplete night ends as a failed run that says so."""

import pytest
from sqlalchemy import func, select

from carriers.simulated.faults import Fault, Faults, RequestKind
from domain.lifecycle import SimState
from flows.reconcile import reconcile
from storage.reconciling_schema import findings
from tasks.outcomes import RunFailed
from tests.configured import iccids
from tests.flows.workshop import Workshop

pytestmark = [pytest.mark.usefixtures("prefect_records"), pytest.mark.slow]


def test_a_night_finds_a_ghost_and_changes_nothing(workshop: Workshop) -> None:
    (ghost,) = iccids("supersim", 1)
    workshop.carriers["supersim"].carrier.fleet.put(ghost, SimState.ACTIVE, None)
    assert reconcile() == 1
    assert reconcile() == 1
    assert workshop.changes() == []


def test_a_night_with_a_carrier_down_fails_and_says_what_is_unknown(workshop: Workshop) -> None:
    workshop.fail("supersim", Faults({Fault.ERROR_503: 1.0}, frozenset({RequestKind.LIST})))
    with pytest.raises(RunFailed, match="Incomplete: supersim"):
        reconcile()
    with workshop.context.database.read() as tx:
        assert tx.execute(select(func.count()).select_from(findings)).scalar_one() == 0
