"""What a carrier's answer, or its absence, makes of an operation that was sent. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from carriers.contract import Answer, AnswerKind
from carriers.errors import CarrierError, CredentialsRefused, NotSent, OutcomeUnknown, RequestRefused
from domain.lifecycle import Action, SimState, Stage, Step
from storage.leased import Operation
from storage.ledger import Move
from storage.sims import SeenSim

CREDENTIALS_PAUSE_SECONDS = 60.0


_TARGETS: dict[AnswerKind, tuple[Step, str]] = {
    AnswerKind.DONE: (Step.DONE, "done_at_once"),
    AnswerKind.ACCEPTED: (Step.ACCEPTED, "accepted"),
    AnswerKind.QUEUED: (Step.SENT, "queued"),
    AnswerKind.REJECTED: (Step.REJECTED, "refused"),
    AnswerKind.REVIEW: (Step.NEEDS_REVIEW, "needs_a_person"),
    AnswerKind.UNKNOWN: (Step.UNKNOWN, "no_answer"),
}
"""What the carrier made of an order -> the step, and the reason where the answer has no word of its own."""


def after_answer(operation: Operation, answer: Answer, *, poll_first: float, quiet: float) -> Move:
    """The move that one answer asks for. `quiet` seconds pass before an unusable answer is settled by a read."""
    ids = (operation.id,)
    if operation.stage is Stage.CLAIM and answer.kind is AnswerKind.DONE:
        return Move(Step.INTENT, Step.PLANNED, "claimed", ids, answer.detail, stage=Stage.CHANGE)
    named = answer.carrier_request
    target, reason = _TARGETS[answer.kind]
    due = {Step.ACCEPTED: poll_first, Step.SENT: poll_first, Step.UNKNOWN: quiet}.get(target, 0.0)
    return Move(Step.INTENT, target, answer.reason or reason, ids, answer.detail, due, carrier_request=named)


def after_error(operations: tuple[Operation, ...], error: CarrierError, *, quiet: float) -> Move:
    """The move that an error of the whole request asks for: only what surely did not leave may be planned again."""
    ids = tuple(operation.id for operation in operations)
    match error:
        case NotSent():
            wait = error.retry_after_seconds
            return Move(Step.INTENT, Step.PLANNED, "not_sent", ids, str(error), wait, counts=False)
        case CredentialsRefused():
            wait = CREDENTIALS_PAUSE_SECONDS
            return Move(Step.INTENT, Step.PLANNED, "credentials_refused", ids, str(error), wait, counts=False)
        case RequestRefused():
            return Move(Step.INTENT, Step.REJECTED, error.code or "refused", ids, str(error))
        case OutcomeUnknown():
            return Move(Step.INTENT, Step.UNKNOWN, "no_answer", ids, str(error), quiet)
        case _:
            return Move(Step.INTENT, Step.UNKNOWN, "unexpected_error", ids, str(error), quiet)


def gathered(moves: list[Move]) -> list[Move]:
    """Moves that differ only in their ids, as one each."""
    together: dict[Move, list[int]] = {}
    for one in moves:
        together.setdefault(replace(one, ids=()), []).extend(one.ids)
    return [replace(one, ids=tuple(ids)) for one, ids in together.items()]


def released_by(operations: Iterable[Operation], done: Collection[int]) -> list[str]:
    """The SIMs whose release is among what is done now: they are nobody's any more."""
    return [one.iccid for one in operations if one.action is Action.RELEASE and one.id in done]


def seen_by_answer(operation: Operation, answer: Answer) -> Iterator[SeenSim]:
    """What the answer proves of the SIM: the carrier's id of it, and the state where it is certain."""
    state = _state_after(operation, answer)
    if state is not None:
        yield SeenSim(operation.iccid, state, answer.reason, carrier_reference=answer.carrier_reference)


DONE_STATE = {
    Action.ACTIVATE: SimState.ACTIVE,
    Action.DEACTIVATE: SimState.DEACTIVATED,
    Action.RELEASE: SimState.RELEASED,
}
"""How a SIM stands when an action is done."""


def _state_after(operation: Operation, answer: Answer) -> SimState | None:
    if answer.kind is AnswerKind.ACCEPTED:
        return SimState.ACTIVATING
    if answer.kind is AnswerKind.DONE:
        claimed = answer.state or SimState.INACTIVE
        return claimed if operation.stage is Stage.CLAIM else DONE_STATE[operation.action]
    return None
