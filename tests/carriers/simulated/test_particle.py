"""What Particle's dialect promises beyond the contract."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from carriers.simulated.carrier import Options, SimulatedCarrier
from carriers.simulated.particle import CREDENTIALS
from carriers.simulated.registry import open_simulated
from carriers.simulated.wire import Answer, Request
from domain.lifecycle import SimState
from domain.pacing import Window

OURS, OTHERS, NOBODYS = "8934076000000000017", "8934076000000000025", "8934076000000000033"
SIMS = "/v1/products/1234/sims"
LOGIN = {"authorization": f"Bearer {CREDENTIALS['access_token']}"}
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


class Clock:
    now = NOW.timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def carrier(clock: Clock) -> SimulatedCarrier:
    simulated = open_simulated("particle", Options(activation_seconds=10.0), clock)
    simulated.fleet.add_card(OURS, "")
    simulated.fleet.add_card(OTHERS, "", others=True)
    return simulated


def ask(carrier: SimulatedCarrier, method: str, path: str = "", document: object = None, **query: str) -> Answer:
    return carrier.answer(Request(method, f"{SIMS}{path}", query, document=document, headers=LOGIN))


def bring_in(carrier: SimulatedCarrier, *iccids: str) -> Answer:
    return ask(carrier, "POST", document={"sims": list(iccids), "country": "DE"})


def test_an_import_is_taken_whatever_becomes_of_its_sims(carrier: SimulatedCarrier) -> None:
    answer = bring_in(carrier, OURS, OTHERS, NOBODYS)
    assert (answer.status, answer.document, answer.effects) == (200, {"ok": True}, (OURS,))


def test_a_sim_is_in_the_product_from_its_first_activation_on(carrier: SimulatedCarrier, clock: Clock) -> None:
    bring_in(carrier, OURS)
    assert ask(carrier, "GET", f"/{OURS}").status == 404
    assert ask(carrier, "GET").document == {"sims": [], "meta": {"total_pages": 0}}
    clock.now += 11
    shown = ask(carrier, "GET", f"/{OURS}").document
    assert isinstance(shown, dict)
    assert (shown["_id"], shown["status"], shown["base_country_code"]) == (OURS, "active", "DE")
    assert ask(carrier, "GET").document == {"sims": [shown], "meta": {"total_pages": 1}}


def test_a_sim_that_changes_later_keeps_its_status_and_says_so_beside_it(carrier: SimulatedCarrier) -> None:
    carrier.fleet.put(OURS, SimState.ACTIVE, "DE")
    ask(carrier, "PUT", f"/{OURS}", {"action": "deactivate"})
    shown = ask(carrier, "GET", f"/{OURS}").document
    assert isinstance(shown, dict)
    assert (shown["status"], shown["state_change_in_progress"]) == ("active", True)


@pytest.mark.parametrize(
    ("state", "redundant"), [(SimState.ACTIVE, (OURS,)), (SimState.DEACTIVATED, ()), (SimState.RELEASED, None)]
)
def test_an_import_changes_a_sim_of_ours_only_if_it_was_released(
    carrier: SimulatedCarrier, state: SimState, redundant: tuple[str, ...] | None
) -> None:
    carrier.fleet.put(OURS, state, "DE")
    answer = bring_in(carrier, OURS)
    expected = ((OURS,), ()) if redundant is None else ((), redundant)
    assert (answer.effects, answer.redundant) == expected


def test_a_sim_that_was_never_active_is_not_reactivated(carrier: SimulatedCarrier) -> None:
    carrier.fleet.put(OURS, SimState.INACTIVE, None)
    answer = ask(carrier, "PUT", f"/{OURS}", {"action": "reactivate"})
    assert (answer.status, answer.effects) == (400, ())


def test_a_release_is_pending_first_and_then_the_sim_is_nobodys(carrier: SimulatedCarrier, clock: Clock) -> None:
    carrier.fleet.put(OURS, SimState.ACTIVE, "DE")
    assert ask(carrier, "DELETE", f"/{OURS}").status == 202
    assert ask(carrier, "GET", f"/{OURS}").status == 200
    clock.now += 11
    assert ask(carrier, "GET", f"/{OURS}").status == 404
    assert ask(carrier, "DELETE", f"/{OURS}").status == 404
    assert bring_in(carrier, OURS).effects == (OURS,)


def test_a_release_that_is_done_at_once_has_no_body(carrier: SimulatedCarrier) -> None:
    carrier.fleet.activation_seconds = 0.0
    carrier.fleet.put(OURS, SimState.ACTIVE, "DE")
    answer = ask(carrier, "DELETE", f"/{OURS}")
    assert (answer.status, answer.document, answer.effects) == (204, None, (OURS,))


def test_pages_have_25_sims_unless_asked_for_up_to_100(carrier: SimulatedCarrier) -> None:
    for number in range(101):
        carrier.fleet.put(f"89340760000000{number:05d}", SimState.ACTIVE, "DE")
    sizes = []
    for query in ({}, {"perPage": "100"}, {"perPage": "100", "page": "2"}, {"perPage": "100", "page": "3"}):
        document = ask(carrier, "GET", **query).document
        assert isinstance(document, dict)
        sizes.append((len(document["sims"]), document["meta"]["total_pages"]))
    assert sizes == [(25, 5), (100, 2), (1, 2), (0, 2)]


def test_usage_is_in_megabytes_of_the_period_and_adds_up(carrier: SimulatedCarrier) -> None:
    carrier.fleet.put(OURS, SimState.ACTIVE, "DE")
    today = NOW.date()
    for days_ago, amount in ((31, 9_000_000), (30, 1_500_000), (2, 100_000), (0, 1)):
        carrier.fleet.put_usage(OURS, today - timedelta(days=days_ago), amount)
    document = ask(carrier, "GET", f"/{OURS}/data_usage").document
    assert isinstance(document, dict)
    assert [tuple(day.values()) for day in document["usage_by_day"]] == [
        ("2026-04-20", 1.5, 1.5),
        ("2026-05-18", 0.1, 1.6),
        ("2026-05-20", 0.000001, 1.600001),
    ]


NONSENSE: list[tuple[int, str, str, object]] = [
    (400, "POST", "", {"sims": [], "country": "DE"}),
    (400, "POST", "", {"sims": [OURS, 7], "country": "DE"}),
    (400, "POST", "", {"sims": OURS, "country": "DE"}),
    (400, "POST", "", {"sims": [OURS], "country": "Germany"}),
    (400, "POST", "", {"sims": [OURS]}),
    (400, "POST", "", None),
    (400, "PUT", f"/{OURS}", {"action": "activate"}),
    (404, "PUT", f"/{OURS}", {"action": "reactivate"}),
    (404, "GET", f"/{OTHERS}", None),
    (404, "GET", f"/{OTHERS}/data_usage", None),
    (404, "PATCH", f"/{OURS}", None),
    (404, "GET", f"/{OURS}/owner", None),
]


@pytest.mark.parametrize(("status", "method", "path", "document"), NONSENSE)
def test_what_makes_no_sense_is_refused_in_its_own_words(
    carrier: SimulatedCarrier, status: int, method: str, path: str, document: object
) -> None:
    answer = ask(carrier, method, path, document)
    assert isinstance(answer.document, dict)
    assert (answer.status, answer.effects, answer.document["ok"]) == (status, (), False)
    assert answer.document["error"]


@pytest.mark.parametrize("query", [{"page": "0"}, {"page": "x"}, {"perPage": "101"}, {"perPage": "0"}])
def test_a_page_that_cannot_be_is_refused(carrier: SimulatedCarrier, query: dict[str, str]) -> None:
    assert ask(carrier, "GET", **query).status == 400


def test_other_paths_are_not_found(carrier: SimulatedCarrier) -> None:
    for path in ("/v1/sims", "/v1/products//sims", "/v2/products/1234/sims", "/"):
        assert carrier.answer(Request("GET", path, headers=LOGIN)).status == 404


@pytest.mark.parametrize("header", ["", "Bearer wrong", CREDENTIALS["access_token"]])
def test_a_wrong_token_is_answered_as_oauth_does(carrier: SimulatedCarrier, header: str) -> None:
    answer = carrier.answer(Request("GET", SIMS, headers={"authorization": header}))
    assert isinstance(answer.document, dict)
    assert (answer.status, answer.document["error"]) == (401, "invalid_token")


def test_a_429_does_not_say_when_to_come_back(clock: Clock) -> None:
    limited = open_simulated("particle", Options([Window(1, 300.0)]), clock)
    asked = replace(Request("GET", SIMS), headers=LOGIN)
    first, second = limited.answer(asked), limited.answer(asked)
    assert (first.status, second.status, second.headers) == (200, 429, {})
