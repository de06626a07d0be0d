"""What a fault makes of an answer: one that stands instead of the effect, or one that is spoilt on its way back."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from carriers.simulated.dialect import ELSEWHERE, Dialect
from carriers.simulated.faults import Fault, Faults
from carriers.simulated.wire import Answer, Manner

INSTEAD: dict[Fault, Callable[[Dialect, Faults], Answer]] = {
    Fault.ERROR_500: lambda dialect, _: dialect.broken(500),
    Fault.ERROR_502: lambda dialect, _: dialect.broken(502),
    Fault.ERROR_503: lambda dialect, _: dialect.broken(503),
    Fault.ERROR_504: lambda dialect, _: dialect.broken(504),
    Fault.LIMITED: lambda dialect, faults: dialect.too_many(faults.retry_after_seconds),
    Fault.LIMITED_SILENT: lambda dialect, _: dialect.too_many(None),
    Fault.REDIRECT: lambda _dialect, _: Answer(307, {}, headers={"Location": f"http://{ELSEWHERE}/"}),
    Fault.TOKEN_EXPIRES: lambda dialect, _: dialect.unauthorized(),
    Fault.ERROR_INSIDE: lambda dialect, _: replace(dialect.broken(500), status=200),
    Fault.RESET: lambda _dialect, _: Answer(0, manner=Manner.RESET),
    Fault.HANG: lambda _dialect, faults: Answer(0, manner=Manner.CLOSED, seconds=faults.slow_seconds),
    Fault.LATE_EFFECT: lambda _dialect, _: Answer(0, manner=Manner.CLOSED),
}
"""Answers without the effect (a late one comes later)."""


def _repaged(fault: Fault, dialect: Dialect, answer: Answer, _: Faults) -> Answer:
    return dialect.repaged(answer, fault)


SPOILT: dict[Fault, Callable[[Dialect, Answer, Faults], Answer]] = {
    Fault.ERROR_AFTER_EFFECT: lambda dialect, answer, _: replace(
        answer, status=500, document=dialect.broken(500).document
    ),
    Fault.LOST_REPLY: lambda _dialect, answer, _: replace(answer, manner=Manner.CLOSED),
    Fault.TRUNCATED: lambda _dialect, answer, _: replace(answer, manner=Manner.TRUNCATED),
    Fault.INVALID_JSON: lambda _dialect, answer, _: replace(answer, manner=Manner.HALVED),
    Fault.SLOW: lambda _dialect, answer, faults: replace(answer, seconds=faults.slow_seconds),
    Fault.DRIBBLE: lambda _dialect, answer, faults: replace(
        answer, manner=Manner.DRIBBLED, seconds=faults.slow_seconds
    ),
    Fault.UNKNOWN_WORD: lambda dialect, answer, faults: dialect.reworded(answer, faults.word),
    Fault.FLAPS: lambda dialect, answer, _: dialect.reworded(answer, None),
    Fault.PAGE_REPEATS: partial(_repaged, Fault.PAGE_REPEATS),
    Fault.PAGE_FOREIGN: partial(_repaged, Fault.PAGE_FOREIGN),
    Fault.PAGE_LOSES: partial(_repaged, Fault.PAGE_LOSES),
}
"""Answers after the effect. STUCK and FALLS_BACK are in neither table: their answers are in order."""
