"""What a fault makes of an answer: one that stands instead of the effect, or one that is spoilt on its way back."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from carriers.simulated.faults import Fault, Faults
from carriers.simulated.supersim import TOO_MANY, UNAUTHORIZED, refusal
from carriers.simulated.wire import Answer, Manner

ELSEWHERE = "127.0.0.2:9"  # nobody listens there, and nobody should ask

INSTEAD: dict[Fault, Callable[[Faults], Answer]] = {
    Fault.ERROR_500: lambda _: refusal(500, 20500, "Internal Server Error", ""),
    Fault.ERROR_502: lambda _: refusal(502, 20502, "Bad Gateway", ""),
    Fault.ERROR_503: lambda _: refusal(503, 20503, "Service Unavailable", ""),
    Fault.ERROR_504: lambda _: refusal(504, 20504, "Gateway Timeout", ""),
    Fault.LIMITED: lambda faults: replace(TOO_MANY, headers={"Retry-After": str(faults.retry_after_seconds)}),
    Fault.LIMITED_SILENT: lambda _: TOO_MANY,
    Fault.REDIRECT: lambda _: Answer(307, {}, headers={"Location": f"http://{ELSEWHERE}/v1/Sims"}),
    Fault.TOKEN_EXPIRES: lambda _: UNAUTHORIZED,
    Fault.ERROR_INSIDE: lambda _: replace(refusal(500, 20500, "Internal Server Error", ""), status=200),
    Fault.RESET: lambda _: Answer(0, {}, manner=Manner.RESET),
    Fault.HANG: lambda faults: Answer(0, {}, manner=Manner.CLOSED, seconds=faults.slow_seconds),
    Fault.LATE_EFFECT: lambda _: Answer(0, {}, manner=Manner.CLOSED),
}
"""Answers without the effect (a late one comes later)."""

SPOILT: dict[Fault, Callable[[Answer, Faults], Answer]] = {
    Fault.ERROR_AFTER_EFFECT: lambda answer, _: replace(
        answer, status=500, document=refusal(500, 20500, "Internal Server Error", "").document
    ),
    Fault.LOST_REPLY: lambda answer, _: replace(answer, manner=Manner.CLOSED),
    Fault.TRUNCATED: lambda answer, _: replace(answer, manner=Manner.TRUNCATED),
    Fault.INVALID_JSON: lambda answer, _: replace(answer, manner=Manner.HALVED),
    Fault.SLOW: lambda answer, faults: replace(answer, seconds=faults.slow_seconds),
    Fault.DRIBBLE: lambda answer, faults: replace(answer, manner=Manner.DRIBBLED, seconds=faults.slow_seconds),
    Fault.UNKNOWN_WORD: lambda answer, faults: _with_status(answer, faults.word),
    Fault.FLAPS: lambda answer, _: _with_status(answer, "scheduled"),
    Fault.PAGE_REPEATS: lambda answer, _: _with_next_page(answer, f"{_meta(answer).get('url')}&PageToken=PA0"),
    Fault.PAGE_FOREIGN: lambda answer, _: _with_next_page(answer, _foreign(_meta(answer).get("next_page_url"))),
    Fault.PAGE_LOSES: lambda answer, _: replace(answer, document=answer.document | {"sims": _sims(answer)[::2]}),
}
"""Answers after the effect. STUCK and FALLS_BACK are in neither table: their answers are in order."""


def _with_status(answer: Answer, word: str) -> Answer:
    if "sims" in answer.document:
        return replace(answer, document=answer.document | {"sims": [sim | {"status": word} for sim in _sims(answer)]})
    return replace(answer, document=answer.document | {"status": word}) if "sid" in answer.document else answer


def _with_next_page(answer: Answer, url: object) -> Answer:
    return replace(answer, document=answer.document | {"meta": _meta(answer) | {"next_page_url": url}})


def _foreign(url: object) -> object:
    return urlsplit(str(url))._replace(netloc=ELSEWHERE).geturl() if url else url


def _sims(answer: Answer) -> list[dict[str, object]]:
    sims = answer.document.get("sims")
    return sims if isinstance(sims, list) else []


def _meta(answer: Answer) -> dict[str, object]:
    meta = answer.document.get("meta")
    return meta if isinstance(meta, dict) else {}
