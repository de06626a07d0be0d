"""The one line that a receipt opens with, and the shares of its bar."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from domain.lifecycle import Bucket, Step
from domain.manifests import Halt, ManifestState
from reports.receipt import Receipt

NARROWEST = 1.2
NOTHING_NEEDS_YOU = "Nothing needs you."


class Tone(StrEnum):
    """How a receipt feels at first sight; each has its own colour, sign and words."""

    GOOD = "good"
    MOVING = "moving"
    ATTENTION = "attention"
    REFUSED = "refused"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Headline:
    """What a receipt says first, and the sentence below it."""

    tone: Tone
    title: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Share:
    """One part of the bar: `start` and `width` in percent of it."""

    key: str
    label: str
    count: int
    start: float
    width: float


def counted(count: int, one: str, many: str = "") -> str:
    """`1 line`, `1,000 lines`.

    >>> counted(1, "line"), counted(2000, "line"), counted(2, "needs", "need")
    ('1 line', '2,000 lines', '2 need')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def needs_you(receipt: Receipt) -> int:
    """How many lines wait for a person: rejected, failed and needs review; not what a person withdrew."""
    buckets, withdrawn = receipt.buckets, receipt.steps.get(Step.WITHDRAWN, 0)
    return receipt.counts.rejected + buckets[Bucket.FAILED] - withdrawn + buckets[Bucket.NEEDS_REVIEW]


def headline(receipt: Receipt) -> Headline:
    """The verdict over the whole manifest; before LOADED its state decides, afterwards its numbers."""
    by_state = _BY_STATE.get(receipt.state)
    if by_state is None and receipt.halt is not None:
        by_state = _BY_HALT[receipt.halt]
    return by_state(receipt) if by_state else _by_numbers(receipt)


def _by_numbers(receipt: Receipt) -> Headline:
    accepted, buckets = receipt.counts.accepted, receipt.buckets
    moving, so_far = buckets[Bucket.IN_PROGRESS], _so_far(receipt)
    rest = f"; {moving:,} in progress." if moving else "."
    if need := needs_you(receipt):
        return Headline(Tone.ATTENTION, counted(need, "line needs you", "lines need you"), so_far + rest)
    if not accepted:
        return _nothing_new(receipt)
    if withdrawn := receipt.steps.get(Step.WITHDRAWN):  # by a rule of ours, not by a cancelling
        return Headline(Tone.ATTENTION, counted(withdrawn, "SIM was withdrawn", "SIMs were withdrawn"), so_far + rest)
    if moving:
        return Headline(Tone.MOVING, "In progress", f"{so_far} so far. {NOTHING_NEEDS_YOU}")
    title = "The SIM is active" if accepted == 1 else f"All {accepted:,} SIMs are active"
    return Headline(Tone.GOOD, title, "Every line is accounted for. There is nothing to do.")


def _so_far(receipt: Receipt) -> str:
    return f"{receipt.buckets[Bucket.DONE]:,} of {counted(receipt.counts.accepted, 'SIM')} active"


def _nothing_new(receipt: Receipt) -> Headline:
    if receipt.counts.known + receipt.counts.duplicate:
        return Headline(Tone.QUIET, "Nothing new", "Every SIM in this file is already yours. Nothing was sent.")
    return Headline(Tone.ATTENTION, "No ICCID in this file", "No line holds a SIM's number. Is this the right file?")


def _being_read(_receipt: Receipt) -> Headline:
    return Headline(Tone.MOVING, "Being read", "Nothing has been sent yet.")


def _needs_approval(receipt: Receipt) -> Headline:
    sims = counted(receipt.counts.accepted, "SIM stands", "SIMs stand")
    return Headline(Tone.ATTENTION, "Waits for your approval", f"{sims} ready. Nothing has been sent.")


def _refused(_receipt: Receipt) -> Headline:
    return Headline(Tone.REFUSED, "Refused", "Nothing of this file was used, and nothing was sent.")


def _quarantined(_receipt: Receipt) -> Headline:
    return Headline(Tone.REFUSED, "Quarantined", "The header shows key material, so the file was not read.")


def _paused(receipt: Receipt) -> Headline:
    waiting = receipt.buckets[Bucket.IN_PROGRESS]
    rest = f"{_so_far(receipt)}; {waiting:,} in progress. Nothing new is sent until somebody lets it go on."
    return Headline(Tone.ATTENTION, "Paused", rest)


def _cancelled(receipt: Receipt) -> Headline:
    withdrawn, moving = receipt.steps.get(Step.WITHDRAWN, 0), receipt.buckets[Bucket.IN_PROGRESS]
    rest = f"{_so_far(receipt)}; {withdrawn:,} withdrawn"
    rest += f"; {moving:,} in progress." if moving else "."
    need = needs_you(receipt)
    tone = Tone.ATTENTION if need else Tone.MOVING if moving else Tone.QUIET
    also = f", and {counted(need, 'line needs you', 'lines need you')}" if need else ""
    return Headline(tone, f"Cancelled{also}", rest)


_BY_HALT: dict[Halt, Callable[[Receipt], Headline]] = {Halt.PAUSED: _paused, Halt.CANCELLED: _cancelled}
_BY_STATE: dict[ManifestState, Callable[[Receipt], Headline]] = {
    ManifestState.RECEIVED: _being_read,
    ManifestState.NEEDS_APPROVAL: _needs_approval,
    ManifestState.REFUSED: _refused,
    ManifestState.QUARANTINED: _quarantined,
}


def shares(receipt: Receipt) -> list[Share]:
    """The lines that hold something (all but the ignored ones), left to right from done to done with.

    A share that is there is at least `NARROWEST` percent wide, so that 3 lines of a million can be seen; the others
    give way in proportion. The widths sum to 100.
    """
    counts, buckets = receipt.counts, receipt.buckets
    parts = [
        ("done", "active", buckets[Bucket.DONE]),
        ("progress", "in progress", buckets[Bucket.IN_PROGRESS]),
        ("review", "needs review", buckets[Bucket.NEEDS_REVIEW]),
        ("failed", "failed", buckets[Bucket.FAILED]),
        ("rejected", "rejected", counts.rejected),
        ("known", "known or duplicate", counts.known + counts.duplicate),
    ]
    there = [part for part in parts if part[2]]
    wide = _widths([count for _, _, count in there])
    starts = [sum(wide[:i]) for i in range(len(wide))]
    return [Share(*part, start, width) for part, start, width in zip(there, starts, wide, strict=True)]


def _widths(counts: list[int]) -> list[float]:
    spare = 100 - NARROWEST * len(counts)
    total = sum(counts)
    return [NARROWEST + spare * count / total for count in counts]
