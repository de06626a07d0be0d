"""The receipt of a manifest: what became of every line, as one frozen value that adds up or does not exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.lifecycle import BUCKETS, Bucket, Step
from domain.lines import LineCounts, Reason, Verdict
from domain.manifests import Halt, HaltNote, ManifestState


class ReceiptDoesNotAddUp(ValueError):
    """The numbers of a receipt contradict each other: a fault in our own bookkeeping. The sentence names both sides."""


class FileKind(StrEnum):
    """The keys of `Receipt.files`. Each value is a file name beside the page."""

    FIX = "fix"  # the original's own header and bad rows, to be corrected and dropped again
    OUTCOMES = "outcomes"
    JSON = "json"
    PAGE = "page"


WAITING: Mapping[ManifestState, Bucket] = {
    ManifestState.RECEIVED: Bucket.IN_PROGRESS,
    ManifestState.NEEDS_APPROVAL: Bucket.NEEDS_REVIEW,
}
"""Where accepted SIMs stand that have no operation yet. From LOADED on every accepted SIM has one."""


@dataclass(frozen=True, slots=True)
class PlanShare:
    """How many accepted SIMs go to which plan; `monthly_cost_cents` is what all of them cost a month together."""

    product_id: str
    home_country: str
    carrier_account: str
    plan_name: str
    sim_count: int
    monthly_cost_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many lines met one end for one reason, with the first of them as an example."""

    verdict: Verdict
    reason: Reason
    count: int
    example_line: int
    example_text: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a manifest as of `as_of`. Times are UTC. Raises `ReceiptDoesNotAddUp`.

    `reason` is a sentence (why it was refused, quarantined, halted or waits for approval); `halts` is what people said
    over it in mid-run, oldest first; `steps` counts the accepted SIMs by step. Where `by_plan` or a verdict of
    `by_reason` is given, it is given in full.
    """

    manifest_id: str
    name: str
    source: str
    state: ManifestState
    actor: str
    received_at: datetime
    as_of: datetime
    counts: LineCounts
    steps: Mapping[Step, int]
    sha256: str | None = None
    size_bytes: int | None = None
    halt: Halt | None = None
    reason: str | None = None
    halts: Sequence[HaltNote] = ()
    product_id: str | None = None
    home_country: str | None = None
    loaded_at: datetime | None = None
    finished_at: datetime | None = None
    by_plan: Sequence[PlanShare] = ()
    by_reason: Sequence[ReasonCount] = ()
    same_content_as: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_times(self)
        check_lines(self)
        check_sims(self)

    @property
    def buckets(self) -> dict[Bucket, int]:
        """The accepted SIMs in the four words of a receipt; all four are there, and they add up to `accepted`."""
        counted = dict.fromkeys(Bucket, 0)
        for step, count in self.steps.items():
            counted[BUCKETS[step]] += count
        if self.state in WAITING:
            counted[WAITING[self.state]] += self.counts.accepted - sum(self.steps.values())
        return counted


def check_times(receipt: Receipt) -> None:
    """Every time has a zone: one without would be read as another hour elsewhere."""
    for name in ("received_at", "as_of", "loaded_at", "finished_at"):
        at: datetime | None = getattr(receipt, name)
        if at is not None and at.tzinfo is None:
            raise ValueError(f"{receipt.manifest_id}: {name} has no time zone")


def check_lines(receipt: Receipt) -> None:
    """lines = ignored + accepted + rejected + duplicate + known, and the reasons of a verdict sum to its count."""
    counts = receipt.counts
    if not counts.adds_up():
        raise ReceiptDoesNotAddUp(f"{receipt.manifest_id}: its lines do not sum to their five ends: {counts}")
    by_verdict: dict[Verdict, int] = {}
    for row in receipt.by_reason:
        by_verdict[row.verdict] = by_verdict.get(row.verdict, 0) + row.count
    for verdict, count in by_verdict.items():
        if count != getattr(counts, verdict.value):
            raise ReceiptDoesNotAddUp(f"{receipt.manifest_id}: the reasons explain {count} lines {verdict}: {counts}")


def check_sims(receipt: Receipt) -> None:
    """accepted = done + in progress + failed + needs review; the plans hold every accepted SIM once."""
    accepted, working = receipt.counts.accepted, sum(receipt.steps.values())
    may_wait = receipt.state in WAITING
    if min(receipt.steps.values(), default=0) < 0 or working > accepted or (working < accepted and not may_wait):
        raise ReceiptDoesNotAddUp(f"{receipt.manifest_id}: {accepted} SIMs accepted, {working} accounted for")
    planned = sum(share.sim_count for share in receipt.by_plan)
    if receipt.by_plan and planned != accepted:
        raise ReceiptDoesNotAddUp(f"{receipt.manifest_id}: {accepted} SIMs accepted, {planned} in the table of plans")
