"""The brake asks when a run is far beyond the usual."""

import pytest

from domain.brake import Brake, check


@pytest.mark.parametrize("fleet", [0, 10_000, 1_000_000])
def test_more_sims_than_the_brake_allows_need_a_word(fleet: int) -> None:
    assert check(Brake(sims=500, growth=9.0), 500, fleet) is None
    assert "501" in (check(Brake(sims=500, growth=9.0), 501, fleet) or "")


def test_a_fleet_that_would_more_than_double_needs_a_word() -> None:
    assert check(Brake(growth=2.0), 1_000, 1_000) is None
    assert "more than 2 times" in (check(Brake(growth=2.0), 1_001, 1_000) or "")


@pytest.mark.parametrize("fleet", [0, 1, 5, 999])
def test_a_small_fleet_may_grow_as_an_empty_one_may(fleet: int) -> None:
    assert check(Brake(sims=10_000, growth=2.0), 10_000, fleet) is None
    assert check(Brake(sims=10_000, growth=2.0), 10_001, fleet) is not None


def test_from_where_growth_is_asked_is_the_operators_to_say() -> None:
    assert check(Brake(growth=2.0, growth_from_sims=10), 10, 9) is None
    assert check(Brake(growth=2.0, growth_from_sims=10), 11, 10) is not None


def test_a_run_that_adds_nothing_is_never_stopped() -> None:
    assert check(Brake(sims=0, growth=1.0), 0, 5) is None
