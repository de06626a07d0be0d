import pytest

from carriers.simulated.faults import MEETS, Fault, Faults, RequestKind, faults_as_json, faults_from
from carriers.simulated.spoil import INSTEAD, SPOILT

ICCID = "89883070000123456789"


def test_the_same_seed_decides_the_same_and_another_seed_differently() -> None:
    def decisions(seed: int) -> list[Fault | None]:
        faults = Faults({Fault.RESET: 0.3, Fault.LOST_REPLY: 0.3}, seed=seed)
        return [faults.decide(RequestKind.CLAIM, f"{number}", 1) for number in range(200)]

    assert decisions(1) == decisions(1) != decisions(2)


def test_rates_are_kept_on_the_whole() -> None:
    faults = Faults({Fault.RESET: 0.1, Fault.LOST_REPLY: 0.2})
    met = [faults.decide(RequestKind.CLAIM, f"{number}", 1) for number in range(5000)]
    assert 400 < met.count(Fault.RESET) < 600
    assert 850 < met.count(Fault.LOST_REPLY) < 1150


def test_only_the_first_requests_of_a_sim_fail_when_so_asked() -> None:
    faults = Faults({Fault.RESET: 1.0}, first=2)
    assert [faults.decide(RequestKind.CLAIM, ICCID, nth) for nth in (1, 2, 3)] == [Fault.RESET, Fault.RESET, None]


def test_other_kinds_and_other_sims_are_spared_when_so_asked() -> None:
    faults = Faults({Fault.RESET: 1.0}, kinds=frozenset({RequestKind.CLAIM}), iccids=frozenset({ICCID}))
    assert faults.decide(RequestKind.CLAIM, ICCID, 1) is Fault.RESET
    assert faults.decide(RequestKind.READ, ICCID, 1) is None
    assert faults.decide(RequestKind.CLAIM, "1", 1) is None


def test_a_fault_spares_the_requests_that_it_makes_no_sense_for() -> None:
    assert Faults({Fault.STUCK: 1.0}).decide(RequestKind.READ, ICCID, 1) is None
    assert Faults({Fault.STUCK: 1.0}).decide(RequestKind.ACTIVATE, ICCID, 1) is Fault.STUCK


def test_every_fault_has_its_way_to_fail_and_the_requests_it_meets() -> None:
    assert {*INSTEAD, *SPOILT, Fault.STUCK, Fault.FALLS_BACK} == set(Fault) == set(MEETS)
    assert not INSTEAD.keys() & SPOILT.keys()


def test_faults_go_to_json_and_back() -> None:
    faults = Faults({Fault.RESET: 0.5}, frozenset({RequestKind.CLAIM}), frozenset({ICCID}), first=3, seed=7)
    assert faults_from(faults_as_json(faults)) == faults


@pytest.mark.parametrize("document", [{"rates": {"typo": 1}}, {"kinds": ["typo"]}, {"rates": 1}, {"typo": 1}])
def test_a_typo_in_the_faults_is_an_error(document: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        faults_from(document)
