"""What the shelf remembers of each report: which files are its own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

FOLDER = ".shelf/"


@dataclass(frozen=True, slots=True)
class Kept:
    """One report on the shelf. Times are UTC; `files` are names beside each other, the page among them.

    `warnings` and `facts` are the report's own, so that whoever had it made elsewhere can say what it says.
    """

    name: str
    kind: str
    title: str
    as_of: datetime
    kept_at: datetime
    page: str
    files: tuple[str, ...]
    warning_count: int = 0
    warnings: tuple[str, ...] = ()
    facts: tuple[Mapping[str, Any], ...] = ()
    is_whole: bool = True  # False while its files are first put there, and for ever where that was cut off

    @property
    def record_name(self) -> str:
        """Under which name its record is kept."""
        return f"{FOLDER}{self.name}.json"

    def with_files(self, files: Sequence[str], *, is_whole: bool) -> "Kept":
        """The same with these files."""
        return replace(self, files=tuple(files), is_whole=is_whole)


def record_of(kept: Kept) -> bytes:
    """The record as bytes."""
    values = asdict(kept) | {"as_of": _iso(kept.as_of), "kept_at": _iso(kept.kept_at)}
    return (json.dumps(values, sort_keys=True, indent=1) + "\n").encode()


def kept_of(record: bytes) -> Kept | None:
    """What `record_of` was given; None where the bytes are no such record: then nothing is known to be ours."""
    try:
        values = json.loads(record)
        times = {name: datetime.fromisoformat(values[name]) for name in ("as_of", "kept_at")}
        lists = {name: tuple(values.get(name, ())) for name in ("files", "warnings", "facts")}
        kept = Kept(**{**values, **times, **lists})
    except (ValueError, TypeError, KeyError):
        return None
    return kept if all(is_name(file) for file in (kept.name, kept.page, *kept.files)) else None


def is_name(name: object) -> bool:
    """Whether this names something beside the index: no path, nothing hidden.

    >>> is_name("usage.html"), is_name("../usage.html"), is_name(".shelf"), is_name("")
    (True, False, False, False)
    """
    return isinstance(name, str) and bool(name) and name[0] != "." and not set(name) & set("/\\\0")


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()
