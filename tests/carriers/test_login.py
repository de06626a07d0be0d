import threading
import time
from collections.abc import Mapping

import pytest

from carriers.errors import CarrierDown, CredentialsRefused
from carriers.login import BasicLogin, TokenLogin


class Endpoint:
    """Hands out t1, t2, ... and counts."""

    def __init__(self, expires_in: object = 100, pause_seconds: float = 0.0) -> None:
        self.count = 0
        self.expires_in = expires_in
        self.pause_seconds = pause_seconds

    def __call__(self, _url: str, _form: Mapping[str, str]) -> object:
        time.sleep(self.pause_seconds)
        self.count += 1
        return {"access_token": f"t{self.count}", "expires_in": self.expires_in}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def login(clock: Clock | None = None) -> TokenLogin:
    return TokenLogin("https://example.com/token", "id", "s3cr3t", clock or Clock())


def test_a_token_is_used_until_shortly_before_it_expires() -> None:
    endpoint, clock = Endpoint(expires_in=100), Clock()
    bearer = login(clock)
    assert bearer.authorization(endpoint) == "Bearer t1"
    clock.now = 89.0
    assert bearer.authorization(endpoint) == "Bearer t1"
    clock.now = 90.0
    assert bearer.authorization(endpoint) == "Bearer t2"


def test_a_refused_token_is_renewed_once_for_all_who_were_refused_with_it() -> None:
    endpoint, bearer = Endpoint(), login()
    stale = bearer.authorization(endpoint)
    assert bearer.authorization(endpoint, stale) == "Bearer t2"
    assert bearer.authorization(endpoint, stale) == "Bearer t2"
    assert endpoint.count == 2


def test_threads_that_need_a_token_at_once_ask_for_one_together() -> None:
    endpoint, bearer = Endpoint(pause_seconds=0.05), login()
    threads = [threading.Thread(target=bearer.authorization, args=(endpoint,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert endpoint.count == 1


@pytest.mark.parametrize("expires_in", [None, "soon", -5])
def test_a_token_without_a_usable_expiry_still_works(expires_in: object) -> None:
    assert login().authorization(Endpoint(expires_in)) == "Bearer t1"


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"access_token": 5}, {"access_token": "a\r\nX: b"}, {"access_token": ""}]
)
def test_an_answer_without_a_proper_token_is_refused(answer: object) -> None:
    with pytest.raises(CredentialsRefused):
        login().authorization(lambda _url, _form: answer)


def test_a_token_endpoint_that_failed_is_asked_again_next_time() -> None:
    bearer = login()

    def down(url: str, form: Mapping[str, str]) -> object:
        raise CarrierDown("down")

    with pytest.raises(CarrierDown):
        bearer.authorization(down)
    assert bearer.authorization(Endpoint()) == "Bearer t1"


def test_no_login_shows_its_secrets() -> None:
    bearer = login()
    bearer.authorization(Endpoint())
    assert bearer.secrets() == ("s3cr3t", "t1")
    for shown in (repr(bearer), repr(BasicLogin("user", "s3cr3t")), str(bearer)):
        assert "s3cr3t" not in shown
