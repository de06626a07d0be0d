"""What a carrier's answer, or its absence, makes of an operation that was sent. Pure."""

from carriers.contract import Answer, AnswerKind
from carriers.errors import CarrierError, CredentialsRefused, NotSent, OutcomeUnknown, RequestRefused
from domain.lifecycle import Stage, Step
from storage.ledger import Move, Operation

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
    target, reason = _TARGETS[answer.kind]
    due = {Step.ACCEPTED: poll_first, Step.SENT: poll_first, Step.UNKNOWN: quiet}.get(target, 0.0)
    return Move(Step.INTENT, target, answer.reason or reason, ids, answer.detail, due)


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
    together: dict[tuple[object, ...], list[int]] = {}
    first: dict[tuple[object, ...], Move] = {}
    for one in moves:
        key = (one.source, one.target, one.reason, one.detail, one.due_in_seconds, one.stage, one.counts)
        first.setdefault(key, one)
        together.setdefault(key, []).extend(one.ids)
    return [_with_ids(first[key], tuple(ids)) for key, ids in together.items()]


def _with_ids(one: Move, ids: tuple[int, ...]) -> Move:
    return Move(one.source, one.target, one.reason, ids, one.detail, one.due_in_seconds, one.stage, one.counts)
