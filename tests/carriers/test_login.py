import threading
import time

import pytest

from carriers.errors import CarrierDown, CredentialsRefused
from carriers.login import AskForToken, FixedLogin, Json, Token, TokenLogin, TokenRequest


class Endpoint:
    """Hands out t1, t2, ... and counts."""

    def __init__(self, expires_in: object = 100, pause_seconds: float = 0.0) -> None:
        self.count = 0
        self.expires_in = expires_in
        self.pause_seconds = pause_seconds

    def __call__(self, _request: TokenRequest) -> object:
        time.sleep(self.pause_seconds)
        self.count += 1
        return {"access_token": f"t{self.count}", "expires_in": self.expires_in}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def login(clock: Clock | None = None) -> TokenLogin:
    return TokenLogin.client_credentials("https://example.com/token", "id", "s3cr3t", clock or Clock())


def bearer_of(token: TokenLogin, ask: AskForToken, stale: str = "") -> str:
    return token.headers(ask, {"Authorization": stale} if stale else None)["Authorization"]


def test_a_token_is_used_until_shortly_before_it_expires() -> None:
    endpoint, clock = Endpoint(expires_in=100), Clock()
    bearer = login(clock)
    assert bearer_of(bearer, endpoint) == "Bearer t1"
    clock.now = 89.0
    assert bearer_of(bearer, endpoint) == "Bearer t1"
    clock.now = 90.0
    assert bearer_of(bearer, endpoint) == "Bearer t2"


def test_a_refused_token_is_renewed_once_for_all_who_were_refused_with_it() -> None:
    endpoint, bearer = Endpoint(), login()
    stale = bearer_of(bearer, endpoint)
    assert bearer_of(bearer, endpoint, stale) == "Bearer t2"
    assert bearer_of(bearer, endpoint, stale) == "Bearer t2"
    assert endpoint.count == 2


def test_threads_that_need_a_token_at_once_ask_for_one_together() -> None:
    endpoint, bearer = Endpoint(pause_seconds=0.05), login()
    threads = [threading.Thread(target=bearer.headers, args=(endpoint,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert endpoint.count == 1


@pytest.mark.parametrize("expires_in", [None, "soon", -5])
def test_a_token_without_a_usable_expiry_still_works(expires_in: object) -> None:
    assert bearer_of(login(), Endpoint(expires_in)) == "Bearer t1"


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"access_token": 5}, {"access_token": "a\r\nX: b"}, {"access_token": ""}]
)
def test_an_answer_without_a_proper_token_is_refused(answer: object) -> None:
    with pytest.raises(CredentialsRefused):
        login().headers(lambda _request: answer)


def test_a_token_endpoint_that_failed_is_asked_again_next_time() -> None:
    bearer = login()

    def down(_request: TokenRequest) -> object:
        raise CarrierDown("down")

    with pytest.raises(CarrierDown):
        bearer_of(bearer, down)
    assert bearer_of(bearer, Endpoint()) == "Bearer t1"


def test_no_login_shows_its_secrets() -> None:
    bearer = login()
    bearer_of(bearer, Endpoint())
    assert bearer.secrets() == ("s3cr3t", "t1")
    for shown in (repr(bearer), repr(FixedLogin.basic("user", "s3cr3t")), str(bearer)):
        assert "s3cr3t" not in shown


def test_a_token_may_have_its_own_headers_and_its_own_request() -> None:
    asked: list[TokenRequest] = []

    def ask(request: TokenRequest) -> object:
        asked.append(request)
        return {"apiKey": "k", "token": "t"}

    def read(answer: object) -> Token | None:
        return Token({"X-Key": "k", "X-Token": "t"}, 60, ("t",)) if answer else None

    request = TokenRequest("https://example.com/auth", Json({"key": "s3cr3t"}), {"X-Client": "c"})
    bearer = TokenLogin(request, "s3cr3t", read=read)
    assert bearer.headers(ask) == {"X-Key": "k", "X-Token": "t"}
    assert (asked, bearer.secrets()) == ([request], ("s3cr3t", "t"))
    assert "s3cr3t" not in repr(request)
