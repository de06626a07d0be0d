"""The promise, checked: one reading of the ledger, of the simulated carriers' logs of every request, and of the files.

What is not kept is named, with the SIM or manifest. The demo, the kill tests and users' staging call it; on a real
carrier, whose log nobody has, the ledger's own rules are checked alone, with the files that were dropped.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from carriers.simulated.faults import RequestKind
from carriers.simulated.log import Entry, changing_requests, most_in_any_window
from domain.pacing import Window
from engine import originals
from engine.context import Context
from engine.originals import Inputs
from storage import audit
from storage.database import Transaction

CLOCK_SLACK_SECONDS = 0.05
"""The carrier's clock and the database's may read this much apart on one machine."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant: its number in docs/how-it-works.md, and a sentence."""

    invariant: int
    sentence: str


@dataclass(frozen=True, slots=True)
class CarrierLog:
    """What one simulated carrier account saw, and the limit that it was promised."""

    account: str
    entries: Sequence[Entry]
    windows: Sequence[Window] = ()


def violations(context: Context, logs: Sequence[CarrierLog] = (), inputs: Inputs | None = None) -> list[Violation]:
    """Every broken invariant; an empty list is the promise kept. Reads only.

    `inputs` are the files as they were dropped; without them a line that no reader saw is missed by nobody.
    """
    with context.database.read() as tx:
        found = [one for rule in _LEDGER_RULES for one in rule(tx)]
        found += _overdue(context, tx)
        found += _asked_again_too_early(context, tx)
        for log in logs:
            found += _effects(tx, log)
            found += _intentions(tx, log)
            found += _windows(log)
        found += _files(context, tx, inputs or {})
    return found


def _files(context: Context, tx: Transaction, inputs: Inputs) -> Iterator[Violation]:
    """2 and 9: no line and no card of a file is lost, and its original keeps its bytes."""
    for sentence in originals.lost(tx, inputs):
        yield Violation(2, sentence)
    for sentence in originals.changed(context, tx, inputs):
        yield Violation(9, sentence)


def _lines_add_up(tx: Transaction) -> Iterator[Violation]:
    for manifest in audit.manifests_that_do_not_add_up(tx):
        yield Violation(2, f"Manifest {manifest.id}: {manifest.sentence}")


def _no_manifest_ends_before_its_sims(tx: Transaction) -> Iterator[Violation]:
    for manifest_id, count in audit.finished_too_early(tx):
        yield Violation(2, f"Manifest {manifest_id} is finished, and {count} of its SIMs are still in progress.")


def _histories_are_whole(tx: Transaction) -> Iterator[Violation]:
    for operation_id, sentence in audit.broken_histories(tx):
        yield Violation(8, f"Operation {operation_id}: {sentence}")


def _nothing_from_unused_files(tx: Transaction) -> Iterator[Violation]:
    for manifest_id, count in audit.operations_of_unused_manifests(tx):
        yield Violation(9, f"Manifest {manifest_id} was not taken, and {count} operations came of it.")


def _one_at_a_time(tx: Transaction) -> Iterator[Violation]:
    for iccid in audit.together_in_flight(tx):
        yield Violation(1, f"SIM {iccid}: two of its operations were under way at the same time.")


def _placed_as_planned(tx: Transaction) -> Iterator[Violation]:
    for iccid in audit.sims_placed_otherwise(tx):
        yield Violation(
            7, f"SIM {iccid} has a product, home country, carrier account or plan that nobody planned for it."
        )
    for manifest_id, planned, found in audit.placements_exceeded(tx):
        yield Violation(
            7, f"Manifest {manifest_id} planned {planned} SIMs for a plan and country, and {found} have it."
        )


def _plans_as_planned(tx: Transaction) -> Iterator[Violation]:
    for iccid, planned, actual in audit.sims_on_another_plan(tx):
        yield Violation(7, f"SIM {iccid} is on the carrier's plan {actual}; {planned} was planned.")


def _totals_agree(tx: Transaction) -> Iterator[Violation]:
    by_sim, by_product, by_manifest = audit.totals(tx)
    if not by_sim == by_product == by_manifest:
        yield Violation(11, f"{by_sim} SIMs, {by_product} over all products, {by_manifest} over all manifests.")


_LEDGER_RULES: tuple[Callable[[Transaction], Iterator[Violation]], ...] = (
    _lines_add_up,
    _no_manifest_ends_before_its_sims,
    _histories_are_whole,
    _one_at_a_time,
    _nothing_from_unused_files,
    _placed_as_planned,
    _plans_as_planned,
    _totals_agree,
)


def _overdue(context: Context, tx: Transaction) -> Iterator[Violation]:
    quiet = max((work.quiet_seconds for work in context.carriers.values()), default=0.0)
    for iccid, step in audit.open_past_deadline(tx, quiet + context.timing.poll_longest_seconds):
        yield Violation(3, f"SIM {iccid} is still {step} past its deadline and its quiet period.")


def _asked_again_too_early(context: Context, tx: Transaction) -> Iterator[Violation]:
    """1: a request that may still take effect is not made again."""
    for account, work in context.carriers.items():
        for iccid, seconds in audit.planned_again_within(tx, account, work.quiet_seconds):
            found = f"planned again {seconds:.1f} s after a request whose outcome was open"
            yield Violation(1, f"SIM {iccid} was {found}; the quiet period is {work.quiet_seconds:g} s.")


def _effects(tx: Transaction, log: CarrierLog) -> Iterator[Violation]:
    """1: each (ICCID, action, generation) is carried out at most once; a claim once for each import.

    A request that was carried out and found nothing to change counts too: another carrier would have done it twice.
    What the carrier itself took back does not: it may be asked for again.
    """
    generations, claims = audit.generations(tx, log.account), audit.claims(tx, log.account)
    carried_out = Counter(
        (iccid, entry.kind)
        for entry in log.entries
        for iccid in {*entry.effects, *entry.redundant}.difference(entry.taken_back)
    )
    for (iccid, kind), count in carried_out.items():
        allowed = claims.get(iccid, 1) if kind is RequestKind.CLAIM else generations.get((iccid, kind.value), 0)
        if count > allowed:
            times = f"{kind.value} was carried out {count} times at {log.account}; {allowed} allowed"
            yield Violation(1, f"SIM {iccid}: {times}.")


def _intentions(tx: Transaction, log: CarrierLog) -> Iterator[Violation]:
    """3: before the n-th changing request for a SIM there are n committed intentions.

    What was turned away for an old token is made once more with a new one: one intention, and one request let in.
    """
    intents: Mapping[str, list[float]] = audit.intent_times(tx, log.account)
    requests: dict[str, list[float]] = {}
    for entry in changing_requests(log.entries):
        if entry.status != HTTPStatus.UNAUTHORIZED:
            for iccid in entry.iccids:
                requests.setdefault(iccid, []).append(entry.at)
    for iccid, arrivals in requests.items():
        written = intents.get(iccid, [])
        for nth, arrived in enumerate(sorted(arrivals)):
            if nth >= len(written) or written[nth] > arrived + CLOCK_SLACK_SECONDS:
                yield Violation(3, f"SIM {iccid}: request {nth + 1} reached {log.account} without an older intention.")
                break


def _windows(log: CarrierLog) -> Iterator[Violation]:
    """6: the carrier's limit holds in every window."""
    for window in log.windows:
        most = most_in_any_window(log.entries, window.per_seconds)
        if most > window.count:
            found = f"{most} requests within {window.per_seconds:g} s; at most {window.count} are allowed"
            yield Violation(6, f"{log.account}: {found}.")
