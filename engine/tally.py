"""What one round of work did, in counts: what flows log, what the command line shows, what loops end by."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts of one round or of several added up. `problem` is the newest sentence for a person, if there is one."""

    taken: int = 0
    requests: int = 0
    answered: int = 0  # requests that the carrier answered: it is there and takes us
    steps: Counter[str] = field(default_factory=Counter)
    manifests: set[str] = field(default_factory=set)
    wait_seconds: float = 0.0  # nothing can be done before (circuit, limit)
    problem: str = ""

    def add(self, other: "Tally") -> None:
        """Add another round's counts to these."""
        self.taken += other.taken
        self.requests += other.requests
        self.answered += other.answered
        self.steps.update(other.steps)
        self.manifests |= other.manifests
        self.wait_seconds = other.wait_seconds
        self.problem = other.problem or self.problem


def total(rounds: Iterable[Tally]) -> Tally:
    """All rounds as one."""
    whole = Tally()
    for one in rounds:
        whole.add(one)
    return whole
