import math
from pathlib import Path

import pytest

from carriers.simulated.fleet import Claim, Fate, Fleet
from carriers.simulated.supersim import reference_of
from domain.lifecycle import SimState

ICCID, OTHER = "89883070000123456789", "89883070000123456797"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def fleet(clock: Clock, journal: Path | None = None, *, jitter_seconds: float = 0.0, seed: int = 0) -> Fleet:
    return Fleet(
        reference_of,
        clock,
        open_registry=True,
        activation_seconds=10.0,
        jitter_seconds=jitter_seconds,
        seed=seed,
        journal=journal,
    )


def test_a_change_holds_when_its_time_has_come_and_not_before() -> None:
    clock = Clock()
    sims = fleet(clock)
    sims.claim(ICCID, "code")
    sim = sims.find(ICCID)
    assert sim
    assert sims.change(sim, SimState.ACTIVE, "plan")
    clock.now += 9.9
    assert (found := sims.find(ICCID)) and found.visible is SimState.ACTIVATING
    clock.now += 0.2
    assert (found := sims.find(ICCID)) and (found.visible, found.plan) == (SimState.ACTIVE, "plan")


def test_asking_again_for_what_is_under_way_or_true_changes_nothing() -> None:
    clock = Clock()
    sims = fleet(clock)
    sims.claim(ICCID, "code")
    sim = sims.find(ICCID)
    assert sim
    assert [sims.change(sim, SimState.ACTIVE, None) for _ in range(2)] == [True, False]
    clock.now += 11
    assert not sims.change(sim, SimState.ACTIVE, None)
    assert sims.change(sim, SimState.DEACTIVATED, None)


def test_a_stuck_change_never_comes_true_and_one_that_falls_back_leaves_the_old_state() -> None:
    clock = Clock()
    sims = fleet(clock)
    stuck, falling = sims.put(ICCID, SimState.INACTIVE, None), sims.put(OTHER, SimState.INACTIVE, None)
    sims.change(stuck, SimState.ACTIVE, None, Fate.STUCK)
    sims.change(falling, SimState.ACTIVE, None, Fate.FALLS_BACK)
    clock.now += 1e9
    assert [sim.visible for sim in sims.listing(0)] == [SimState.ACTIVATING, SimState.INACTIVE]
    assert stuck.due_at == math.inf


def test_a_claim_needs_a_card_of_ours_and_its_code(tmp_path: Path) -> None:
    cards = tmp_path / "cards.csv"
    cards.write_text(f"iccid,registration_code,owner\n{ICCID},right,\n{OTHER},right,others\n")
    sims = Fleet(reference_of, Clock())
    sims.add_cards(cards)
    assert sims.claim(ICCID, "wrong") is Claim.NOT_REGISTRABLE
    assert sims.claim(ICCID, "right") is Claim.TAKEN
    assert sims.claim(ICCID, "right") is Claim.ALREADY_OURS
    assert sims.claim(OTHER, "right") is Claim.NOT_REGISTRABLE
    assert sims.claim("89883070000000000009", "right") is Claim.NOT_REGISTRABLE


def test_an_open_registry_still_knows_whose_sims_are_whose() -> None:
    sims = fleet(Clock())
    sims.add_card(OTHER, "code", others=True)
    assert sims.claim(OTHER, "code") is Claim.NOT_REGISTRABLE
    assert sims.claim(ICCID, "anything") is Claim.TAKEN


@pytest.mark.parametrize("torn", [b"", b'{"iccid": "8988'])
def test_a_fleet_is_the_same_after_a_restart_even_in_mid_change(tmp_path: Path, torn: bytes) -> None:
    journal, clock = tmp_path / "state.jsonl", Clock()
    before = fleet(clock, journal)
    before.claim(ICCID, "code")
    before.put(OTHER, SimState.ACTIVE, "plan")
    sim = before.find(ICCID)
    assert sim
    before.change(sim, SimState.ACTIVE, "plan")
    before.close()
    with journal.open("ab") as file:
        file.write(torn)
    after = fleet(clock, journal)
    assert [(sim.iccid, sim.visible) for sim in after.listing(0)] == [
        (ICCID, SimState.ACTIVATING),
        (OTHER, SimState.ACTIVE),
    ]
    clock.now += 11
    assert (found := after.find_reference(reference_of(ICCID))) and found.visible is SimState.ACTIVE
    assert after.claim(ICCID, "code") is Claim.ALREADY_OURS
    after.put(OTHER, SimState.INACTIVE, None)
    after.close()
    again = fleet(clock, journal)
    assert [sim.visible for sim in again.listing(0)] == [SimState.ACTIVE, SimState.INACTIVE]


def test_jitter_is_the_same_for_the_same_seed_and_sim() -> None:
    def due(seed: int) -> list[float]:
        sims = fleet(Clock(), jitter_seconds=5.0, seed=seed)
        found = [sims.put(iccid, SimState.INACTIVE, None) for iccid in (ICCID, OTHER)]
        for sim in found:
            sims.change(sim, SimState.ACTIVE, None)
        return [sim.due_at for sim in found]

    assert due(1) == due(1)
    assert len({*due(1), *due(2)}) == 4
    assert all(1010.0 <= at <= 1015.0 for at in due(1))
