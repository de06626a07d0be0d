"""The simulated carrier's record of every request: one JSON line each, whole before its answer leaves."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from carriers.simulated.faults import CHANGES, RequestKind


@dataclass(frozen=True, slots=True)
class Entry:
    """One request, or an effect that came later than its request (`method` is then empty).

    `status` is what was answered, or "lost" when nothing whole was. `effects`: the SIMs that this request claimed, or
    whose change it began that was not under way yet; of them the carrier takes `taken_back` back by itself.
    `redundant`: the SIMs for which it was carried out and had nothing to change.
    """

    number: int
    at: float  # epoch seconds of the arrival
    method: str
    path: str
    kind: RequestKind
    iccids: tuple[str, ...]
    status: int | str
    effects: tuple[str, ...] = ()
    redundant: tuple[str, ...] = ()
    taken_back: tuple[str, ...] = ()
    reason: str = ""

    def as_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


class RequestLog:
    """Appends to a file, or keeps the entries in memory. Not thread-safe: its owner holds the lock."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._memory: list[Entry] = []
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8") if path else None

    def add(self, entry: Entry) -> None:
        """Write one entry; a kill after this does not lose it."""
        if self._file is None:
            self._memory.append(entry)
            return
        self._file.write(entry.as_json() + "\n")
        self._file.flush()

    def entries(self) -> list[Entry]:
        """Everything so far, earlier runs included when there is a file."""
        return read_log(self._path) if self._path else list(self._memory)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()


def read_log(path: Path) -> list[Entry]:
    """The entries of a log file, in the order of writing; a last line cut off by a kill is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [_entry(json.loads(line)) for line in lines]


def _entry(fields: dict[str, object]) -> Entry:
    named = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return Entry(**(named | {"kind": RequestKind(str(fields["kind"]))}))  # type: ignore[arg-type]


def effect_counts(entries: Iterable[Entry]) -> Counter[tuple[str, RequestKind]]:
    """How often each (ICCID, kind) took effect; the promise is that nothing here exceeds 1 per generation."""
    return Counter((iccid, entry.kind) for entry in entries for iccid in entry.effects)


def changing_requests(entries: Iterable[Entry]) -> list[Entry]:
    """The requests that asked for a change, whatever became of them."""
    return [entry for entry in entries if entry.method and entry.kind in CHANGES]


def most_in_any_window(entries: Iterable[Entry], seconds: float) -> int:
    """The largest number of requests that arrived within any `seconds`."""
    arrivals = sorted(entry.at for entry in entries if entry.method)
    most = start = 0
    for end, at in enumerate(arrivals):
        while arrivals[start] <= at - seconds:
            start += 1
        most = max(most, end - start + 1)
    return most
