"""The brake: a run far beyond the usual stops and asks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brake:
    """Past these a run needs a person's word."""

    sims: int = 10_000
    growth: float = 2.0  # the fleet may become this many times what it is
    growth_from_sims: int = 1_000  # asked of fleets of so many SIMs; to a smaller one everything is growth


def check(brake: Brake, new_count: int, fleet_count: int) -> str | None:
    """Why a person must say yes to `new_count` SIMs on top of the `fleet_count` of the product; None: nobody need.

    >>> check(Brake(), 10_000, 0) is None
    True
    >>> check(Brake(), 10_001, 0)
    '10,001 new SIMs are more than the 10,000 that a run may add without a word. Approve it if that is meant.'
    >>> check(Brake(), 1_001, 1_000)
    '1,001 new SIMs would make the fleet of 1,000 more than 2 times its size. Approve it if that is meant.'
    """
    if new_count > brake.sims:
        return (
            f"{new_count:,} new SIMs are more than the {brake.sims:,} that a run may add without a word. "
            "Approve it if that is meant."
        )
    grown = fleet_count + new_count > brake.growth * fleet_count
    if grown and fleet_count >= brake.growth_from_sims:
        return (
            f"{new_count:,} new SIMs would make the fleet of {fleet_count:,} more than {brake.growth:g} times "
            "its size. Approve it if that is meant."
        )
    return None


def check_action(brake: Brake, count: int) -> str | None:
    """Why a person must say yes twice to an action on `count` SIMs; None: nobody need.

    >>> check_action(Brake(), 10_000) is None
    True
    >>> check_action(Brake(), 10_001)
    '10,001 SIMs are more than the 10,000 that may change at once without a word.'
    """
    if count <= brake.sims:
        return None
    return f"{count:,} SIMs are more than the {brake.sims:,} that may change at once without a word."
