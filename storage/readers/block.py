"""What a reader yields: a stretch of a manifest in which every line has either a well-formed ICCID or an outcome."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.control_totals import ControlTotal
from domain.file_limits import USUAL_LIMITS, FileLimits
from domain.iccid import IssuerProfile
from domain.lines import LineOutcome
from domain.manifests import ManifestColumn


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of consecutive lines.

    `keys[i]` (see `domain.iccid_batch`) is the ICCID on line `lines[i]`; `cells[column][i]` is that row's text in a
    column that the file has (`ICCID` itself is never among them). `outcomes` holds the lines that have no key.
    `lines.size + sum(outcome.line_count for outcome in outcomes) == line_count`. `trailer` is what a control-total line
    among them says.
    """

    line_count: int
    lines: NDArray[np.int64]
    keys: NDArray[np.int64]
    cells: Mapping[ManifestColumn, Sequence[str]] = field(default_factory=dict)
    outcomes: Sequence[LineOutcome] = ()
    trailer: ControlTotal | None = None


DeviceLookup = Callable[[Sequence[str]], Mapping[str, str | None]]
"""Device IDs -> the ICCID of each one's built-in SIM (None: it has none; missing: not in the inventory)."""


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """What a reader must know besides the bytes."""

    profiles: Sequence[IssuerProfile] = ()
    limits: FileLimits = USUAL_LIMITS
    devices: DeviceLookup | None = None
    block_lines: int = 65_536
