"""Soracom's words and documents in ours: states, verbs, errors, tokens, SIMs and traffic. Pure.

https://users.soracom.io/ja-jp/tools/api/reference/ and https://developers.soracom.io/en/docs/air/subscriber-status
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime

from carriers.contract import CarrierSim, Usage
from carriers.errors import ReadFailed
from carriers.http import Complaint
from carriers.login import Token, is_token
from carriers.words import fields_of, known_state
from domain.lifecycle import Action, SimState

STATES: dict[str, SimState] = {
    "ready": SimState.READY,  # registered; becomes active by itself when its device first connects
    "inactive": SimState.INACTIVE,
    "active": SimState.ACTIVE,
    "standby": SimState.READY,  # as `ready`, with a fee of its own
    "suspended": SimState.DEACTIVATED,  # asked for, or due at the SIM's expiry: people's doing either way
    "terminated": SimState.RELEASED,
}
VERBS: dict[Action, str] = {
    Action.ACTIVATE: "activate",
    Action.DEACTIVATE: "deactivate",
    Action.RELEASE: "terminate",
}
DONE_WORDS: dict[Action, frozenset[str]] = {
    Action.ACTIVATE: frozenset({"active"}),
    Action.DEACTIVATE: frozenset({"inactive", "suspended"}),  # neither lets the SIM connect
    Action.RELEASE: frozenset({"terminated"}),
}
"""The words that make an action true."""

RESET_HEADER = "X-Soracom-Ratelimit-Seconds-Before-Refresh"
NEXT_KEY_HEADER = "X-Soracom-Next-Key"
TOKEN_SECONDS = 3600
"""We ask for tokens of this life; Soracom gives a day without being asked, and two days at most."""

ICCID = re.compile(r"89[0-9]{17,18}")
SIM_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


def complaint(document: object) -> Complaint | None:
    """Code and message of Soracom's error body; None for anything else.

    >>> complaint({"code": "SEM0001", "message": "No such resource found"})
    Complaint(code='SEM0001', message='No such resource found')
    """
    if not isinstance(document, dict) or not isinstance(document.get("code"), str):
        return None
    return Complaint(document["code"], str(document.get("message", "")))


def reset_seconds(headers: Mapping[str, str], now: float) -> float | None:  # noqa: ARG001 - it is no point in time
    """Seconds until the minute that the limit counts is over; None where the answer does not say.

    >>> reset_seconds({RESET_HEADER: "17"}, 0.0), reset_seconds({RESET_HEADER: "soon"}, 0.0)
    (17.0, None)
    """
    said = headers.get(RESET_HEADER, "").strip()
    return float(said) if re.fullmatch(r"[0-9]{1,9}", said) else None


def token(answer: object) -> Token | None:
    """The API key and the token that every other request needs; the answer does not repeat how long they are good."""
    fields = fields_of(answer)
    key, proof = fields.get("apiKey"), fields.get("token")
    if not is_token(key) or not is_token(proof):
        return None
    headers = {"X-Soracom-API-Key": str(key), "X-Soracom-Token": str(proof)}
    return Token(headers, float(TOKEN_SECONDS), (str(key), str(proof)))


def is_sim(document: object) -> bool:
    """Whether this is one of Soracom's SIMs, not an error in the place of one."""
    return isinstance(document, dict) and isinstance(document.get("simId"), str) and "status" in document


def iccids_of(sim: Mapping[str, object]) -> tuple[str, ...]:
    """Its ICCIDs: the SIM ID where that is one, as with every card, then those of its profiles (eUICC)."""
    profiles = sim.get("profiles")
    named = [sim.get("simId"), sim.get("activeProfileId"), *(profiles if isinstance(profiles, dict) else ())]
    spelt = (re.sub(r"[ -]", "", str(number)).rstrip("Ff") for number in named)
    return tuple(dict.fromkeys(number for number in spelt if ICCID.fullmatch(number)))


def seen(sim: Mapping[str, object], iccid: str) -> CarrierSim:
    """One of Soracom's SIMs in our words; its group stands for its plan."""
    word = str(sim.get("status") or "")[:40]
    imsi, msisdn = _subscriber(sim)
    return CarrierSim(
        iccid,
        known_state(STATES.get(word), "Soracom", word, iccid),
        word,
        carrier_reference=_text(sim.get("simId")),
        plan_reference=_text(sim.get("groupId")),
        msisdn=msisdn,
        imsi=imsi,
    )


def _subscriber(sim: Mapping[str, object]) -> tuple[str | None, str | None]:
    """IMSI and MSISDN of the primary subscription of the profile in use."""
    profile = fields_of(fields_of(sim.get("profiles")).get(str(sim.get("activeProfileId"))))
    imsi = _text(profile.get("primaryImsi"))
    return imsi, _text(fields_of(fields_of(profile.get("subscribers")).get(imsi or "")).get("msisdn"))


def _text(said: object) -> str | None:
    return said if isinstance(said, str) and said else None


def usages(document: object, iccid: str, first: date, last: date) -> Iterator[Usage]:
    """The bytes of each UTC day that was told, upload and download of all speed classes; other days are left out.

    Raises `ReadFailed` where it is no list of days.
    """
    if not isinstance(document, list):
        raise ReadFailed("Soracom answered a question for traffic without a list of days.")
    for entry in document:
        day, total = _day(entry), _bytes(entry)
        if first <= day <= last:
            yield Usage(day, day, total, iccid=iccid)


def _day(entry: object) -> date:
    """`unixtime` (seconds) is the beginning of the day."""
    try:
        return datetime.fromtimestamp(entry["unixtime"], UTC).date()  # type: ignore[index]
    except (TypeError, KeyError, ValueError, OverflowError, OSError):
        raise ReadFailed("Soracom told traffic without its day.") from None


def _bytes(entry: Mapping[str, object]) -> int:
    total = 0
    for traffic in fields_of(entry.get("dataTrafficStatsMap")).values():
        for name in ("uploadByteSizeTotal", "downloadByteSizeTotal"):
            count = traffic.get(name, 0) if isinstance(traffic, dict) else None
            if not isinstance(count, int) or count < 0:
                raise ReadFailed(f"Soracom told {name} as {str(count)[:40]!r}, which is no number of bytes.")
            total += count
    return total
