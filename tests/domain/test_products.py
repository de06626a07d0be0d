"""The sandbox counts everything that an account has."""

import pytest

from domain.products import SANDBOX_DEVICES, Tier, held_count, room, why_held


@pytest.mark.parametrize(
    ("tier", "devices", "expected"),
    [
        (Tier.FREE, 0, 100),
        (Tier.FREE, 99, 1),
        (Tier.FREE, 100, 0),
        (Tier.FREE, 250, 0),
        (Tier.GROWTH, 250, None),
        (Tier.ENTERPRISE, 0, None),
    ],
)
def test_only_the_sandbox_has_an_end(tier: Tier, devices: int, expected: int | None) -> None:
    assert room(tier, devices) == expected


@pytest.mark.parametrize(
    ("devices", "new", "held"), [(0, 100, 0), (0, 101, 1), (40, 100, 40), (100, 7, 7), (120, 7, 7)]
)
def test_what_exceeds_the_sandbox_is_held_and_the_rest_goes_ahead(devices: int, new: int, held: int) -> None:
    assert held_count(Tier.FREE, devices, new) == held
    assert devices + new - held <= max(devices, SANDBOX_DEVICES)


@pytest.mark.parametrize("tier", [Tier.GROWTH, Tier.ENTERPRISE])
def test_a_paying_product_holds_nothing(tier: Tier) -> None:
    assert held_count(tier, 1_000_000, 1_000_000) == 0


def test_a_held_sim_is_told_the_limit_the_count_and_the_way_on() -> None:
    sentence = why_held(97)
    assert "at most 100 devices" in sentence
    assert "has 97" in sentence
    assert "Growth or Enterprise" in sentence


def test_tiers_are_read_from_the_words_that_the_database_keeps() -> None:
    assert [Tier(word) for word in ("sandbox", "growth", "enterprise")] == [Tier.FREE, Tier.GROWTH, Tier.ENTERPRISE]
