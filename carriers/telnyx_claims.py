"""What Telnyx's answer to a registration says of each code in it. Pure.

The answer lists the SIMs that were registered, by ICCID and not by code, and beside them errors. Which code an error is
about is told by its JSON pointer or by a code that it repeats; an error that names none, or two, is about nobody.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from carriers.contract import Answer, AnswerKind, CarrierSim, Order
from carriers.errors import CredentialsRefused, RequestRefused
from carriers.http import Complaint
from carriers.telnyx_words import (
    NOT_THE_SIMS_FAULT,
    REFERENCE,
    STATES,
    Entry,
    complaint_of,
    entries,
    iccid_in,
    status_of,
    stop_if_misconfigured,
)
from domain.lifecycle import SimState

POINTER = re.compile(r".*/registration_codes/([0-9]{1,6})")
WORD = re.compile(r"[A-Za-z0-9_-]+")
DISTINCT = re.compile(r"(?=.*[0-9]).{6,}")
"""Telnyx's codes are 10 digits; one that a manifest has wrong may be a word that stands in any sentence."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Who is registered and who is refused, by ICCID of the orders; `strangers` are ICCIDs that nobody ordered."""

    sims: Mapping[str, Entry]
    refused: Mapping[str, Complaint]
    strangers: tuple[str, ...]
    sentence: str  # for those of whom it says nothing


def understood(document: object, orders: Sequence[Order], secrets: Sequence[str]) -> Registration:
    """The answer to a registration of these orders' codes, in their order; `secrets` are kept out of its sentences."""
    listed = {iccid_in(sim): sim for sim in entries(document, "data") or ()}
    errors = entries(document, "errors") or []
    ordered = {order.iccid for order in orders}
    refused = {}
    for error in errors:
        about = _about(error, orders)
        if len(about) == 1:
            refused[orders[about.pop()].iccid] = complaint_of(error, secrets)
    return Registration(
        sims={iccid: sim for iccid, sim in listed.items() if iccid in ordered},
        refused=refused,
        strangers=tuple(sorted(listed.keys() - ordered)),
        sentence=_sentence(errors, secrets),
    )


def _about(error: Entry, orders: Sequence[Order]) -> set[int]:
    """The places in the request that this error names."""
    source = error.get("source")
    pointer = POINTER.fullmatch(str(source.get("pointer"))) if isinstance(source, dict) else None
    named = {int(pointer[1])} if pointer and int(pointer[1]) < len(orders) else set()
    words = {word for word in _words(error) if DISTINCT.fullmatch(word)}
    return named | {at for at, order in enumerate(orders) if words & {order.iccid, order.registration_code}}


def _words(error: Entry) -> Iterator[str]:
    """What the error says in words and in its `meta`: each word, and each whole text there."""
    meta = error.get("meta")
    told = list(meta.values()) if isinstance(meta, dict) else []
    lists = [one for each in told if isinstance(each, list) for one in each]
    for text in (error.get("title"), error.get("detail"), *told, *lists):
        if isinstance(text, str):
            yield text
            yield from WORD.findall(text)


def _sentence(errors: Sequence[Entry], secrets: Sequence[str]) -> str:
    if not errors:
        return "The answer does not name this SIM."
    first = complaint_of(errors[0], secrets)
    return f"The answer does not name this SIM; its first error of {len(errors)} is {first.code}: {first.message}"


def answer_to(order: Order, told: Registration, sim: CarrierSim | None) -> Answer:
    """The answer for one code; `sim` is what a read said of its SIM, where it was refused and could be read."""
    registered, refused = told.sims.get(order.iccid), told.refused.get(order.iccid)
    if registered and refused:
        return Answer(order.iccid, AnswerKind.REVIEW, "contradiction", f"Registered and refused: {refused.message}")
    if registered:
        return _registered(order, registered)
    if refused:
        return _refused_claim(order, refused, sim)
    if told.strangers:
        sentence = (
            f"A code of this request registered ICCID {', '.join(told.strangers)[:200]}, which it did not ask for."
        )
        return Answer(order.iccid, AnswerKind.REVIEW, "another_sim", sentence)
    return Answer(order.iccid, AnswerKind.UNKNOWN, "missing", told.sentence)


def _registered(order: Order, sim: Entry) -> Answer:
    """In the account. What is still on its way, or enabled already, is read before anything else is asked for."""
    reference = str(sim.get("id"))
    if not REFERENCE.fullmatch(reference):
        return Answer(order.iccid, AnswerKind.UNKNOWN, "not_a_sim", "The registered SIM has no id.")
    state = STATES.get(status_of(sim))
    if state in (SimState.INACTIVE, SimState.READY):
        return Answer(order.iccid, AnswerKind.DONE, "claimed", carrier_reference=reference, state=state)
    return Answer(order.iccid, AnswerKind.ACCEPTED, "registered", carrier_reference=reference)


def _refused_claim(order: Order, refused: Complaint, sim: CarrierSim | None) -> Answer:
    """A code that was used before is refused like a wrong one; only the SIM tells whether it was used by us."""
    if sim is None:
        return Answer(order.iccid, AnswerKind.UNKNOWN, "refused_unread", refused.message)
    if sim.state is not SimState.ABSENT:
        if order.plan_reference and sim.plan_reference and sim.plan_reference != order.plan_reference:
            sentence = f"The SIM is ours already, in the group {sim.plan_reference}. Move it in Telnyx's portal."
            return Answer(order.iccid, AnswerKind.REVIEW, "another_group", sentence, sim.carrier_reference)
        reference, state = sim.carrier_reference, sim.state
        return Answer(order.iccid, AnswerKind.DONE, "already_ours", carrier_reference=reference, state=state)
    if refused.code in NOT_THE_SIMS_FAULT:
        return Answer(order.iccid, AnswerKind.UNKNOWN, "no_verdict", refused.message)
    return Answer(order.iccid, AnswerKind.REJECTED, "not_registrable", refused.message)


def refused_together(orders: Sequence[Order], refusal: RequestRefused) -> Registration:
    """A whole registration that was refused: of one code it is about that code, of many it is about nobody."""
    if "/sim_card_group_id" in str(refusal):
        raise CredentialsRefused(f"{refusal} Check the group in the plan's `carrier_reference`.") from None
    stop_if_misconfigured(refusal)
    said = Complaint(refusal.code, str(refusal))
    return Registration({}, {orders[0].iccid: said} if len(orders) == 1 else {}, (), str(refusal))
