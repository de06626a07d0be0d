"""What the simulated Telnyx promises beyond the contract: partial success, actions and their ends, partial matches."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from carriers.contract import Callback, Heard
from carriers.simulated.carrier import Options, SimulatedCarrier
from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.registry import open_simulated
from carriers.simulated.telnyx import DEFAULT_GROUP, reference_of, uuid_of
from carriers.simulated.telnyx_webhooks import PUBLIC_KEY
from carriers.simulated.wire import Answer, Request
from carriers.telnyx_calls import heard
from domain.lifecycle import SimState
from domain.pacing import Window
from tests.carriers.canned import Canned, CannedCarrier

ICCIDS = [f"8931041000000000{number}" for number in ("0017", "0025", "0033", "0041")]
GROUP = uuid_of("a group")
HEADERS = {"authorization": "Bearer KEY-simulated"}
REGISTER = "/v2/actions/register/sim_cards"

Ask = Callable[..., Answer]


class Clock:
    """A time that a test moves."""

    now = 1_770_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def carrier(clock: Clock) -> SimulatedCarrier:
    carrier = open_simulated("telnyx", Options(activation_seconds=10.0), clock)
    for at, iccid in enumerate(ICCIDS):
        carrier.fleet.add_card(iccid, f"code-{at}", others=at == 1)
    return carrier


@pytest.fixture
def ask(carrier: SimulatedCarrier) -> Ask:
    def asking(method: str, path: str, document: object = None, **query: str) -> Answer:
        return carrier.answer(Request(method, path, query, document=document, headers=HEADERS))

    return asking


def body(answer: Answer) -> dict[str, Any]:
    assert isinstance(answer.document, dict)
    return answer.document


def register(ask: Ask, *codes: str, status: str = "disabled", group: str = GROUP) -> Answer:
    return ask("POST", REGISTER, {"registration_codes": list(codes), "status": status, "sim_card_group_id": group})


def act(ask: Ask, verb: str, at: int = 0) -> Answer:
    return ask("POST", f"/v2/sim_cards/{reference_of(ICCIDS[at])}/actions/{verb}")


def progress(ask: Ask, action: Answer) -> str:
    return str(body(ask("GET", f"/v2/sim_card_actions/{body(action)['data']['id']}"))["data"]["status"]["value"])


def word(ask: Ask, at: int = 0) -> str:
    return str(body(ask("GET", f"/v2/sim_cards/{reference_of(ICCIDS[at])}"))["data"]["status"]["value"])


def test_a_registration_takes_the_good_codes_and_points_at_the_others(ask: Ask) -> None:
    answer = register(ask, "code-3", "wrong", "code-1", "code-0")
    assert answer.status == 202
    assert [sim["iccid"] for sim in body(answer)["data"]] == [ICCIDS[3], ICCIDS[0]]
    assert [error["source"]["pointer"] for error in body(answer)["errors"]] == [
        "/registration_codes/1",
        "/registration_codes/2",
    ]
    assert (answer.effects, answer.redundant) == ((ICCIDS[3], ICCIDS[0]), ())


def test_a_code_that_was_used_is_refused_in_the_words_of_a_wrong_one_and_changes_nothing(ask: Ask) -> None:
    register(ask, "code-0")
    again = register(ask, "code-0", "wrong", group=uuid_of("elsewhere"))
    used, wrong = body(again)["errors"]
    assert (used["code"], used["detail"]) == (wrong["code"], wrong["detail"])
    assert (again.effects, again.redundant) == ((), (ICCIDS[0],))
    sims = body(ask("GET", "/v2/sim_cards"))["data"]
    assert [sim["sim_card_group_id"] for sim in sims] == [GROUP]


def test_a_code_that_stands_twice_registers_its_sim_once(ask: Ask) -> None:
    answer = register(ask, "code-0", "code-0")
    assert (answer.effects, len(body(answer)["errors"])) == ((ICCIDS[0],), 1)


def test_without_a_status_and_a_group_a_sim_is_enabled_in_the_default_group(ask: Ask, clock: Clock) -> None:
    (sim,) = body(ask("POST", REGISTER, {"registration_codes": ["code-0"]}))["data"]
    assert (sim["status"]["value"], sim["sim_card_group_id"]) == ("enabling", DEFAULT_GROUP)
    clock.now += 10
    assert word(ask) == "enabled"


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"registration_codes": []},
        {"registration_codes": "code-0"},
        {"registration_codes": [1]},
        {"registration_codes": ["code-0"], "status": "active"},
        {"registration_codes": ["code-0"], "sim_card_group_id": "germany"},
    ],
)
def test_a_registration_that_makes_no_sense_is_refused_as_a_whole(ask: Ask, document: object) -> None:
    answer = ask("POST", REGISTER, document)
    assert (answer.status, answer.effects) == (422, ())
    assert body(ask("GET", "/v2/sim_cards"))["data"] == []


def test_an_action_is_in_progress_until_it_is_completed(ask: Ask, clock: Clock) -> None:
    register(ask, "code-0")
    enabling = act(ask, "enable")
    assert (enabling.status, enabling.effects) == (202, (ICCIDS[0],))
    assert (progress(ask, enabling), word(ask)) == ("in-progress", "enabling")
    clock.now += 10
    assert (progress(ask, enabling), word(ask)) == ("completed", "enabled")


def test_an_action_that_another_one_replaces_is_interrupted(ask: Ask, clock: Clock) -> None:
    register(ask, "code-0")
    enabling = act(ask, "enable")
    clock.now += 1
    disabling = act(ask, "disable")
    assert (progress(ask, enabling), progress(ask, disabling), word(ask)) == ("interrupted", "in-progress", "disabling")
    clock.now += 10
    assert (progress(ask, enabling), progress(ask, disabling), word(ask)) == ("interrupted", "completed", "disabled")


def test_a_completed_action_stays_completed_after_the_next(ask: Ask, clock: Clock) -> None:
    register(ask, "code-0")
    enabling = act(ask, "enable")
    clock.now += 10
    act(ask, "disable")
    assert progress(ask, enabling) == "completed"


def test_a_change_that_falls_back_has_a_failed_action_and_the_old_word(
    carrier: SimulatedCarrier, ask: Ask, clock: Clock
) -> None:
    register(ask, "code-0")
    carrier.faults = Faults({Fault.FALLS_BACK: 1.0}, frozenset({RequestKind.ACTIVATE}))
    enabling = act(ask, "enable")
    clock.now += 10
    assert (progress(ask, enabling), word(ask)) == ("failed", "disabled")


@pytest.mark.parametrize("verbs", [("disable",), ("enable", "enable")])
def test_an_action_without_anything_to_do_is_refused_and_changes_nothing(ask: Ask, verbs: tuple[str, ...]) -> None:
    register(ask, "code-0")
    answers = [act(ask, verb) for verb in verbs]
    assert (answers[-1].status, answers[-1].effects, answers[-1].redundant) == (422, (), ())


def test_a_sim_without_a_group_is_not_enabled(carrier: SimulatedCarrier, ask: Ask) -> None:
    carrier.fleet.put(ICCIDS[0], SimState.INACTIVE, None)
    refused = act(ask, "enable")
    assert (refused.status, body(refused)["errors"][0]["code"]) == (422, "70007")


def test_a_deleted_sim_is_disabling_then_gone_and_can_be_registered_again(ask: Ask, clock: Clock) -> None:
    register(ask, "code-0")
    enabling = act(ask, "enable")
    clock.now += 1
    deleted = ask("DELETE", f"/v2/sim_cards/{reference_of(ICCIDS[0])}")
    assert (deleted.status, body(deleted)["data"]["status"]["value"]) == (200, "disabling")
    assert progress(ask, enabling) == "interrupted"
    clock.now += 10
    assert ask("DELETE", f"/v2/sim_cards/{reference_of(ICCIDS[0])}").status == 404
    assert register(ask, "code-0").effects == (ICCIDS[0],)


def test_a_filter_by_iccid_matches_parts(ask: Ask) -> None:
    register(ask, "code-0", "code-2", "code-3")

    def matching(part: str) -> list[str]:
        return [sim["iccid"] for sim in body(ask("GET", "/v2/sim_cards", **{"filter[iccid]": part}))["data"]]

    assert matching("89310410000000000") == [ICCIDS[0], ICCIDS[2], ICCIDS[3]]
    assert matching(ICCIDS[2]) == [ICCIDS[2]]
    assert matching("7777") == []


def test_pages_have_numbers_and_say_how_many_there_are(ask: Ask) -> None:
    register(ask, "code-0", "code-2", "code-3")
    pages = [ask("GET", "/v2/sim_cards", **{"page[number]": str(number), "page[size]": "2"}) for number in (1, 2, 3)]
    assert [[sim["iccid"] for sim in body(page)["data"]] for page in pages] == [
        [ICCIDS[0], ICCIDS[2]],
        [ICCIDS[3]],
        [],
    ]
    meta = {"page_number": 2, "page_size": 2, "total_pages": 2, "total_results": 3}
    assert body(pages[1])["meta"] == meta


def test_a_filter_by_status_knows_the_words_of_settled_sims_alone(ask: Ask) -> None:
    register(ask, "code-0")
    assert len(body(ask("GET", "/v2/sim_cards", **{"filter[status][]": "disabled"}))["data"]) == 1
    assert body(ask("GET", "/v2/sim_cards", **{"filter[status][]": "enabled"}))["data"] == []
    assert ask("GET", "/v2/sim_cards", **{"filter[status][]": "enabling"}).status == 422


@pytest.mark.parametrize("query", [{"page[size]": "251"}, {"page[size]": "0"}, {"page[number]": "x"}])
def test_a_listing_that_makes_no_sense_is_refused(ask: Ask, query: dict[str, str]) -> None:
    assert ask("GET", "/v2/sim_cards", **query).status == 422


def test_a_limit_says_in_seconds_when_it_is_over(clock: Clock) -> None:
    carrier = open_simulated("telnyx", Options([Window(1, 9)]), clock)
    request = Request("GET", "/v2/sim_cards", headers=HEADERS)
    assert carrier.answer(request).status == 200
    refused = carrier.answer(request)
    assert (refused.status, body(refused)["errors"][0]["code"]) == (429, "10011")
    assert refused.headers == {"x-ratelimit-reset": "9"}


def test_a_wrong_key_is_told_so(carrier: SimulatedCarrier) -> None:
    for headers in ({}, {"authorization": "Bearer KEY"}, {"authorization": "Basic KEY-simulated"}):
        refused = carrier.answer(Request("GET", "/v2/sim_cards", headers=headers))
        assert (refused.status, body(refused)["errors"][0]["code"]) == (401, "10009")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/nothing"),
        ("POST", "/v2/sim_cards"),
        ("GET", f"/v2/sim_cards/{GROUP}"),
        ("PUT", f"/v2/sim_cards/{GROUP}"),
        ("POST", f"/v2/sim_cards/{GROUP}/actions/enable"),
        ("POST", f"/v2/sim_cards/{GROUP}/actions/explode"),
        ("GET", f"/v2/sim_card_actions/{GROUP}"),
        ("GET", REGISTER),
    ],
)
def test_what_is_not_there_is_not_found(ask: Ask, method: str, path: str) -> None:
    answer = ask(method, path)
    assert (answer.status, body(answer)["errors"][0]["code"]) == (404, "10005")


@pytest.fixture
def ear() -> Iterator[CannedCarrier]:
    """The address in Telnyx's portal."""
    with CannedCarrier(Canned(204)) as listener:
        yield listener


def calls_of(ear: CannedCarrier, asked: Sequence[tuple[str, str]]) -> list[object]:
    """What the webhooks after these requests are about."""
    carrier = open_simulated("telnyx", Options(activation_seconds=0.05, webhook_url=ear.url))
    sim = carrier.fleet.put(ICCIDS[0], SimState.INACTIVE, GROUP)
    for method, path in asked:
        carrier.answer(Request(method, path.format(sim.reference), headers=HEADERS))
        time.sleep(0.1)
    ends = time.monotonic() + 3
    while len(ear.asked) < len(asked) and time.monotonic() < ends:
        time.sleep(0.01)
    carrier.close()
    return [json.loads(call.body)["data"]["payload"] for call in ear.asked]


def test_an_action_that_has_ended_is_told_to_the_address_in_the_portal_once(ear: CannedCarrier) -> None:
    told = calls_of(ear, [("POST", "/v2/sim_cards/{}/actions/enable"), ("DELETE", "/v2/sim_cards/{}")])
    reference = reference_of(ICCIDS[0])
    assert told == [
        {"record_type": "sim_card_action", "sim_card_id": reference, "action_type": verb}
        for verb in ("enable", "delete")
    ]


def test_a_webhook_is_signed_by_the_key_that_the_rehearsal_names(ear: CannedCarrier) -> None:
    calls_of(ear, [("POST", "/v2/sim_cards/{}/actions/enable")])
    (call,) = ear.asked
    headers = {name.lower(): value for name, value in call.headers.items()}
    callback = Callback("", headers, call.body, time.time())
    assert heard(callback, PUBLIC_KEY) == Heard(carrier_reference=reference_of(ICCIDS[0]))
    assert PUBLIC_KEY in (Path(__file__).parents[3] / "docs" / "rehearsing.md").read_text()
