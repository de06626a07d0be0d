"""A section's rows in slices, so that a million of them never stand in memory a second time."""

from collections.abc import Iterator

import pandas as pd

ROWS = 20_000
"""Rows that a writer holds at a time."""


def slices(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows in their order, so many at a time; none where there are none."""
    for start in range(0, len(rows), ROWS):
        yield rows.iloc[start : start + ROWS]
