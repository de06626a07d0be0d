"""Polling backs off by age."""

from domain.polling import next_look_seconds


def test_a_young_sim_is_looked_at_soon_and_an_old_one_seldom() -> None:
    ages = (0, 60, 600, 3_600, 86_400)
    looks = [next_look_seconds(age, 5, 900) for age in ages]
    assert looks == [5, 15, 150, 900, 900]


def test_a_sim_that_takes_a_day_costs_fewer_than_150_looks() -> None:
    age, looks = 0.0, 0
    while age < 86_400:
        age += next_look_seconds(age, 5, 900)
        looks += 1
    assert looks < 150
