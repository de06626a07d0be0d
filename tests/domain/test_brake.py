"""The brake asks when a run is far beyond the usual."""

import pytest

from domain.brake import Brake, check


@pytest.mark.parametrize("fleet", [0, 10_000, 1_000_000])
def test_more_sims_than_the_brake_allows_need_a_word(fleet: int) -> None:
    assert check(Brake(sims=500, growth=9.0), 500, fleet) is None
    assert "501" in (check(Brake(sims=500, growth=9.0), 501, fleet) or "")


def test_a_fleet_that_would_more_than_double_needs_a_word() -> None:
    assert check(Brake(growth=2.0), 100, 100) is None
    assert "more than 2 times" in (check(Brake(growth=2.0), 101, 100) or "")


def test_the_first_sims_of_a_product_are_no_growth() -> None:
    assert check(Brake(sims=10_000, growth=2.0), 10_000, 0) is None


def test_a_run_that_adds_nothing_is_never_stopped() -> None:
    assert check(Brake(sims=0, growth=1.0), 0, 5) is None
