"""Send what is due: take a lease, commit the intentions, make the requests, write the answers down.

The order is the promise. The intentions are committed before the first request leaves; answers are committed in small
batches as they come; whatever has no committed answer when this process dies is found as an intent whose lease has
ended, and becomes unknown. No request leaves so late that its answer could come after the lease.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass

from carriers.contract import Answer, AnswerKind, Gate, Order
from carriers.errors import CarrierDown, CarrierError, CredentialsRefused, NotSent, OutcomeUnknown
from domain.lifecycle import Stage, Step
from engine.answers import after_answer, after_error, gathered, released_by, seen_by_answer
from engine.context import Context, Progress
from engine.gate import count_failure, gate_of_lease, new_lease, sendable_seconds
from engine.orders import opened_codes, order_of, requests_of, sealed_for_claim, takes
from engine.tally import Tally
from storage import acting, ledger, limits, sims
from storage.database import Transaction
from storage.leased import Operation
from storage.ledger import Lease, Move

COMMIT_EVERY_SECONDS = 0.25
COMMIT_AT_MOST = 200
BATCH_SECONDS = 20.0
"""One lease takes what the carrier's limit lets through in this time, so a dead worker leaves few unknowns."""
CODE_UNREADABLE = "No key of SIMLINE_KEY opens its stored registration code. Add the key of its import, then re-run it."
MOST_AT_ONCE = 20_000
"""Operations of one lease, where a request names thousands."""
PATIENCE_SECONDS = 5.0
"""A worker waits so long for the carrier's limit with a lease in hand; for longer it goes away and comes back."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that was made, or surely was not: its operations and either answers or an error."""

    operations: tuple[Operation, ...]
    answers: tuple[Answer, ...] = ()
    error: CarrierError | None = None

    @property
    def failed(self) -> bool:
        """Whether the carrier seems down: counts for the circuit."""
        return isinstance(self.error, OutcomeUnknown | CarrierDown | CredentialsRefused)


def send_due(context: Context, account: str) -> Tally:
    """One lease's worth of planned operations of one carrier account. Taken 0 means that nothing is due.

    Where the stages share requests differently each has a lease of its own, so that no more is taken than can leave.
    Once the context is stopping no request leaves: what was leased and not sent is planned again. Any number of workers
    may run this at once. Raises `DatabaseUnavailable`, `VaultLocked`.
    """
    tally = Tally()
    for stage, size in takes(context.carriers[account].carrier.capabilities):
        _send_stage(context, account, stage, size, tally)
    return tally


def _send_stage(context: Context, account: str, stage: Stage | None, size: int, tally: Tally) -> None:
    if context.is_stopping():
        return
    room = _room(context, account)
    if room.requests == 0:
        tally.wait_seconds = max(tally.wait_seconds, room.wait_seconds)
        return
    started = context.stopwatch.monotonic()
    lease = new_lease(context)
    most = min(MOST_AT_ONCE, room.requests * size)
    taken = _write_intentions(context, account, lease, most, stage)
    orders = taken.orders
    tally.taken += len(orders)
    for step, ended in taken.unsent.items():
        tally.taken += len(ended)
        tally.steps[step.value] += len(ended)
        tally.manifests |= {one.manifest_id for one in ended}
    if orders:
        threads = min(len(orders), context.carriers[account].threads)
        gate = gate_of_lease(context, account, started, threads=threads)
        with closing(_send(context, account, orders, gate)) as batches:
            for sent in batches:
                _write_answers(context, account, lease, sent, tally)


@dataclass(frozen=True, slots=True)
class _Room:
    """How many requests one lease taken now can let go; `wait_seconds` until there is room, when there is none."""

    requests: int
    wait_seconds: float = 0.0


def _room(context: Context, account: str) -> _Room:
    """Asked before anything is taken: what could not leave would only go back, with two rows of history for nothing."""
    with context.database.read() as tx:
        paused = limits.circuit(tx, account).paused_for_seconds
        booked = limits.booked_seconds(tx, account)
    if paused > 0 or booked > PATIENCE_SECONDS:
        return _Room(0, max(paused, booked))
    seconds = min(BATCH_SECONDS, sendable_seconds(context, account) - booked)
    return _Room(max(1, int(context.carriers[account].pace.per_second * seconds)))


@dataclass(frozen=True, slots=True)
class _Taken:
    """What one lease took: the orders that leave now, and what ended without one, by its step."""

    orders: Sequence[tuple[Operation, Order]]
    unsent: Mapping[Step, Sequence[Operation]]


def _write_intentions(context: Context, account: str, lease: Lease, at_most: int, stage: Stage | None) -> _Taken:
    """Lease and commit. Codes are opened inside the transaction: a locked vault leaves no intention behind.

    One code that no key opens holds up its own SIM alone. What can no longer be asked for is withdrawn.
    """
    with context.commit("intent") as tx:
        deadline = context.timing.deadline_seconds
        taken = ledger.take_to_send(tx, account, lease, limit=at_most, deadline_seconds=deadline, stage=stage)
        kept_back = acting.withdraw_vain(tx, taken, lease)
        codes = opened_codes(context, tx, taken)
        closed = {one.id for one in taken if sealed_for_claim(one) is not None}.difference(codes)
        for_a_person = Move(Step.INTENT, Step.NEEDS_REVIEW, "code_unreadable", tuple(sorted(closed)), CODE_UNREADABLE)
        ledger.move(tx, for_a_person, actor=lease.worker, fence=lease.fence)
    unsent = {Step.WITHDRAWN: kept_back, Step.NEEDS_REVIEW: closed}
    orders = [(one, order_of(one, codes.get(one.id))) for one in taken if one.id not in kept_back | closed]
    return _Taken(orders, {step: [one for one in taken if one.id in ids] for step, ids in unsent.items() if ids})


def _send(
    context: Context, account: str, orders: Sequence[tuple[Operation, Order]], gate: Gate
) -> Generator[list[Sent]]:
    """Make the requests in threads; yield what has come back, in batches small enough to commit often.

    When anything breaks (the database, Ctrl-C), no further request leaves: nobody would write its answer down.
    """
    work = context.carriers[account]
    pool = ThreadPoolExecutor(work.threads, thread_name_prefix=f"send-{account}")
    try:
        pending = {pool.submit(_request, context, account, group, gate) for group in requests_of(work.carrier, orders)}
        while pending:
            done, pending = _some(context, pending)
            broken = [future for future in done if future.exception()]
            yield [future.result() for future in done.difference(broken)]
            for future in broken:
                future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _some(context: Context, pending: set[Future[Sent]]) -> tuple[set[Future[Sent]], set[Future[Sent]]]:
    """Whatever is done when the commit interval is over, or as soon as everything is."""
    ends = context.stopwatch.monotonic() + COMMIT_EVERY_SECONDS
    done: set[Future[Sent]] = set()
    while pending and len(done) < COMMIT_AT_MOST:
        newly, pending = wait(pending, timeout=COMMIT_EVERY_SECONDS, return_when=FIRST_COMPLETED)
        done |= newly
        if context.stopwatch.monotonic() >= ends and done:
            break
    return done, pending


def _request(context: Context, account: str, group: tuple[tuple[Operation, Order], ...], gate: Gate) -> Sent:
    operations = tuple(operation for operation, _ in group)
    context.at("before-request")
    try:
        answers = context.carriers[account].carrier.submit([order for _, order in group], gate)
    except CarrierError as error:
        return Sent(operations, error=error)
    finally:
        context.at("after-request")
    return Sent(operations, tuple(answers))


def _write_answers(context: Context, account: str, lease: Lease, batch: list[Sent], tally: Tally) -> None:
    moves = gathered([one for sent in batch for one in _moves(context, account, sent)])
    with context.commit("answer") as tx:
        kept: set[int] = set()
        done: set[int] = set()
        for one in moves:
            moved = ledger.move(tx, one, actor=lease.worker, fence=lease.fence)
            tally.steps[one.target.value] += len(moved)
            kept.update(moved)
            done.update(moved if one.target is Step.DONE else ())
        heard = [pair for sent in batch for pair in _heard(sent) if pair[0].id in kept]
        sims.observe(tx, [seen for operation, answer in heard for seen in seen_by_answer(operation, answer)])
        sims.blank_codes(tx, [operation.iccid for operation, answer in heard if _claims(operation, answer)])
        acting.free(tx, released_by([operation for sent in batch for operation in sent.operations], done))
        _tell_circuit(context, tx, account, batch)
    tally.requests += sum(1 for sent in batch if not isinstance(sent.error, NotSent))
    tally.answered += sum(1 for sent in batch if sent.error is None)
    tally.manifests |= {operation.manifest_id for sent in batch for operation in sent.operations}
    tally.problem = next((str(sent.error) for sent in batch if sent.failed), tally.problem)
    context.watch(Progress("send", done=sum(len(sent.operations) for sent in batch), carrier_account=account))


def _moves(context: Context, account: str, sent: Sent) -> list[Move]:
    work = context.carriers[account]
    quiet = work.quiet_seconds
    if sent.error is not None:
        return [after_error(sent.operations, sent.error, quiet=quiet)]
    first = context.poll_first_seconds(account)
    answers = {
        operation.iccid: Answer(operation.iccid, AnswerKind.UNKNOWN, "missing", "The answer does not name this SIM.")
        for operation in sent.operations
    } | {answer.iccid: answer for answer in sent.answers}
    return [
        after_answer(operation, answers[operation.iccid], poll_first=first, quiet=quiet)
        for operation in sent.operations
    ]


def _heard(sent: Sent) -> Iterator[tuple[Operation, Answer]]:
    """Each operation of the request with its answer, where it has one."""
    answers = {answer.iccid: answer for answer in sent.answers}
    for operation in sent.operations:
        if operation.iccid in answers:
            yield operation, answers[operation.iccid]


def _claims(operation: Operation, answer: Answer) -> bool:
    """Whether the SIM's registration code has done its work."""
    return operation.stage is Stage.CLAIM and answer.kind is AnswerKind.DONE


def _tell_circuit(context: Context, tx: Transaction, account: str, batch: list[Sent]) -> None:
    """Answers end the count of failures; failures without one answer among them pause the carrier, for every worker."""
    if any(sent.error is None for sent in batch):
        limits.record_success(tx, account)
        return
    for sent in batch:
        if sent.failed:
            count_failure(context, tx, account, str(sent.error))
