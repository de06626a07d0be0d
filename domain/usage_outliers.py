"""Which SIMs use far more than others of their product: by the product's own median and spread, not by a fixed limit.

Use is skewed to the right, so it is judged in logarithms. A SIM's use is its bytes per known day, so that new SIMs and
gaps compare; SIMs without use say nothing about how much those use that are in use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import median

FEWEST = 10
"""A product with fewer SIMs in use has no distribution of its own."""
SPREADS = 3.5
"""So many standard deviations, estimated from the median absolute deviation, are too far (Iglewicz and Hoaglin)."""
MAD_TO_DEVIATION = 1.4826
LEAST_FACTOR = 3.0
"""An outlier uses at least so many times the median: where all SIMs are alike, little more is no fault."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a product's SIMs in use are distributed: the medians are of natural logarithms of bytes per known day."""

    sim_count: int
    median_log: float
    mad_log: float

    @property
    def median_bytes(self) -> int:
        """The use of the SIM in the middle, per day."""
        return round(exp(self.median_log))


def spread_of(bytes_per_day: Sequence[float]) -> Spread | None:
    """The distribution of these uses, each above 0; None for none."""
    if not bytes_per_day:
        return None
    logs = [log(one) for one in bytes_per_day]
    middle = median(logs)
    return Spread(len(logs), middle, median(abs(one - middle) for one in logs))


def upper_bound(spread: Spread) -> float | None:
    """Bytes per day above which a SIM is an outlier; None where there are too few SIMs to judge by.

    >>> upper_bound(Spread(9, 0.0, 0.0)) is None, round(upper_bound(Spread(10, 0.0, 0.0)), 6)
    (True, 3.0)
    """
    if spread.sim_count < FEWEST:
        return None
    distance = max(SPREADS * MAD_TO_DEVIATION * spread.mad_log, log(LEAST_FACTOR))
    return exp(min(700.0, spread.median_log + distance))
