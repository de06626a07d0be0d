"""What 1NCE's dialect promises beyond the contract."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from stdnum import luhn

from carriers.simulated.carrier import Options, SimulatedCarrier
from carriers.simulated.onence import CREDENTIALS, OneNceDialect
from carriers.simulated.registry import open_simulated
from carriers.simulated.wire import Answer, Request
from domain.lifecycle import SimState

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
BASIC = base64.b64encode(f"{CREDENTIALS['username']}:{CREDENTIALS['password']}".encode()).decode()


def iccid(number: int) -> str:
    body = f"89882806{number:011d}"
    return body + luhn.calc_check_digit(body)


OURS, OTHERS, NOBODYS = iccid(1), iccid(2), iccid(3)


class Clock:
    now = NOW.timestamp()

    def __call__(self) -> float:
        return self.now


class Carrier:
    """The simulated carrier, with a token in hand."""

    def __init__(self, clock: Clock, options: Options) -> None:
        self.simulated: SimulatedCarrier = open_simulated("1nce", options, clock)
        self.token = self.body(self.buy({"grant_type": "client_credentials"}, BASIC))["access_token"]

    def buy(self, document: object, proof: str) -> Answer:
        headers = {"authorization": f"Basic {proof}"}
        return self.simulated.answer(Request("POST", "/oauth/token", document=document, headers=headers))

    def ask(self, method: str, path: str = "", document: object = None, **query: str) -> Answer:
        headers = {"authorization": f"Bearer {self.token}"}
        return self.simulated.answer(Request(method, f"/v1/sims{path}", query, document=document, headers=headers))

    def body(self, answer: Answer) -> Any:
        return answer.document

    def sim(self, number: str) -> Any:
        return self.body(self.ask("GET", f"/{number[:-1]}"))

    @property
    def dialect(self) -> OneNceDialect:
        assert isinstance(self.simulated.dialect, OneNceDialect)
        return self.simulated.dialect


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def carrier(clock: Clock) -> Carrier:
    made = Carrier(clock, Options(activation_seconds=10.0))
    made.simulated.fleet.put(OURS, SimState.INACTIVE, None)
    made.simulated.fleet.add_card(OTHERS, "", others=True)
    return made


def update(number: str, status: str = "Enabled", **more: object) -> dict[str, object]:
    return {"iccid": number[:-1], "status": status, **more}


@pytest.mark.parametrize(
    ("document", "proof", "code"),
    [
        ({"grant_type": "client_credentials"}, "d3Jvbmc6d3Jvbmc=", "CognitoAuthenticationError"),
        ({}, BASIC, "BodyValidationError"),
        (None, BASIC, "UnsupportedContentTypeError"),
    ],
)
def test_a_token_is_refused_with_the_code_of_what_is_wrong(
    carrier: Carrier, document: object, proof: str, code: str
) -> None:
    refused = carrier.buy(document, proof)
    assert (refused.status, carrier.body(refused)["errorCode"]) == (400, code)


def test_a_field_that_a_change_leaves_out_is_cleared(carrier: Carrier) -> None:
    carrier.dialect.locks[OURS], carrier.dialect.labels[OURS] = True, "DX-1"
    carrier.ask("PUT", f"/{OURS[:-1]}", update(OURS, imei_lock=True, label="DX-1"))
    assert (carrier.sim(OURS)["imei_lock"], carrier.sim(OURS)["label"]) == (True, "DX-1")
    carrier.ask("POST", "", [update(OURS)])
    assert (carrier.sim(OURS)["imei_lock"], carrier.sim(OURS)["label"]) == (False, "")


def test_a_bulk_change_is_queued_without_a_word_about_any_sim(carrier: Carrier) -> None:
    answer = carrier.ask("POST", "", [update(OURS), update(OTHERS), update(NOBODYS)])
    assert (answer.status, answer.document, answer.effects) == (201, None, (OURS,))


def test_a_change_of_one_sim_that_is_not_in_the_account_is_not_found(carrier: Carrier) -> None:
    for number in (OTHERS, NOBODYS):
        answer = carrier.ask("PUT", f"/{number[:-1]}", update(number))
        assert (answer.status, answer.effects) == (404, ())


def test_a_sim_is_disabled_while_its_change_waits_and_has_an_activation_date_only_afterwards(
    carrier: Carrier, clock: Clock
) -> None:
    carrier.ask("POST", "", [update(OURS)])
    assert (carrier.sim(OURS)["status"], "activation_date" in carrier.sim(OURS)) == ("Disabled", False)
    clock.now += 11
    assert (carrier.sim(OURS)["status"], "activation_date" in carrier.sim(OURS)) == ("Enabled", True)


def test_a_sim_that_was_never_enabled_stays_so_when_it_is_disabled(carrier: Carrier, clock: Clock) -> None:
    answer = carrier.ask("POST", "", [update(OURS, "Disabled")])
    assert (answer.effects, answer.redundant) == ((), (OURS,))
    clock.now += 11
    assert "activation_date" not in carrier.sim(OURS)


@pytest.mark.parametrize(
    "document",
    [None, {}, [], [update(OURS, "Paused")], [update(OURS), update(NOBODYS, "Disabled")], [{"status": "Enabled"}], [1]],
)
def test_a_request_that_is_no_update_changes_nothing(carrier: Carrier, document: object) -> None:
    answer = carrier.ask("POST", "", document)
    assert (answer.status, answer.effects) == (400, ())


def test_an_update_for_another_sim_than_the_address_names_is_refused(carrier: Carrier) -> None:
    assert carrier.ask("PUT", f"/{NOBODYS[:-1]}", update(OURS)).status == 400


def test_pages_count_from_one_and_say_how_many_there_are(carrier: Carrier) -> None:
    for number in range(10, 34):
        carrier.simulated.fleet.put(iccid(number), SimState.INACTIVE, None)
    last = carrier.ask("GET", page="3")
    assert [row["iccid_with_luhn"] for row in carrier.body(last)] == [iccid(number) for number in range(29, 34)]
    assert (last.headers["X-Total-Pages"], last.headers["X-Total-Count"]) == ("3", "25")
    assert carrier.body(carrier.ask("GET", page="4")) == []
    for wrong in ({"page": "0"}, {"pageSize": "101"}, {"pageSize": "x"}):
        assert carrier.ask("GET", **wrong).status == 400


def test_usage_is_told_in_megabytes_of_six_decimals_for_six_months(carrier: Carrier) -> None:
    today = NOW.date()
    for back, used in ((0, 2803), (200, 5)):
        carrier.simulated.fleet.put_usage(OURS, today - timedelta(days=back), used)
    asked = {"start_dt": (today - timedelta(days=300)).isoformat(), "end_dt": today.isoformat()}
    (row,) = carrier.body(carrier.ask("GET", f"/{OURS[:-1]}/usage", **asked))["stats"]
    assert (row["date"], row["data"]["volume"]) == ("2026-05-20T00:00:00.000Z", "0.002803")


def test_the_sims_of_a_fleet_file_are_in_the_account_from_the_start(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text(f"iccid,registration_code,owner\n{OURS},,\n{OTHERS},,others\n")
    made = Carrier(clock, Options(fleet_file=file))
    assert [row["iccid"] for row in made.body(made.ask("GET"))] == [OURS[:-1]]


def test_an_open_registry_has_every_sim_that_somebody_names(clock: Clock) -> None:
    made = Carrier(clock, Options(open_registry=True, activation_seconds=0.0))
    made.ask("POST", "", [update(NOBODYS)])
    assert made.sim(NOBODYS)["status"] == "Enabled"
