"""The SIMs of a simulated carrier: who has claimed them, what state they are in, and what changes when.

States are ours (`SimState`); a dialect translates them into its carrier's words. Not thread-safe: its owner holds the
lock.
"""

import csv
import json
import math
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path

from domain.lifecycle import SimState


class Fate(StrEnum):
    """How a change that the carrier has taken goes on."""

    NORMAL = "normal"
    STUCK = "stuck"  # under way for ever
    FALLS_BACK = "falls_back"  # to its old state when its time comes


class Claim(StrEnum):
    """What a claim meets."""

    TAKEN = "taken"
    ALREADY_OURS = "already_ours"
    NOT_REGISTRABLE = "not_registrable"  # unknown, a wrong code, or somebody else's


@dataclass(slots=True)
class Sim:
    """One claimed SIM. `target` holds from `due_at` (epoch seconds) on; `math.inf` is never."""

    iccid: str
    reference: str
    number: int
    created_at: float
    updated_at: float
    state: SimState = SimState.INACTIVE
    plan: str | None = None
    target: SimState | None = None
    due_at: float = 0.0
    falls_back: bool = False

    def settle(self, now: float) -> None:
        """Let the change that is due come true, or fall back."""
        if self.target is None or now < self.due_at:
            return
        if not self.falls_back:
            self.state = self.target
        self.target, self.updated_at = None, self.due_at

    @property
    def visible(self) -> SimState:
        """What the carrier tells of it."""
        return SimState.ACTIVATING if self.target else self.state


@dataclass(frozen=True, slots=True)
class Card:
    """A SIM that the carrier has made: its registration code, and whether another customer has it."""

    registration_code: str
    others: bool = False


class Fleet:
    """Every SIM of one simulated account. With a journal it is the same after a restart."""

    def __init__(
        self,
        reference_of: Callable[[str], str],
        clock: Callable[[], float],
        *,
        open_registry: bool = False,
        bars: bool = False,
        activation_seconds: float = 1.0,
        jitter_seconds: float = 0.0,
        seed: int = 0,
        journal: Path | None = None,
    ) -> None:
        self._reference_of = reference_of
        self._clock = clock
        self._open_registry = open_registry
        self._bars = bars
        self._seed = seed
        self.activation_seconds = activation_seconds
        self.jitter_seconds = jitter_seconds
        self._cards: dict[str, Card] = {}
        self._sims: dict[str, Sim] = {}
        self._by_reference: dict[str, Sim] = {}
        self._in_order: list[Sim] = []
        self._used: dict[tuple[str, date], int] = {}
        self._journal = _replayed(journal, self._keep) if journal else None

    def add_card(self, iccid: str, registration_code: str, others: bool = False) -> None:
        """Make a SIM known; `others`: another customer has claimed it."""
        self._cards[iccid] = Card(registration_code, others)

    def add_cards(self, path: Path) -> None:
        """Make the SIMs of a CSV file known: iccid, registration_code, owner ("others" or empty)."""
        with path.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                self.add_card(row["iccid"], row["registration_code"], row.get("owner") == "others")

    def put(self, iccid: str, state: SimState, plan: str | None) -> Sim:
        """Have a SIM in the account in this state without a request.

        Raises ValueError for a barred one where the carrier has no word for that.
        """
        if state is SimState.BARRED and not self._bars:
            raise ValueError("This carrier has no word for a barred SIM.")
        sim = self._taken(iccid)
        sim.state, sim.plan, sim.target, sim.updated_at = state, plan, None, self._clock()
        self._write(sim)
        return sim

    def claim(self, iccid: str, registration_code: str) -> Claim:
        """Take a SIM into the account."""
        if self.find(iccid):
            return Claim.ALREADY_OURS
        card = self._cards.get(iccid, Card(registration_code) if self._open_registry else None)
        if card is None or card.others or card.registration_code != registration_code:
            return Claim.NOT_REGISTRABLE
        self._write(self._taken(iccid))
        return Claim.TAKEN

    def change(self, sim: Sim, target: SimState, plan: str | None, fate: Fate = Fate.NORMAL) -> bool:
        """Begin a change; False when the SIM has that state or is on its way there, so that nothing changes."""
        now = self._clock()
        sim.settle(now)
        sim.plan = plan or sim.plan
        effect = (sim.target or sim.state) is not target
        if effect:
            sim.target, sim.falls_back, sim.updated_at = target, fate is Fate.FALLS_BACK, now
            sim.due_at = math.inf if fate is Fate.STUCK else now + self._delay(sim.iccid)
            sim.settle(now)
        self._write(sim)
        return effect

    def card(self, iccid: str) -> Card | None:
        """What the carrier knows of a SIM that it made, whoever has it; with an open registry it made every SIM."""
        return self._cards.get(iccid, Card("") if self._open_registry else None)

    def cards(self) -> Iterator[tuple[str, Card]]:
        """The SIMs that were made known, with their ICCIDs."""
        yield from self._cards.items()

    def iccid_of(self, registration_code: str) -> str | None:
        """The SIM of this code. With an open registry a code that ends with an ICCID is that SIM's."""
        known = (iccid for iccid, card in self._cards.items() if card.registration_code == registration_code)
        spelt = re.search(r"[0-9]{18,20}$", registration_code) if self._open_registry else None
        return next(known, spelt[0] if spelt else None)

    def find(self, iccid: str) -> Sim | None:
        """The SIM as it is now; None once it was released."""
        return self._settled(self._sims.get(iccid))

    def find_reference(self, reference: str) -> Sim | None:
        """The SIM as it is now, by the carrier's own id; None once it was released."""
        return self._settled(self._by_reference.get(reference))

    def listing(self, after: int = 0) -> Iterator[Sim]:
        """The SIMs in the order of their claims, from number `after` on, each as it is now."""
        for number in range(after, len(self._in_order)):
            sim = self._settled(self._in_order[number])
            if sim is not None:
                yield sim

    def put_usage(self, iccid: str, day: date, used: int) -> None:
        """Let the SIM have used so many bytes on this UTC day. Not kept over a restart."""
        self._used[iccid, day] = used

    def used(self, iccid: str, day: date) -> int:
        """Bytes of one UTC day."""
        return self._used.get((iccid, day), 0)

    def close(self) -> None:
        """Close the journal."""
        if self._journal:
            self._journal.close()

    def _settled(self, sim: Sim | None) -> Sim | None:
        if sim is None:
            return None
        sim.settle(self._clock())
        return None if sim.state is SimState.RELEASED else sim

    def _delay(self, iccid: str) -> float:
        jitter = random.Random(f"{self._seed}|{iccid}").uniform(0, self.jitter_seconds)  # noqa: S311
        return self.activation_seconds + jitter

    def _taken(self, iccid: str) -> Sim:
        """Into the account, for the first time or after a release."""
        sim, now = self._sims.get(iccid), self._clock()
        if sim is None:
            return self._keep(Sim(iccid, self._reference_of(iccid), len(self._in_order), now, now))
        if sim.state is SimState.RELEASED:
            sim.state, sim.plan, sim.target, sim.updated_at = SimState.INACTIVE, None, None, now
        return sim

    def _keep(self, sim: Sim) -> Sim:
        if sim.number < len(self._in_order):
            self._in_order[sim.number] = sim
        else:
            self._in_order.append(sim)
        self._sims[sim.iccid] = self._by_reference[sim.reference] = sim
        return sim

    def _write(self, sim: Sim) -> None:
        if self._journal:
            self._journal.write(json.dumps(asdict(sim)) + "\n")
            self._journal.flush()


def _replayed(journal: Path, keep: Callable[[Sim], Sim]) -> TextIOWrapper:
    """Keep every SIM as its last line has it, and go on writing. A line cut off by a kill is dropped."""
    whole = journal.read_bytes() if journal.exists() else b""
    whole = whole[: whole.rfind(b"\n") + 1]
    for line in whole.splitlines():
        fields = json.loads(line)
        target = SimState(fields["target"]) if fields["target"] else None
        keep(Sim(**(fields | {"state": SimState(fields["state"]), "target": target})))
    journal.parent.mkdir(parents=True, exist_ok=True)
    file = journal.open("r+" if journal.exists() else "w", encoding="utf-8")
    file.truncate(len(whole))
    file.seek(len(whole))
    return file
