"""The brake: a run far beyond the usual stops and asks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brake:
    """Past these a run needs a person's word."""

    sims: int = 10_000
    growth: float = 2.0  # the fleet may become this many times what it is; not asked of a product's first SIMs
