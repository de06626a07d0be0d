"""Settle what is open: read the carrier about everything that was sent, accepted or is unknown, and judge it.

Waiting holds no worker: a SIM that is not ready goes back as a row with a later `due_at`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from operator import attrgetter

from carriers.contract import Answer, AnswerKind, CarrierSim
from carriers.errors import NotSent
from domain.judging import NO_READ, NOT_SEEN, Asked, Judgement, Patience, Seen, judge, judge_unread
from domain.lifecycle import Stage, Step
from domain.polling import next_look_seconds
from engine.answers import gathered, released_by, seen_by_answer
from engine.context import CarrierAtWork, Context, Progress
from engine.following import look
from engine.gate import count_failure, gate_of_lease, new_lease
from engine.reading import Readings
from engine.tally import Tally
from storage import acting, ledger, limits, sims
from storage.database import Transaction
from storage.leased import Operation
from storage.ledger import Lease, Move

AT_ONCE = 20_000
"""Rows of one lease: one listing or job serves them all, and they are judged well within the lease."""
TOLD = {
    AnswerKind.DONE: Step.DONE,
    AnswerKind.REJECTED: Step.REJECTED,
    AnswerKind.REVIEW: Step.NEEDS_REVIEW,
}
"""What a job or action that has ended makes of an operation."""
RETRY_SECONDS = 10.0
"""A read that failed is tried again after this; the circuit breaker keeps a carrier that is down from being asked."""


def settle_due(context: Context, account: str) -> Tally:
    """One lease's worth of open operations of one carrier account whose next look has come.

    Intents of dead workers become unknown first. Any number of workers may run this at once. A carrier that cannot be
    read changes nothing: the rows are looked at again later. Raises `DatabaseUnavailable`.
    """
    tally = Tally()
    _expire(context, account, tally)
    started = context.stopwatch.monotonic()
    lease = new_lease(context)
    with context.commit("look") as tx:
        tally.wait_seconds = limits.circuit(tx, account).paused_for_seconds
        if tally.wait_seconds > 0:
            return tally
        ahead = context.poll_first_seconds(account) if context.carriers[account].carrier.capabilities.page_size else 0.0
        taken = ledger.take_to_settle(tx, account, lease, limit=AT_ONCE, ahead_seconds=ahead)
        taken_at = tx.now()
    tally.taken = len(taken)
    if taken:
        with context.database.read() as tx:  # a third of a second at a million SIMs, in which others may write
            account_sims = sims.account_sim_count(tx, account)
        one = _Round(context, account, lease, taken, taken_at)
        _read(one, account_sims, started)
        _write(one, tally)
    return tally


def _expire(context: Context, account: str, tally: Tally) -> None:
    quiet = context.carriers[account].quiet_seconds
    with context.commit("expiry") as tx:
        lost = ledger.expire_intents(tx, account, quiet_seconds=quiet, limit=AT_ONCE, actor=context.worker)
    tally.steps[Step.UNKNOWN.value] += lost


@dataclass(frozen=True, slots=True)
class _Round:
    """One lease that was read: what was taken, and what the carrier said.

    `taken_at` is before the first read: a SIM that was seen untouched is known to be so then, not when it is judged.
    """

    context: Context
    account: str
    lease: Lease
    taken: list[Operation]
    taken_at: datetime
    readings: Readings = field(default_factory=Readings)

    @property
    def work(self) -> CarrierAtWork:
        """The account's carrier."""
        return self.context.carriers[self.account]


def _read(one: _Round, account_sims: int, started: float) -> None:
    """Fill the readings, where this carrier can be read: first of whom it was asked least, so that nobody starves."""
    if one.work.carrier.capabilities.can_read:
        one.context.at("before-read")
        gate = gate_of_lease(one.context, one.account, started)
        queued = {operation.iccid for operation in one.taken if _is_queued(one, operation)}
        in_turn = sorted(one.taken, key=attrgetter("looks"))
        look(one.work.carrier, in_turn, account_sims, gate, readings=one.readings, queued=queued)
        one.context.at("after-read")


def _is_queued(one: _Round, operation: Operation) -> bool:
    """Whether its SIM may still be absent because the carrier has not come to it: its absence would prove nothing."""
    if operation.step is not Step.SENT or not one.work.carrier.capabilities.imports:
        return False
    return _since_request(one.context, operation, one.taken_at) < _patience(one, operation)


def _write(one: _Round, tally: Tally) -> None:
    """Judge every row and commit all of it, and what was seen of the SIMs whose rows the lease still holds."""
    context, readings, fence = one.context, one.readings, one.lease.fence
    with context.commit("settle") as tx:
        moves, later = _judge_all(one)
        kept: set[int] = set()
        done: set[int] = set()
        for change in gathered(moves):
            moved = ledger.move(tx, change, actor=one.lease.worker, fence=fence)
            tally.steps[change.target.value] += len(moved)
            kept.update(moved)
            done.update(moved if change.target is Step.DONE else ())
        for (seconds, looked), ids in later.items():
            kept.update(ledger.look_again(tx, ids, fence=fence, in_seconds=seconds, looked=looked))
        mine = [operation for operation in one.taken if operation.id in kept]
        seen = {operation.iccid for operation in mine} & readings.seen.keys()
        sims.observe(tx, [*_told(mine, readings), *(_seen(readings.seen[iccid]) for iccid in seen)])
        sims.blank_codes(tx, sorted(seen.intersection(_claimed(one.taken, moves))))
        acting.free(tx, released_by(one.taken, done))
        _tell_circuit(context, tx, one.account, readings)
    tally.requests += readings.requests
    tally.answered += readings.requests - readings.failures
    tally.manifests |= {operation.manifest_id for operation in one.taken}
    tally.problem = str(readings.error) if readings.error else ""
    context.watch(Progress("settle", done=len(readings.seen), total=len(one.taken), carrier_account=one.account))


def _judge_all(one: _Round) -> tuple[list[Move], dict[tuple[float, bool], list[int]]]:
    """The moves, and for the rows that stay: in how many seconds to look again, and whether this was a look."""
    moves: list[Move] = []
    later: dict[tuple[float, bool], list[int]] = {}
    for operation in one.taken:
        judgement = _judge(one, operation)
        if judgement.target is None:
            later.setdefault(_look_again(one, operation), []).append(operation.id)
        else:
            moves.append(_move(operation, judgement, one.context.poll_first_seconds(one.account)))
    return moves, later


def _judge(one: _Round, operation: Operation) -> Judgement:
    can = one.work.carrier.capabilities
    asked = Asked(operation.action, operation.stage, operation.step, operation.attempt, can.imports)
    told = one.readings.told.get(operation.iccid)
    if told is not None:
        return _judge_told(told, past_deadline=_past_deadline_seconds(operation, one.taken_at) >= 0)
    sim = one.readings.seen.get(operation.iccid)
    if not can.can_read:
        return NO_READ
    if sim is None:
        waited = _past_deadline_seconds(operation, one.taken_at)
        return judge_unread(asked) if one.readings.failed and waited >= one.work.quiet_seconds else NOT_SEEN
    seen = Seen(
        state=sim.state,
        word=sim.word,
        since_request_seconds=_since_request(one.context, operation, one.taken_at),
        past_deadline=_past_deadline_seconds(operation, one.taken_at) >= 0,
    )
    return judge(asked, seen, Patience(_patience(one, operation), one.context.timing.attempts))


def _patience(one: _Round, operation: Operation) -> float:
    """How long nothing is concluded from a SIM that shows as before: a queue may be slower than any lost request."""
    quiet, queue = one.work.quiet_seconds, one.work.queue_seconds
    return max(quiet, queue) if operation.step is Step.SENT else quiet


def _judge_told(told: Answer, *, past_deadline: bool) -> Judgement:
    """What the carrier says of its own job or action needs no second witness; one that goes on is waited for."""
    if told.kind in TOLD:
        return Judgement(TOLD[told.kind], told.reason or "told_by_job", told.detail)
    if past_deadline:
        return Judgement(Step.TIMED_OUT, "not_true_in_time", "The carrier's job has not ended after 24 h.")
    return Judgement(None, "in_progress")


def _past_deadline_seconds(operation: Operation, now: datetime) -> float:
    """Negative while there is time."""
    return (now - operation.deadline_at).total_seconds() if operation.deadline_at else -inf


def _look_again(one: _Round, operation: Operation) -> tuple[float, bool]:
    """In how many seconds, and whether this look counts. A SIM that cannot be read does not hold up the others."""
    readings = one.readings
    if readings.concern(operation.iccid):
        return _next_look(one, operation), True
    if operation.iccid in readings.unreadable:
        return max(RETRY_SECONDS, _next_look(one, operation)), True
    error = readings.error
    return (max(1.0, error.retry_after_seconds) if isinstance(error, NotSent) else RETRY_SECONDS), False


def _since_request(context: Context, operation: Operation, now: datetime) -> float:
    """Seconds since the last moment at which the request can have left: never too long, rather too short."""
    if operation.step is not Step.UNKNOWN and operation.accepted_at is not None:
        return (now - operation.accepted_at).total_seconds()
    if operation.intent_at is None:
        return 0.0
    return (now - operation.intent_at).total_seconds() - context.timing.lease_seconds


def _next_look(one: _Round, operation: Operation) -> float:
    age = one.taken_at - (operation.accepted_at or operation.intent_at or one.taken_at)
    first, longest = one.context.poll_first_seconds(one.account), one.context.timing.poll_longest_seconds
    return round(next_look_seconds(age.total_seconds(), first, longest), 1)


def _move(operation: Operation, judgement: Judgement, poll_first: float) -> Move:
    assert judgement.target is not None  # noqa: S101 - the caller has asked
    due = poll_first if judgement.target is Step.ACCEPTED else 0.0
    return Move(
        operation.step, judgement.target, judgement.reason, (operation.id,), judgement.detail, due, judgement.stage
    )


def _seen(sim: CarrierSim) -> sims.SeenSim:
    return sims.SeenSim(sim.iccid, sim.state, sim.word, sim.carrier_reference, sim.plan_reference, sim.msisdn, sim.imsi)


def _told(operations: Sequence[Operation], readings: Readings) -> Iterator[sims.SeenSim]:
    """SIMs of which a job that has ended proves the state."""
    for operation in operations:
        told = readings.told.get(operation.iccid)
        if told is not None:
            yield from seen_by_answer(operation, told)


def _claimed(taken: list[Operation], moves: list[Move]) -> list[str]:
    """SIMs whose claim proved true, or needless: their registration codes have done their work."""
    over = {id_ for one in moves if one.reason == "claimed" or one.target is Step.DONE for id_ in one.ids}
    return [operation.iccid for operation in taken if operation.stage is Stage.CLAIM and operation.id in over]


def _tell_circuit(context: Context, tx: Transaction, account: str, readings: Readings) -> None:
    if readings.seen:
        limits.record_success(tx, account)
    elif readings.failed:
        count_failure(context, tx, account, str(readings.error))
