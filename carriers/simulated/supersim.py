"""Super SIM's dialect: its paths, forms, status words, error codes and pages around the simulated fleet.

A `ready` SIM connects like an active one; here it is shown as active from the start.
"""

import base64
import hashlib
import hmac
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from urllib.parse import urlencode, urlsplit

from carriers.simulated.callbacks import Call
from carriers.simulated.dialect import ELSEWHERE, Setting, Simulation
from carriers.simulated.faults import Fault, RequestKind
from carriers.simulated.fleet import Claim, Fate, Sim
from carriers.simulated.supersim_usage import records
from carriers.simulated.wire import Answer, Request, Wish, certain, fields_of, told
from domain.lifecycle import SimState

WORDS: dict[SimState, str] = {
    SimState.INACTIVE: "new",
    SimState.ACTIVATING: "scheduled",
    SimState.ACTIVE: "active",
    SimState.DEACTIVATED: "inactive",
}
TARGETS: dict[str, tuple[RequestKind, SimState]] = {
    "active": (RequestKind.ACTIVATE, SimState.ACTIVE),
    "ready": (RequestKind.ACTIVATE, SimState.ACTIVE),
    "inactive": (RequestKind.DEACTIVATE, SimState.DEACTIVATED),
}
FILTERS = ("Status", "Fleet", "Iccid", "Sim", "Group", "Granularity", "StartTime", "EndTime")
STATUSES = {*WORDS.values(), "ready"}
MOST_PER_PAGE = 1000
TOKEN_PATH = "/oauth/token"  # noqa: S105
CREDENTIALS = {
    "account_sid": "AC" + 32 * "0",
    "auth_token": "simulated-token",
    "client_id": "simulated-client",
    "client_secret": "simulated-secret",
}


def reference_of(iccid: str) -> str:
    """A SID that is the same in every run."""
    return "HS" + _digest(iccid)


def fleet_sid(name: str) -> str:
    """The SID of a Fleet that is named by SID or unique name."""
    return name if name.startswith("HF") and len(name) == 34 else "HF" + _digest(name)


def refusal(status: int, code: int, message: str, reason: str) -> Answer:
    """Super SIM's error body."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Answer(status, {"code": code, "message": message, "more_info": more, "status": status}, reason=reason)


NO_SUCH_THING = refusal(404, 20404, "The requested resource was not found", "not found")


class SuperSimDialect:
    """Keeps `carriers.simulated.dialect.Dialect`."""

    def __init__(self, setting: Setting) -> None:
        self._fleet = setting.fleet
        self._tokens = setting.tokens
        self._credentials = setting.credentials
        self._calls = setting.calls
        self.url = ""

    def admits(self, request: Request) -> bool:
        """Basic, or a bearer token that was bought here."""
        scheme, _, proof = request.headers.get("authorization", "").partition(" ")
        account, token = (self._credentials[name] for name in ("account_sid", "auth_token"))
        return (
            request.path == TOKEN_PATH
            or (scheme == "Basic" and proof == base64.b64encode(f"{account}:{token}".encode()).decode())
            or (scheme == "Bearer" and self._tokens.is_good(proof))
        )

    def unauthorized(self) -> Answer:
        """Twilio's 20003."""
        return refusal(401, 20003, "Authenticate", "")

    def too_many(self, seconds: float | None) -> Answer:
        """Twilio's 20429."""
        headers = {} if seconds is None else {"Retry-After": str(math.ceil(seconds))}
        return replace(refusal(429, 20429, "Too Many Requests", ""), headers=headers)

    def broken(self, status: int) -> Answer:
        """Its codes are 20000 and the status."""
        return refusal(status, 20000 + status, HTTPStatus(status).phrase, "")

    def reworded(self, answer: Answer, word: str | None) -> Answer:
        """In one SIM or in a list of them."""
        word = WORDS[SimState.ACTIVATING] if word is None else word
        document = fields_of(answer.document)
        if "sims" in document:
            return replace(answer, document=document | {"sims": [sim | {"status": word} for sim in _sims(answer)]})
        return replace(answer, document=document | {"status": word}) if "sid" in document else answer

    def repaged(self, answer: Answer, fault: Fault) -> Answer:
        """The address of the next page stands in `meta`."""
        document = fields_of(answer.document)
        if fault is Fault.PAGE_LOSES:
            return replace(answer, document=document | {"sims": _sims(answer)[::2]})
        meta = fields_of(document.get("meta"))
        following = meta.get("next_page_url")
        if fault is Fault.PAGE_REPEATS:
            following = f"{meta.get('url')}&PageToken=PA0"
        elif following:
            following = urlsplit(str(following))._replace(netloc=ELSEWHERE).geturl()
        return replace(answer, document=document | {"meta": meta | {"next_page_url": following}})

    def wish(self, request: Request) -> Wish:
        """What the request asks for; a request that makes no sense wishes for its refusal."""
        collection, _, reference = request.path.removeprefix("/v1/").partition("/")
        match collection if request.path.startswith("/v1/") else request.path, request.method:
            case "/oauth/token", "POST":
                return Wish(RequestKind.TOKEN, (), lambda _fates: self._token(request.form))
            case "Sims", "POST":
                return self._update(reference, request.form) if reference else self._claim(request.form)
            case "Sims", "GET":
                return self._fetch(reference) if reference else self._list(request.query)
            case "UsageRecords", "GET":
                return self._usage(request.query)
            case (("Sims" | "UsageRecords" | "/oauth/token"), _):
                return certain(RequestKind.OTHER, refusal(405, 20004, "Method not allowed", "method"))
        return certain(RequestKind.OTHER, NO_SUCH_THING)

    def _token(self, form: Mapping[str, str]) -> Answer:
        client = {name: form.get(name) for name in ("client_id", "client_secret")}
        if form.get("grant_type") != "client_credentials" or not client.items() <= self._credentials.items():
            return Answer(401, {"error": "unauthorized_client"}, reason="credentials")
        token = {"access_token": self._tokens.issue(), "token_type": "Bearer", "expires_in": int(self._tokens.seconds)}
        return Answer(200, token)

    def _claim(self, form: Mapping[str, str]) -> Wish:
        iccid, code = form.get("Iccid", ""), form.get("RegistrationCode", "")
        if not iccid or not code:
            return certain(RequestKind.CLAIM, refusal(400, 83001, "A required parameter is missing", "missing"), iccid)
        return Wish(RequestKind.CLAIM, (iccid,), lambda _fates: self._claimed(iccid, code))

    def _claimed(self, iccid: str, code: str) -> Answer:
        outcome = self._fleet.claim(iccid, code)
        sim = self._fleet.find(iccid)
        if sim is None or outcome is Claim.NOT_REGISTRABLE:
            return refusal(400, 83002, "The SIM cannot be registered", "not registrable")
        if outcome is Claim.ALREADY_OURS:
            message = f"The SIM is already registered to your account as {sim.reference}"
            said = refusal(400, 83003, message, "already ours")
            return replace(said, redundant=(iccid,))
        return Answer(201, self._sim(sim), effects=(iccid,))

    def _update(self, reference: str, form: Mapping[str, str]) -> Wish:
        sim = self._fleet.find_reference(reference)
        status = form.get("Status", "")
        if status not in TARGETS:
            return certain(RequestKind.OTHER, refusal(400, 20001, "Status must be ready, active or inactive", "form"))
        kind, target = TARGETS[status]
        if sim is None:
            return certain(kind, NO_SUCH_THING)
        if target is SimState.ACTIVE and not (sim.plan or form.get("Fleet")):
            return certain(kind, refusal(400, 20001, "The SIM must be assigned to a Fleet", "no fleet"), sim.iccid)
        plan = fleet_sid(form["Fleet"]) if form.get("Fleet") else None
        callback = form.get("CallbackUrl", "")
        return Wish(kind, (sim.iccid,), lambda fates: self._updated(sim, target, plan, callback, fates(sim.iccid)))

    def _updated(self, sim: Sim, target: SimState, plan: str | None, callback: str, fate: Fate) -> Answer:
        effect = self._fleet.change(sim, target, plan, fate)
        if effect and sim.target and callback:
            self._calls.when_true(sim.iccid, sim.due_at, *self._signed_calls(callback, sim))
        status = 202 if effect or sim.target else 200
        return told(Answer(status, self._sim(sim)), sim.iccid, effect=effect)

    def _signed_calls(self, url: str, sim: Sim) -> tuple[Call, Call]:
        """The call and a forgery of it. The real payload is not published, so nobody should rely on this one."""
        fields = {"AccountSid": self._credentials["account_sid"], "SimSid": sim.reference}
        body, kind = urlencode(fields).encode(), "application/x-www-form-urlencoded"
        genuine, forged = (
            Call(url, body, {"Content-Type": kind, "X-Twilio-Signature": _signature(token, url, fields)})
            for token in (self._credentials["auth_token"], "somebody else's")
        )
        return genuine, forged

    def _fetch(self, reference: str) -> Wish:
        sim = self._fleet.find_reference(reference)
        if sim is None:
            return certain(RequestKind.READ, NO_SUCH_THING)
        return Wish(RequestKind.READ, (sim.iccid,), lambda _fates: Answer(200, self._sim(sim)))

    def _list(self, query: Mapping[str, str]) -> Wish:
        size = query.get("PageSize", "50")
        if not _is_valid(query, size):
            return certain(RequestKind.LIST, refusal(400, 20001, "A parameter of the listing is not valid", "query"))
        if "Iccid" in query:
            return Wish(RequestKind.READ, (query["Iccid"],), lambda _fates: self._one(query["Iccid"], query))
        return Wish(RequestKind.LIST, (), lambda _fates: self._page(query, int(size)))

    def _one(self, iccid: str, query: Mapping[str, str]) -> Answer:
        sim = self._fleet.find(iccid)
        return Answer(200, {"sims": [self._sim(sim)] if sim else [], "meta": self._meta(query, 50, None)})

    def _page(self, query: Mapping[str, str], size: int) -> Answer:
        after = int(query.get("PageToken", "PA0").removeprefix("PA"))
        fleet = fleet_sid(query["Fleet"]) if query.get("Fleet") else None
        wanted = (
            sim
            for sim in self._fleet.listing(after)
            if query.get("Status") in (None, WORDS[sim.visible]) and fleet in (None, sim.plan)
        )
        sims = list(islice(wanted, size + 1))
        following = f"PA{sims[size].number}" if len(sims) > size else None
        return Answer(
            200, {"sims": [self._sim(sim) for sim in sims[:size]], "meta": self._meta(query, size, following)}
        )

    def _usage(self, query: Mapping[str, str]) -> Wish:
        size = query.get("PageSize", "50")
        try:
            told = records(self._fleet, self._credentials["account_sid"], query)
        except ValueError:
            size = ""
        if not _is_valid(query, size):
            return certain(RequestKind.USAGE, refusal(400, 20001, "A parameter of the listing is not valid", "query"))
        return Wish(RequestKind.USAGE, (), lambda _fates: self._usage_page(told, query, int(size)))

    def _usage_page(self, told: list[dict[str, object]], query: Mapping[str, str], size: int) -> Answer:
        after = int(query.get("PageToken", "PA0").removeprefix("PA"))
        following = f"PA{after + size}" if len(told) > after + size else None
        meta = self._meta(query, size, following, "usage_records", "UsageRecords")
        return Answer(200, {"usage_records": told[after : after + size], "meta": meta})

    def _meta(
        self, query: Mapping[str, str], size: int, following: str | None, key: str = "sims", listing: str = "Sims"
    ) -> dict[str, object]:
        filters: dict[str, object] = {name: query[name] for name in FILTERS if query.get(name)} | {"PageSize": size}
        number = int(query["Page"]) if query.get("Page", "").isdecimal() else 0
        token: dict[str, object] = {"PageToken": query["PageToken"]} if query.get("PageToken") else {}
        return {
            "first_page_url": self._listing_url(listing, filters | {"Page": 0}),
            "key": key,
            "next_page_url": following
            and self._listing_url(listing, filters | {"Page": number + 1, "PageToken": following}),
            "page": number,
            "page_size": size,
            "previous_page_url": None,
            "url": self._listing_url(listing, filters | {"Page": number} | token),
        }

    def _listing_url(self, listing: str, query: Mapping[str, object]) -> str:
        return f"{self.url}/v1/{listing}?{urlencode(query)}"

    def _sim(self, sim: Sim) -> dict[str, object]:
        address = f"{self.url}/v1/Sims/{sim.reference}"
        return {
            "sid": sim.reference,
            "account_sid": self._credentials["account_sid"],
            "unique_name": "",
            "status": WORDS[sim.visible],
            "fleet_sid": sim.plan,
            "iccid": sim.iccid,
            "date_created": _iso(sim.created_at),
            "date_updated": _iso(sim.updated_at),
            "url": address,
            "links": {"billing_periods": f"{address}/BillingPeriods", "sim_ip_addresses": f"{address}/IpAddresses"},
        }


SIMULATION = Simulation(CREDENTIALS, reference_of, SuperSimDialect)


def _sims(answer: Answer) -> list[dict[str, object]]:
    sims = fields_of(answer.document).get("sims")
    return sims if isinstance(sims, list) else []


def _is_valid(query: Mapping[str, str], size: str) -> bool:
    return (
        size.isdecimal()
        and 1 <= int(size) <= MOST_PER_PAGE
        and query.get("Status", "new") in STATUSES
        and re.fullmatch("PA[0-9]{1,12}", query.get("PageToken", "PA0")) is not None
    )


def _signature(token: str, url: str, fields: Mapping[str, str]) -> str:
    signed = "".join([url, *(name + fields[name] for name in sorted(fields))])
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
