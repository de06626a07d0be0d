"""A person's evidence about SIMs that the engine cannot settle: what it looked like at the carrier, and why we know.

The engine moves what the rules allow and says of each other SIM why it stays. Nothing is sent here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf

from domain.acting import SENTENCES, Fate
from domain.deciding import DECIDED, FOR_PEOPLE, STATES, Saw, Then
from domain.deciding import decide as judge_evidence
from domain.judging import Asked, Judgement
from domain.lifecycle import Stage, Step
from engine.answers import DONE_STATE, gathered
from engine.context import Context
from storage import acting, deciding, ledger, manifests, sims
from storage.database import Transaction
from storage.deciding import Standing
from storage.ledger import Move
from storage.sims import SeenSim
from storage.turns import take_turn

NOT_OURS = "It is not ours."
MOVED = "It moved on meanwhile. Look at it again."
OVERTAKEN = "Something else was asked of it since: it is not sent again."
SEEN_BY_PERSON = "seen by a person"


@dataclass(frozen=True, slots=True)
class Which:
    """The SIMs that a word is about: these, or a manifest's at these steps."""

    iccids: tuple[str, ...] = ()
    manifest_id: str | None = None
    steps: tuple[Step, ...] = FOR_PEOPLE


@dataclass(frozen=True, slots=True)
class Word:
    """What a person saw at the carrier, what follows where that is not as wanted, and how they know."""

    saw: Saw
    then: Then | None
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the word makes of one SIM. `target` is None where it stays as it is; then the sentence says why."""

    iccid: str
    manifest_id: str | None
    step: Step | None
    target: Step | None
    sentence: str = ""


def preview(context: Context, which: Which, word: Word) -> list[Decision]:
    """What `decide` would do now; nothing is changed. Raises `NoSuchManifest`."""
    with context.database.read() as tx:
        return [decision for decision, _ in _weighed(context, tx, which, word)]


def decide(context: Context, which: Which, word: Word, *, actor: str) -> list[Decision]:
    """Settle what the word settles, with the actor and the reason in the history. Sends nothing; safe to repeat.

    Raises `NoSuchManifest`, `DatabaseUnavailable`.
    """
    with context.commit("decision") as tx:
        take_turn(tx)
        weighed = _weighed(context, tx, which, word)
        settled = [one for _, one in weighed if one is not None]
        moved = _move(context, tx, settled, word, actor)
        _remember(tx, [one for one in settled if one.standing.id in moved], word)
        manifests.reopen(tx, {one.standing.manifest_id for one in settled if one.standing.id in moved})
    return [
        replace(decision, target=None, sentence=MOVED) if one is not None and one.standing.id not in moved else decision
        for decision, one in weighed
    ]


@dataclass(frozen=True, slots=True)
class _Settled:
    """An operation with what the word makes of it."""

    standing: Standing
    target: Step
    stage: Stage | None


def _weighed(context: Context, tx: Transaction, which: Which, word: Word) -> list[tuple[Decision, _Settled | None]]:
    if which.manifest_id is not None:
        manifest_id = manifests.find(tx, which.manifest_id).id
        waiting = deciding.at_steps(tx, manifest_id, which.steps)
        standing = deciding.newest(tx, [one.iccid for one in waiting])
        return [_weigh(context, tx, one, word, is_newest=standing[one.iccid].id == one.id) for one in waiting]
    asked_for = list(dict.fromkeys(which.iccids))
    found = deciding.newest(tx, asked_for)
    return [
        _weigh(context, tx, found[iccid], word)
        if iccid in found
        else (Decision(iccid, None, None, None, NOT_OURS), None)
        for iccid in asked_for
    ]


def _weigh(
    context: Context, tx: Transaction, one: Standing, word: Word, *, is_newest: bool = True
) -> tuple[Decision, _Settled | None]:
    judgement = _judge(context, tx, one, word)
    if judgement.target is Step.PLANNED and not is_newest:
        judgement = Judgement(None, "overtaken", OVERTAKEN)
    if judgement.target is Step.PLANNED and acting.protected_releases(tx, [one.id]):
        judgement = Judgement(None, "protected", SENTENCES[Fate.PROTECTED])
    decision = Decision(one.iccid, one.manifest_id, one.step, judgement.target, judgement.detail)
    settled = None if judgement.target is None else _Settled(one, judgement.target, judgement.stage)
    return decision, settled


def _judge(context: Context, tx: Transaction, one: Standing, word: Word) -> Judgement:
    work = context.carriers.get(one.carrier_account)
    imports = work is not None and work.carrier.capabilities.imports
    judgement = judge_evidence(
        Asked(one.action, one.stage, one.step, one.attempt, imports),
        word.saw,
        word.then,
        since_request_seconds=_since_request(context, tx, one),
        quiet_seconds=work.quiet_seconds if work else 0.0,
    )
    if work is None and judgement.target is Step.PLANNED:
        return Judgement(None, "no_account", f"Put its carrier account {one.carrier_account} into carriers.toml first.")
    return judgement


def _since_request(context: Context, tx: Transaction, one: Standing) -> float:
    """Seconds since a request can have left, or the carrier was last seen at work on it: rather too short."""
    lease = timedelta(seconds=context.timing.lease_seconds)
    moments = [one.intent_at + lease if one.intent_at else None, one.accepted_at]
    return min(((tx.now() - moment).total_seconds() for moment in moments if moment is not None), default=inf)


def _move(context: Context, tx: Transaction, settled: Iterable[_Settled], word: Word, actor: str) -> set[int]:
    detail = f"Seen {word.saw.value} at the carrier: {word.reason}"
    deadline = context.timing.deadline_seconds
    moves = [
        Move(
            one.standing.step,
            one.target,
            DECIDED,
            (one.standing.id,),
            detail,
            stage=one.stage,
            deadline_in_seconds=deadline if one.target is Step.PLANNED else None,
        )
        for one in settled
    ]
    return {id_ for move in gathered(moves) for id_ in ledger.move(tx, move, actor=actor, fence=None)}


def _remember(tx: Transaction, moved: Sequence[_Settled], word: Word) -> None:
    """The SIMs as the person saw them; a registration code whose claim is true by that has done its work."""
    seen = [
        SeenSim(
            one.standing.iccid,
            DONE_STATE[one.standing.action] if one.target is Step.DONE else STATES[word.saw],
            SEEN_BY_PERSON,
        )
        for one in moved
    ]
    sims.observe(tx, seen)
    claimed = [one for one in moved if one.standing.stage is Stage.CLAIM and word.saw is not Saw.ABSENT]
    sims.blank_codes(tx, [one.standing.iccid for one in claimed])
