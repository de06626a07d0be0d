"""Settle what is open: read the carrier about everything that was sent, accepted or is unknown, and judge it.

Waiting holds no worker: a SIM that is not ready goes back as a row with a later `due_at`.
"""

from dataclasses import dataclass
from datetime import datetime

from carriers.contract import CarrierSim
from carriers.errors import CarrierDown, CarrierError, CredentialsRefused, NotSent, ReadFailed
from domain.judging import Asked, Judgement, Patience, Seen, judge
from domain.lifecycle import Step
from domain.polling import next_look_seconds
from engine.answers import gathered
from engine.context import Context, Progress
from engine.gate import count_failure, gate_of_lease, new_lease
from engine.reading import Readings, read_many
from engine.tally import Tally
from storage import ledger, limits, sims
from storage.database import Transaction
from storage.ledger import Lease, Move, Operation

AT_ONCE = 5_000
"""Rows of one lease: enough for a listing to pay, few enough to be judged well within the lease."""
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
        taken = ledger.take_to_settle(tx, account, lease, limit=AT_ONCE)
        account_sims = sims.account_sim_count(tx, account) if taken else 0
    tally.taken = len(taken)
    if taken:
        readings = _read(context, account, taken, account_sims, started)
        _write(_Round(context, account, lease, taken, readings), tally)
    return tally


def _expire(context: Context, account: str, tally: Tally) -> None:
    quiet = context.carriers[account].quiet_seconds
    with context.commit("expiry") as tx:
        lost = ledger.expire_intents(tx, account, quiet_seconds=quiet, limit=AT_ONCE, actor=context.worker)
    tally.steps[Step.UNKNOWN.value] += lost


def _read(context: Context, account: str, taken: list[Operation], account_sims: int, started: float) -> Readings:
    work = context.carriers[account]
    if not work.carrier.capabilities.can_read:
        return Readings()
    context.at("before-read")
    gate = gate_of_lease(context, account, started)
    readings = read_many(work.carrier, [one.iccid for one in taken], account_sims, gate)
    context.at("after-read")
    return readings


@dataclass(frozen=True, slots=True)
class _Round:
    """One lease that was read: what was taken, and what the carrier said."""

    context: Context
    account: str
    lease: Lease
    taken: list[Operation]
    readings: Readings


def _write(one: _Round, tally: Tally) -> None:
    """Judge every row that was read and commit all of it; the others are given back as they were."""
    context, readings, fence = one.context, one.readings, one.lease.fence
    with context.commit("settle") as tx:
        moves, later = _judge_all(context, one.account, one.taken, readings, tx.now())
        for change in gathered(moves):
            moved = ledger.move(tx, change, actor=one.lease.worker, fence=fence)
            tally.steps[change.target.value] += len(moved)
        for seconds, ids in later.items():
            ledger.look_again(tx, ids, fence=fence, in_seconds=seconds)
        not_read = [operation.id for operation in one.taken if operation.iccid not in readings.seen]
        ledger.look_again(tx, not_read, fence=fence, in_seconds=_pause_after(readings.error), looked=False)
        sims.observe(tx, [_seen(sim) for sim in readings.seen.values()])
        sims.blank_codes(tx, _claimed(one.taken, moves))
        _tell_circuit(context, tx, one.account, readings.error)
    tally.requests += readings.requests
    tally.answered += readings.requests - (1 if readings.error else 0)
    tally.manifests |= {operation.manifest_id for operation in one.taken}
    tally.problem = str(readings.error) if readings.error else ""
    context.watch(Progress("settle", done=len(readings.seen), total=len(one.taken), carrier_account=one.account))


def _judge_all(
    context: Context, account: str, taken: list[Operation], readings: Readings, now: datetime
) -> tuple[list[Move], dict[float, list[int]]]:
    """The moves, and for the rows that stay: in how many seconds to look at which again."""
    can_read = context.carriers[account].carrier.capabilities.can_read
    moves: list[Move] = []
    later: dict[float, list[int]] = {}
    for operation in taken:
        sim = readings.seen.get(operation.iccid)
        if not can_read:
            moves.append(_move(operation, _NO_READ, context))
        elif sim is not None:
            judgement = _judge(context, account, operation, sim, now)
            if judgement.target is None:
                later.setdefault(_next_look(context, operation, now), []).append(operation.id)
            else:
                moves.append(_move(operation, judgement, context))
    return moves, later


_NO_READ = Judgement(Step.NEEDS_REVIEW, "no_read", "This carrier cannot be asked about a SIM; a person must look.")


def _pause_after(error: CarrierError | None) -> float:
    return max(1.0, error.retry_after_seconds) if isinstance(error, NotSent) else RETRY_SECONDS


def _judge(context: Context, account: str, operation: Operation, sim: CarrierSim, now: datetime) -> Judgement:
    asked = Asked(operation.action, operation.stage, operation.step, operation.attempt)
    seen = Seen(
        state=sim.state,
        word=sim.word,
        since_request_seconds=_since_request(context, operation, now),
        past_deadline=operation.deadline_at is not None and now >= operation.deadline_at,
    )
    return judge(asked, seen, Patience(context.carriers[account].quiet_seconds, context.timing.attempts))


def _since_request(context: Context, operation: Operation, now: datetime) -> float:
    """Seconds since the last moment at which the request can have left: never too long, rather too short."""
    if operation.step is not Step.UNKNOWN and operation.accepted_at is not None:
        return (now - operation.accepted_at).total_seconds()
    if operation.intent_at is None:
        return 0.0
    return (now - operation.intent_at).total_seconds() - context.timing.lease_seconds


def _next_look(context: Context, operation: Operation, now: datetime) -> float:
    began = operation.accepted_at or operation.intent_at or now
    timing = context.timing
    seconds = next_look_seconds((now - began).total_seconds(), timing.poll_first_seconds, timing.poll_longest_seconds)
    return round(seconds, 1)


def _move(operation: Operation, judgement: Judgement, context: Context) -> Move:
    assert judgement.target is not None  # noqa: S101 - the caller has asked
    due = context.timing.poll_first_seconds if judgement.target is Step.ACCEPTED else 0.0
    return Move(
        operation.step, judgement.target, judgement.reason, (operation.id,), judgement.detail, due, judgement.stage
    )


def _seen(sim: CarrierSim) -> sims.SeenSim:
    return sims.SeenSim(sim.iccid, sim.state, sim.word, sim.carrier_reference, sim.plan_reference, sim.msisdn, sim.imsi)


def _claimed(taken: list[Operation], moves: list[Move]) -> list[str]:
    """SIMs whose claim proved true: their registration codes have done their work."""
    claimed = {id_ for one in moves if one.reason == "claimed" for id_ in one.ids}
    return [operation.iccid for operation in taken if operation.id in claimed]


def _tell_circuit(context: Context, tx: Transaction, account: str, error: CarrierError | None) -> None:
    if error is None:
        limits.record_success(tx, account)
    elif isinstance(error, ReadFailed | CarrierDown | CredentialsRefused) or not isinstance(error, NotSent):
        count_failure(context, tx, account, str(error))
