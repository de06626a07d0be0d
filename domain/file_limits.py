"""What a manifest file may be at most."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What a file may be at most; past it the manifest is refused with a sentence."""

    file_bytes: int = 2 * 1024**3
    line_bytes: int = 4096
    unpacked_ratio: int = 100
    other_lines: int = 1_000_000  # not blank and without a usable ICCID, rejected ones too: past this it is no manifest


USUAL_LIMITS = FileLimits()
"""The limits that hold where nobody configured others."""
