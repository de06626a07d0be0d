"""A receipt on the screen: the verdict, the numbers that add up, what needs a person, and where the files are."""

import os
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands import FINE, NEEDS_YOU
from console.screen import Column, Fit, Screen, toned, when
from domain.lifecycle import BUCKETS, Bucket, Step
from domain.lines import SENTENCES, Reason, Verdict
from domain.manifests import ManifestState
from reports.pages import money, short
from reports.receipt import PlanShare, ReasonCount, Receipt
from reports.verdict import NOTHING_NEEDS_YOU, Tone, counted, headline, needs_you
from reports.words import BUCKET_WORDS, STEP_SENTENCES, VERDICT_WORDS

if TYPE_CHECKING:
    from storage.database import Database

WITH_CODES = (
    "Codes come in a table with the columns iccid and registration_code: in a .csv file, or on the standard input, "
    "which is named `-`."
)
FILE_WORDS = {
    ".receipt.html": "receipt",
    ".outcomes.csv": "every line",
    ".receipt.json": "for programs",
}
_ENDS = (Verdict.ACCEPTED, Verdict.REJECTED, Verdict.DUPLICATE, Verdict.KNOWN, Verdict.IGNORED)
_BUCKET_TONES = {
    Bucket.DONE: Tone.GOOD,
    Bucket.IN_PROGRESS: Tone.MOVING,
    Bucket.FAILED: Tone.REFUSED,
    Bucket.NEEDS_REVIEW: Tone.ATTENTION,
}


def receipt_now(database: "Database", manifest: str) -> Receipt:
    """The receipt of this id, beginning of an id, or file name, as of now. Raises `NoSuchManifest`."""
    from engine.receipt_facts import receipt_of
    from storage import manifests

    with database.read() as tx:
        return receipt_of(tx, manifests.find(tx, manifest))


def show_receipt(screen: Screen, receipt: Receipt, where: Mapping[str, str], carrier_trouble: str = "") -> None:
    """The whole receipt, short enough for a screen; with what keeps a carrier from its SIMs, which no receipt has."""
    said = headline(receipt)
    screen.say(
        f"{receipt.name}: {said.title}", Tone.ATTENTION if carrier_trouble else said.tone, more=receipt.manifest_id
    )
    screen.say(f"  {said.sentence.replace(NOTHING_NEEDS_YOU, '').rstrip() if carrier_trouble else said.sentence}")
    if carrier_trouble:
        screen.say(f"  {carrier_trouble}", Tone.ATTENTION)
    if receipt.reason:
        screen.say(f"  {receipt.reason}")
    if receipt.state is ManifestState.NEEDS_APPROVAL:
        screen.say(f"  `simline approve {receipt.manifest_id}` lets it go on.")
    for note in receipt.halts:
        screen.say(f"  {when(note.at)} UTC, {note.word.value}, said by {note.by}: {note.reason}")
    if receipt.counts.lines:
        screen.gap()
        show_numbers(screen, receipt)
    show_troubles(screen, receipt)
    show_plans(screen, receipt.by_plan)
    show_files(screen, where)


def show_numbers(screen: Screen, receipt: Receipt) -> None:
    """The five ends of the lines beside the four ends of the accepted SIMs; both sides add up."""
    ends = [(VERDICT_WORDS[verdict], getattr(receipt.counts, verdict.value)) for verdict in _ENDS]
    buckets: list[tuple[object, ...]] = [
        (toned(BUCKET_WORDS[bucket], _BUCKET_TONES[bucket] if count else Tone.QUIET), count)
        for bucket, count in receipt.buckets.items()
    ]
    rows = [(*end, "", *bucket) for end, bucket in zip_longest(ends, buckets, fillvalue=())]
    titles = [Column(counted(receipt.counts.lines, "line")), Column("", number=True), Column("  ")]
    screen.table([*titles, Column(counted(receipt.counts.accepted, "SIM")), Column("", number=True)], rows, indent=2)


def show_troubles(screen: Screen, receipt: Receipt) -> None:
    """What needs a person, each reason once with its first example; what only waits is not among it."""
    bad = {step for step in Step if BUCKETS[step] in (Bucket.FAILED, Bucket.NEEDS_REVIEW)} - {Step.WITHDRAWN}
    steps = [step for step in Step if receipt.steps.get(step) and step in bad]
    rows = [(receipt.steps[step], STEP_SENTENCES[step]) for step in steps]
    rows += reason_rows(row for row in receipt.by_reason if row.verdict is Verdict.REJECTED)
    if rows:
        screen.gap()
        screen.table([Column("", number=True), Column("needs you", fit=Fit.FOLD)], rows, indent=2)
    if any(row.reason is Reason.REGISTRATION_CODE_MISSING for row in receipt.by_reason):
        screen.say(f"  {WITH_CODES}")


def reason_rows(reasons: Iterable[ReasonCount]) -> list[tuple[int, str]]:
    """Count and sentence of each reason, the commonest first."""
    ordered = sorted(reasons, key=lambda row: (-row.count, row.example_line))
    return [(row.count, f"{SENTENCES[row.reason]} {example(row.example_line, row.example_text)}") for row in ordered]


def example(line: int, text: str) -> str:
    """Where a reason's first line stands, and what stands there."""
    return f"Line {line}: {short(text, 60)}" if text else f"Line {line}."


def show_plans(screen: Screen, shares: Iterable[PlanShare]) -> None:
    """How many SIMs go to which plan, and what all of them cost a month."""
    shares = list(shares)
    if not shares:
        return
    columns = [Column("product"), Column("home"), Column("carrier"), Column("plan", fit=Fit.FOLD)]
    columns += [Column("SIMs", number=True), Column("a month", number=True)]
    rows = [
        (each.product_id, each.home_country, each.carrier_account, each.plan_name, each.sim_count, cost(each))
        for each in shares
    ]
    screen.gap()
    screen.table(columns, rows, indent=2)


def cost(share: PlanShare) -> str:
    """What one share costs a month."""
    return money(share.monthly_cost_cents, share.currency)


def show_files(screen: Screen, where: Mapping[str, str]) -> None:
    """Where the receipt's files are; a path is never broken over two lines."""
    if not where:
        return
    screen.gap()
    width = max(len(word) for word in ("to correct", *FILE_WORDS.values()))
    for suffix, place in sorted(where.items(), key=_in_order):
        screen.say(f"  {FILE_WORDS.get(suffix, 'to correct'):{width}}  {nearby(place)}")


def _in_order(item: tuple[str, str]) -> int:
    order = list(FILE_WORDS)
    return order.index(item[0]) if item[0] in order else -1


def nearby(place: str) -> str:
    """A path as it reads from the working directory, where that is shorter; an address stays one."""
    if "://" in place:
        return place
    try:
        relative = os.path.relpath(place, Path.cwd())
    except (OSError, ValueError):
        return place
    return relative if len(relative) < len(place) else place


def status_of(receipt: Receipt) -> int:
    """The exit status that a receipt deserves."""
    bad = headline(receipt).tone in (Tone.REFUSED, Tone.ATTENTION)
    return NEEDS_YOU if bad or needs_you(receipt) else FINE
