"""Many codes in one registration: what Telnyx's answer says goes back to the right SIM, and nothing is guessed."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from carriers.contract import Answer, AnswerKind, OpenGate, Order
from carriers.errors import CarrierError, CredentialsRefused, NotSent, OutcomeUnknown
from carriers.simulated.telnyx import uuid_of
from domain.lifecycle import Action, Stage
from tests.carriers.canned import Canned, CannedCarrier, CountingGate
from tests.carriers.test_telnyx import GROUP, TELNYX, errors, listing, sim, telnyx

ICCIDS = [TELNYX.iccid(number) for number in range(1, 5)]
CODES = [f"738519264{number}" for number in range(1, 5)]
ORDERS = [
    Order(iccid, Action.ACTIVATE, Stage.CLAIM, None, GROUP, "DE", code)
    for iccid, code in zip(ICCIDS, CODES, strict=True)
]
ONE = ORDERS[:1]
DONE, ACCEPTED, REJECTED = AnswerKind.DONE, AnswerKind.ACCEPTED, AnswerKind.REJECTED
REVIEW, UNKNOWN = AnswerKind.REVIEW, AnswerKind.UNKNOWN


def registered(at: int, word: str = "disabled", **more: Any) -> dict[str, object]:
    return sim(word, iccid=ICCIDS[at], id_=uuid_of(f"SIM {at}"), **more)


def error(**more: object) -> dict[str, object]:
    return {"code": "10015", "title": "No such code", **more}


def at_pointer(pointer: str, **more: object) -> dict[str, object]:
    return error(source={"pointer": pointer}, **more)


def answer(*data: dict[str, object], said: list[dict[str, object]] | None = None) -> Canned:
    return Canned(202, {"data": list(data), "errors": said or []})


def claim(orders: list[Order], *replies: Canned, **options: str) -> tuple[list[Answer], CannedCarrier]:
    with CannedCarrier(*replies) as carrier:
        return list(telnyx(carrier.url, **options).submit(orders, OpenGate())), carrier


def kinds(answers: list[Answer]) -> list[tuple[AnswerKind, str]]:
    return [(one.kind, one.reason) for one in answers]


@pytest.mark.parametrize(
    ("word", "kind", "reason"),
    [
        ("disabled", DONE, "claimed"),
        ("standby", DONE, "claimed"),
        ("registering", ACCEPTED, "registered"),
        ("enabling", ACCEPTED, "registered"),
        ("enabled", ACCEPTED, "registered"),
        ("dreaming", ACCEPTED, "registered"),
    ],
)
def test_a_registered_sim_that_is_at_rest_is_claimed_and_any_other_is_read_first(
    word: str, kind: AnswerKind, reason: str
) -> None:
    answers, _ = claim(ONE, answer(registered(0, word)))
    assert kinds(answers) == [(kind, reason)]
    assert answers[0].carrier_reference == uuid_of("SIM 0")


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (answer(registered(0) | {"iccid": f"{ICCIDS[0][:4]}-{ICCIDS[0][4:]}"}), DONE, "claimed"),
        (answer(registered(0) | {"id": None}), UNKNOWN, "not_a_sim"),
        (answer(registered(1)), REVIEW, "another_sim"),
        (answer(registered(0), said=[at_pointer("/registration_codes/0")]), REVIEW, "contradiction"),
        (answer(said=[error()]), UNKNOWN, "missing"),
        (answer(said=[at_pointer("/registration_codes/1")]), UNKNOWN, "missing"),
        (answer(said=[at_pointer("/registration_codes")]), UNKNOWN, "missing"),
        (answer(), UNKNOWN, "missing"),
        (Canned(202, {}), UNKNOWN, "missing"),
        (Canned(202, {"data": {}, "errors": ["no"]}), UNKNOWN, "missing"),
        (Canned(202, [1]), UNKNOWN, "missing"),
        (Canned(202), UNKNOWN, "missing"),
        (Canned(204), UNKNOWN, "missing"),
        (Canned(200, errors("10007")), UNKNOWN, "missing"),
        (Canned(403, errors("10010")), CredentialsRefused, ""),
        (Canned(404, errors("10005")), CredentialsRefused, ""),
        (Canned(402, errors("20100")), CredentialsRefused, ""),
        (Canned(401, errors("10009")), CredentialsRefused, ""),
        (Canned(422, errors(source={"pointer": "/sim_card_group_id"})), CredentialsRefused, ""),
        (Canned(400, b"<html>"), OutcomeUnknown, ""),
        (Canned(408, errors("10008")), OutcomeUnknown, ""),
    ],
)
def test_one_code_is_answered_by_the_table(reply: Canned, kind: AnswerKind | type[CarrierError], reason: str) -> None:
    if isinstance(kind, type):
        with pytest.raises(kind):
            claim(ONE, reply)
        return
    answers, carrier = claim(ONE, reply)
    assert kinds(answers) == [(kind, reason)]
    assert len(carrier.asked) == 1


REFUSED = answer(said=[at_pointer("/registration_codes/0")])


@pytest.mark.parametrize(
    ("refusal", "look", "kind", "reason"),
    [
        (REFUSED, listing(), REJECTED, "not_registrable"),
        (REFUSED, listing(sim("enabled", iccid=f"{ICCIDS[0]}7")), REJECTED, "not_registrable"),
        (REFUSED, listing(registered(0, "enabled")), DONE, "already_ours"),
        (REFUSED, listing(registered(0, group=uuid_of("elsewhere"))), REVIEW, "another_group"),
        (REFUSED, Canned(500), UNKNOWN, "refused_unread"),
        (REFUSED, Canned(403, errors()), UNKNOWN, "refused_unread"),
        (answer(said=[at_pointer("/registration_codes/0", code="10007")]), listing(), UNKNOWN, "no_verdict"),
        (Canned(422, errors()), listing(), REJECTED, "not_registrable"),
        (Canned(422, errors()), listing(registered(0)), DONE, "already_ours"),
    ],
)
def test_a_refused_code_is_followed_by_a_look_for_the_sim(
    refusal: Canned, look: Canned, kind: AnswerKind, reason: str
) -> None:
    answers, carrier = claim(ONE, refusal, look)
    assert kinds(answers) == [(kind, reason)]
    assert answers[0].carrier_reference == (uuid_of("SIM 0") if kind in (DONE, REVIEW) else None)
    assert [asked.method for asked in carrier.asked][:2] == ["POST", "GET"]


def test_each_code_has_its_own_answer_whatever_the_order_of_telnyx_s() -> None:
    said = [at_pointer("/registration_codes/1", detail="Wrong.")]
    answers, carrier = claim(ORDERS, answer(registered(3), registered(0, "registering"), said=said), listing())
    assert [one.iccid for one in answers] == ICCIDS
    assert kinds(answers) == [
        (ACCEPTED, "registered"),
        (REJECTED, "not_registrable"),
        (UNKNOWN, "missing"),
        (DONE, "claimed"),
    ]
    assert answers[1].detail == "No such code: Wrong. (/registration_codes/1)"
    assert [asked.method for asked in carrier.asked] == ["POST", "GET"]


@pytest.mark.parametrize(
    "said",
    [
        at_pointer("/registration_codes/2"),
        at_pointer("/data/attributes/registration_codes/2"),
        error(meta={"registration_code": CODES[2]}),
        error(meta={"codes": [CODES[2]]}),
        error(meta={"url": "https://example.com/errors/10015", "iccid": ICCIDS[2]}),
        error(detail=f"The code '{CODES[2]}' is not known."),
        at_pointer("/registration_codes/2", detail=f"{CODES[2]} is not known."),
    ],
)
def test_an_error_is_about_the_code_that_it_points_at_or_repeats(said: dict[str, object]) -> None:
    answers, _ = claim(ORDERS, answer(registered(0), said=[said]), listing())
    assert [one.kind for one in answers] == [DONE, UNKNOWN, REJECTED, UNKNOWN]


@pytest.mark.parametrize(
    "said",
    [
        error(),
        error(detail="One of the codes is wrong.", meta={"count": 1}),
        error(detail=f"{CODES[1]} and {CODES[2]} are not known."),
        at_pointer("/registration_codes/2", detail=f"{CODES[1]} is not known."),
        at_pointer("/registration_codes/4"),
        at_pointer("/registration_codes/-1"),
        at_pointer("/registration_codes/2/0"),
        error(source="/registration_codes/2", meta=[CODES[2]]),
    ],
)
def test_an_error_that_names_no_code_or_two_is_about_nobody(said: dict[str, object]) -> None:
    answers, carrier = claim(ORDERS, answer(registered(0), said=[said]))
    assert [one.kind for one in answers] == [DONE, UNKNOWN, UNKNOWN, UNKNOWN]
    assert "10015" in answers[1].detail
    assert len(carrier.asked) == 1


def test_a_wrong_code_that_is_a_word_is_not_found_in_a_sentence() -> None:
    wordy = [replace(ORDERS[0], registration_code="invalid"), *ORDERS[1:]]
    answers, _ = claim(wordy, answer(said=[error(detail="A code is invalid.")]))
    assert {one.kind for one in answers} == {UNKNOWN}


def test_a_code_that_stands_twice_in_a_request_is_known_by_its_place_alone() -> None:
    twice = [ORDERS[0], replace(ORDERS[1], registration_code=CODES[0])]
    answers, _ = claim(twice, answer(said=[error(detail=f"{CODES[0]} is not known.")]))
    assert [one.kind for one in answers] == [UNKNOWN, UNKNOWN]


def test_a_code_that_registers_another_sim_stops_those_of_whom_nothing_else_is_said() -> None:
    stranger = TELNYX.iccid(77)
    said = [at_pointer("/registration_codes/1")]
    answers, _ = claim(ORDERS, answer(registered(0), sim("disabled", iccid=stranger), said=said), listing())
    assert [one.kind for one in answers] == [DONE, REJECTED, REVIEW, REVIEW]
    assert stranger in answers[2].detail


def test_a_registration_that_is_refused_as_a_whole_rejects_no_sim() -> None:
    answers, carrier = claim(ORDERS, Canned(422, errors(source={"pointer": "/registration_codes"})))
    assert {(one.kind, one.reason) for one in answers} == {(UNKNOWN, "missing")}
    assert len(carrier.asked) == 1


def test_after_a_look_that_fails_the_other_refused_codes_are_not_looked_at() -> None:
    said = [at_pointer(f"/registration_codes/{at}") for at in range(4)]
    answers, carrier = claim(ORDERS, answer(said=said), listing(), Canned(422, errors()))
    assert [one.kind for one in answers] == [REJECTED, UNKNOWN, UNKNOWN, UNKNOWN]
    assert [asked.method for asked in carrier.asked] == ["POST", "GET", "GET"]


def test_a_lease_that_ends_before_the_looks_loses_no_answer() -> None:
    class ShortGate(CountingGate):
        def wait_for_slot(self) -> None:
            super().wait_for_slot()
            if self.passed > 1:
                raise NotSent("The lease ends.")

    with CannedCarrier(answer(registered(0), said=[at_pointer("/registration_codes/1")])) as carrier:
        answers = telnyx(carrier.url).submit(ORDERS[:2], ShortGate())
    assert [one.kind for one in answers] == [DONE, UNKNOWN]


def test_a_sim_without_a_code_is_not_asked_for() -> None:
    bare = replace(ORDERS[1], registration_code=None)
    answers, carrier = claim([ORDERS[0], bare], answer(registered(0)))
    assert kinds(answers) == [(DONE, "claimed"), (REJECTED, "parameter_missing")]
    assert json.loads(carrier.asked[0].body)["registration_codes"] == [CODES[0]]
    answers, carrier = claim([bare], Canned(500))
    assert (kinds(answers), carrier.asked) == ([(REJECTED, "parameter_missing")], [])


@pytest.mark.parametrize(
    ("options", "action", "status"),
    [
        ({}, Action.ACTIVATE, "disabled"),
        ({"register_as": "enabled"}, Action.ACTIVATE, "enabled"),
        ({"register_as": "enabled"}, Action.DEACTIVATE, "disabled"),
    ],
)
def test_codes_are_registered_into_the_plans_group_with_a_status_of_their_own(
    options: dict[str, str], action: Action, status: str
) -> None:
    _, carrier = claim([replace(one, action=action) for one in ORDERS], answer(), **options)
    (asked,) = carrier.asked
    assert (asked.method, asked.path) == ("POST", "/actions/register/sim_cards")
    assert json.loads(asked.body) == {"registration_codes": CODES, "status": status, "sim_card_group_id": GROUP}


def test_sims_of_different_groups_do_not_share_a_registration() -> None:
    adapter = telnyx("http://127.0.0.1:9")
    elsewhere = replace(ORDERS[0], plan_reference=uuid_of("elsewhere"))
    assert len({adapter.batch_of(one) for one in (*ORDERS, elsewhere)}) == 2


def test_a_code_that_telnyx_repeats_comes_to_no_light(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = [error(detail=f"The code {code} is not known.") for code in CODES[:2]]
    answers, _ = claim(ORDERS, answer(said=[*said, error(meta={"codes": CODES})]), listing())
    alone, _ = claim(ONE, Canned(422, errors(detail=f"{CODES[0]}?")), listing())
    assert "[secret]" in answers[0].detail
    assert "[secret]" in alone[0].detail
    assert not [code for code in CODES if code in f"{answers}{alone}{caplog.text}{ORDERS}"]
