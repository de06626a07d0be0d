"""Soracom's two platforms, Global coverage and Japan coverage: each with its host, token, batch group and SIMs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from carriers import soracom_jobs as jobs
from carriers.accounts import base_of, secrets_of
from carriers.contract import CarrierAccount, Gate
from carriers.errors import CarrierError, CredentialsRefused, ReadFailed, RequestRefused
from carriers.http import HttpClient, Reply, Wire
from carriers.login import Json, TokenLogin, TokenRequest
from carriers.soracom_words import (
    NEXT_KEY_HEADER,
    SIM_ID,
    TOKEN_SECONDS,
    complaint,
    iccids_of,
    is_sim,
    reset_seconds,
    token,
)

GLOBAL, JAPAN = "g", "jp"
TITLES = {GLOBAL: "Global", JAPAN: "Japan"}
MINUTE = 60.0
"""The limit counts requests per minute: nothing has to wait longer."""
TASKS_PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Coverage:
    """One of the two platforms, as one account uses it."""

    name: str
    client: HttpClient
    host: str
    batch_group: str | None

    def __str__(self) -> str:
        return f"{TITLES[self.name]} coverage ({self.host})"

    def get(self, path: str, query: Mapping[str, str], gate: Gate) -> Reply:
        """What is always there. Raises `ReadFailed`, `CredentialsRefused`."""
        reply = self.get_or_none(path, query, gate)
        if reply is None:
            raise CredentialsRefused(f"There is no Soracom at {self.host}. Check the account's addresses.")
        return reply

    def get_or_none(self, path: str, query: Mapping[str, str], gate: Gate) -> Reply | None:
        """None where Soracom says that there is no such thing. Raises `ReadFailed`, `CredentialsRefused`."""
        try:
            return self.client.read(path, query, gate)
        except RequestRefused as refusal:
            if refusal.status == 404:
                return None
            if refusal.status == 403:
                raise CredentialsRefused(f"{refusal} Check what the account may do.") from None
            raise ReadFailed(str(refusal)) from None

    def find(self, sim_id: str, gate: Gate) -> dict[str, object] | None:
        """The SIM of this SIM ID or ICCID, None where this platform has none of ours."""
        reply = self.get_or_none(f"/v1/sims/{checked(sim_id)}", {}, gate)
        if reply is None:
            return None
        sim = reply.document
        if not isinstance(sim, dict) or not is_sim(sim) or sim_id not in (sim["simId"], *iccids_of(sim)):
            raise ReadFailed(f"Soracom was asked for the SIM {sim_id} and did not answer with it.")
        return sim

    def page(self, query: Mapping[str, str], key: str, gate: Gate) -> tuple[list[dict[str, object]], str]:
        """One page of SIMs from this key on, and the key of the next page."""
        reply = self.get("/v1/sims", _from(query, key), gate)
        if not isinstance(reply.document, list) or not all(map(is_sim, reply.document)):
            raise ReadFailed("Soracom answered a listing without a list of SIMs.")
        return reply.document, _next_key(reply, key)

    def tasks(self, job_path: str, query: Mapping[str, str], gate: Gate) -> Iterator[object]:
        """A job's tasks, page by page."""
        key = ""
        for _ in range(jobs.MOST_TASKS):
            reply = self.get(f"{job_path}/tasks", _from({"limit": str(TASKS_PER_PAGE), **query}, key), gate)
            if not isinstance(reply.document, list):
                raise ReadFailed("Soracom answered a question for a job's tasks without a list of them.")
            yield from reply.document
            key = _next_key(reply, key)
            if not key:
                return
        raise ReadFailed("Soracom's list of a job's tasks turns in a circle: it has more pages than a job has tasks.")


def checked(sim_id: str) -> str:
    """The same, if it can stand in an address. Raises `ReadFailed`."""
    if not SIM_ID.fullmatch(sim_id):
        raise ReadFailed(f"{sim_id[:40]!r} is no SIM ID.")
    return sim_id


def coverages_of(account: CarrierAccount) -> dict[str, Coverage]:
    """Global, and Japan where the account has it: the order in which a SIM is looked for.

    Raises `CarrierError` with what to mend.
    """
    urls = {GLOBAL: account.base_url, JAPAN: account.options.get("japan_url", "")}
    groups = {GLOBAL: account.options.get("batch_group"), JAPAN: account.options.get("japan_batch_group")}
    coverages = {name: _opened(account, name, url, groups[name]) for name, url in urls.items() if url}
    if len({coverage.batch_group is None for coverage in coverages.values()}) > 1:
        raise CarrierError(
            f"Carrier account {account.name} needs `batch_group` and `japan_batch_group`, or neither: "
            "each coverage has its own batch groups."
        )
    return coverages


def _opened(account: CarrierAccount, name: str, url: str, batch_group: str | None) -> Coverage:
    if batch_group is not None and not jobs.is_name(batch_group):
        raise CarrierError(f"Carrier account {account.name}: {batch_group!r} is no id of a batch group.")
    key_id, key = secrets_of(account, "auth_key_id", "auth_key")
    base = base_of(url)
    proof = {"authKeyId": key_id, "authKey": key}
    request = TokenRequest(f"{base}/v1/auth", Json(proof | {"tokenTimeoutSeconds": TOKEN_SECONDS}))
    wire = Wire("Soracom", base, account.timeout_seconds, complaint, reset_seconds, blind_wait_seconds=MINUTE)
    client = HttpClient(wire, TokenLogin(request, *proof.values(), read=token))
    return Coverage(name, client, urlsplit(base).netloc, batch_group)


def _from(query: Mapping[str, str], key: str) -> dict[str, str]:
    return {**query, "last_evaluated_key": key} if key else dict(query)


def _next_key(reply: Reply, key: str) -> str:
    """The key of the next page, empty after the last one; of the address beside it nothing is used."""
    following = reply.headers.get(NEXT_KEY_HEADER, "")
    if following and following == key:
        raise ReadFailed("Soracom's listing turns in a circle: its next page is the one that it just gave.")
    return following
