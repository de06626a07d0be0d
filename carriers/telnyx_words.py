"""Telnyx's words in ours: statuses, actions, errors, amounts, and where they stand in its documents. Pure."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from carriers.contract import Answer, AnswerKind, CarrierSim, Usage
from carriers.errors import CredentialsRefused, RequestRefused
from carriers.http import Complaint, redacted
from carriers.words import known_state
from domain.iccid import compact
from domain.lifecycle import Action, SimState

log = logging.getLogger("simline.carriers")

STATES: dict[str, SimState] = {
    "registering": SimState.ACTIVATING,
    "enabling": SimState.ACTIVATING,
    "enabled": SimState.ACTIVE,
    "disabling": SimState.ACTIVATING,
    "disabled": SimState.INACTIVE,  # registered and never enabled, or paused: Telnyx has one word for both
    "setting_standby": SimState.ACTIVATING,
    "standby": SimState.READY,  # it connects, and Telnyx enables it once it has consumed data
    # These four Telnyx sets and takes back by itself; what was asked for before comes true again then.
    "data_limit_exceeded": SimState.BARRED,
    "unauthorized_imei": SimState.BARRED,
    "blocked": SimState.BARRED,
    "abolished": SimState.BARRED,
}
VERBS: dict[Action, str] = {Action.ACTIVATE: "enable", Action.DEACTIVATE: "disable"}
REACHED: dict[Action, frozenset[str]] = {
    Action.ACTIVATE: frozenset({"enabled"}),
    Action.DEACTIVATE: frozenset({"disabled"}),
}
ON_ITS_WAY = {Action.ACTIVATE: "enabling", Action.DEACTIVATE: "disabling"}

PROGRESS: dict[str, tuple[AnswerKind, str]] = {
    "in-progress": (AnswerKind.ACCEPTED, "in_progress"),
    "completed": (AnswerKind.DONE, "completed"),
    "failed": (AnswerKind.REJECTED, "action_failed"),
    "interrupted": (AnswerKind.REJECTED, "action_interrupted"),
}
REFUSED_CHANGES = {"70000": "data_limit_reached", "70007": "no_group"}
NOT_THE_SIMS_FAULT = {"10007", "10008", "10009", "10010", "10011"}
"""Unexpected error, timeout, authentication, authorization, too many requests."""
ACCOUNTS_FAULT = (402, 403, 404, 405)
"""Statuses that every SIM would meet; of one SIM or action a 404 may be true, so those are looked at first."""

REFERENCE = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
BYTES = {"MB": Decimal(10**6), "GB": Decimal(10**9)}  # nothing says that powers of 1,024 are meant
RESET_HEADER = "x-ratelimit-reset"

Entry = Mapping[str, object]


def complaint(document: object) -> Complaint | None:
    """Code and sentence of the first of Telnyx's errors; None for anything else.

    >>> complaint({"errors": [{"code": "10011", "title": "Too many requests"}]})
    Complaint(code='10011', message='Too many requests')
    """
    errors = entries(document, "errors")
    return complaint_of(errors[0]) if errors else None


def reset_seconds(headers: Mapping[str, str], _now: float) -> float | None:
    """Seconds until the limit's window ends; None without a usable number.

    >>> reset_seconds({"x-ratelimit-reset": "7"}, 0.0), reset_seconds({"x-ratelimit-reset": "soon"}, 0.0)
    (7.0, None)
    """
    told = headers.get(RESET_HEADER, "").strip()
    return float(told) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", told) else None


def entries(document: object, name: str) -> list[Entry] | None:
    """The objects listed under this name; None where there is no such list, or where it holds something else."""
    listed = document.get(name) if isinstance(document, dict) else None
    return listed if isinstance(listed, list) and all(isinstance(one, dict) for one in listed) else None


def iccid_in(sim: Entry) -> str:
    """The SIM's ICCID in the form that we use everywhere; empty where it has none.

    >>> iccid_in({"iccid": "8931 0410 1065 4378 9301"}), iccid_in({"iccid": None})
    ('89310410106543789301', '')
    """
    return compact(str(sim.get("iccid") or ""))


def complaint_of(error: Entry, secrets: Sequence[str] = ()) -> Complaint:
    """Code and sentence of one error, with the place that it points at.

    >>> complaint_of({"code": "10015", "title": "Bad request", "source": {"pointer": "/sim_card_group_id"}})
    Complaint(code='10015', message='Bad request (/sim_card_group_id)')
    """
    said = ": ".join(str(error[name]) for name in ("title", "detail") if error.get(name))
    source = error.get("source")
    place = (source.get("pointer") or source.get("parameter")) if isinstance(source, dict) else None
    sentence = f"{said} ({place})" if place else said
    return Complaint(str(error.get("code", "")), redacted(sentence, tuple(secrets)))


def seen(sim: Entry) -> CarrierSim:
    """One of Telnyx's SIM cards in our words."""
    word, iccid = status_of(sim), iccid_in(sim)
    reference, group, msisdn, imsi = (
        str(sim[name]) if sim.get(name) else None for name in ("id", "sim_card_group_id", "msisdn", "imsi")
    )
    return CarrierSim(iccid, known_state(STATES.get(word), "Telnyx", word, iccid), word, reference, group, msisdn, imsi)


def status_of(resource: Entry) -> str:
    """The status word of a SIM or an action; empty where there is none."""
    status = resource.get("status")
    return str(status.get("value") or "")[:40] if isinstance(status, dict) else ""


def progress(iccid: str, action: Entry) -> Answer:
    """How an action stands, in Telnyx's words where it failed."""
    word, status = status_of(action), action.get("status")
    kind, reason = PROGRESS.get(word, (AnswerKind.UNKNOWN, "unexpected_status"))
    told = redacted(str(status.get("reason") or ""), ()) if isinstance(status, dict) else ""
    if kind is AnswerKind.UNKNOWN:
        told = f"Telnyx says {word!r} of the action."
    elif kind is AnswerKind.REJECTED:
        told = told or "Telnyx gives no reason."
    return Answer(iccid, kind, reason, told, carrier_request=str(action.get("id")))


def stop_if_misconfigured(refusal: RequestRefused) -> None:
    """A refusal that every SIM would meet is the account's, not the SIM's: one wrong setting rejects no fleet."""
    if refusal.status == 404:
        raise CredentialsRefused("There is no Telnyx at this address. Check the account's `base_url`.") from None
    if refusal.status in ACCOUNTS_FAULT:
        raise CredentialsRefused(f"{refusal} Check what the account may do, and its balance.") from None


def usages(sims: Sequence[Entry], first: date, last: date) -> Iterator[Usage]:
    """What each of these SIMs used from `first` to `last`; one without a usable amount is left out."""
    for sim in sims:
        used = sim.get("current_billing_period_consumed_data")
        if not isinstance(used, dict) or not iccid_in(sim):
            continue
        amount, unit = str(used.get("amount")), str(used.get("unit", "MB"))
        if not AMOUNT.fullmatch(amount) or unit not in BYTES:
            log.warning("Telnyx says that ICCID %s used %.40r %.40r, which is no amount", iccid_in(sim), amount, unit)
            continue
        total = int((Decimal(amount) * BYTES[unit]).to_integral_value())
        reference = str(sim["id"]) if sim.get("id") else None
        yield Usage(first, last, total, iccid_in(sim), reference)
