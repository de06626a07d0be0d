"""Super SIM's dialect: its paths, forms, status words, error codes and pages around the simulated fleet.

A `ready` SIM connects like an active one; here it is shown as active from the start.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import urlencode

from carriers.simulated.faults import RequestKind
from carriers.simulated.fleet import Claim, Fate, Fleet, Sim
from carriers.simulated.wire import Answer, Request, Wish, certain
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
STATUSES = {*WORDS.values(), "ready"}
MOST_PER_PAGE = 1000


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


UNAUTHORIZED = refusal(401, 20003, "Authenticate", "credentials")
TOO_MANY = refusal(429, 20429, "Too Many Requests", "limit")
NO_SUCH_THING = refusal(404, 20404, "The requested resource was not found", "not found")


class SuperSimDialect:
    """Reads wishes from requests and answers them in Super SIM's words. `url` is where the server can be reached."""

    def __init__(self, fleet: Fleet, account_sid: str) -> None:
        self._fleet = fleet
        self._account_sid = account_sid
        self.url = ""

    def wish(self, request: Request) -> Wish:
        """What the request asks for; a request that makes no sense wishes for its refusal."""
        collection, _, reference = request.path.removeprefix("/v1/").partition("/")
        if collection != "Sims" or not request.path.startswith("/v1/"):
            return certain(RequestKind.OTHER, NO_SUCH_THING)
        match request.method, bool(reference):
            case "POST", False:
                return self._claim(request.form)
            case "POST", True:
                return self._update(reference, request.form)
            case "GET", False:
                return self._list(request.query)
            case "GET", True:
                return self._fetch(reference)
        return certain(RequestKind.OTHER, refusal(405, 20004, "Method not allowed", "method"))

    def _claim(self, form: Mapping[str, str]) -> Wish:
        iccid, code = form.get("Iccid", ""), form.get("RegistrationCode", "")
        if not iccid or not code:
            return certain(RequestKind.CLAIM, refusal(400, 83001, "A required parameter is missing", "missing"), iccid)
        return Wish(RequestKind.CLAIM, iccid, lambda _fate: self._claimed(iccid, code))

    def _claimed(self, iccid: str, code: str) -> Answer:
        outcome = self._fleet.claim(iccid, code)
        sim = self._fleet.find(iccid)
        if sim is None or outcome is Claim.NOT_REGISTRABLE:
            return refusal(400, 83002, "The SIM cannot be registered", "not registrable")
        if outcome is Claim.ALREADY_OURS:
            message = f"The SIM is already registered to your account as {sim.reference}"
            said = refusal(400, 83003, message, "already ours")
            return Answer(said.status, said.document, redundant=True, reason=said.reason)
        return Answer(201, self._sim(sim), effect=True)

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
        return Wish(kind, sim.iccid, lambda fate: self._updated(sim, target, plan, fate))

    def _updated(self, sim: Sim, target: SimState, plan: str | None, fate: Fate) -> Answer:
        effect = self._fleet.change(sim, target, plan, fate)
        status = 202 if effect or sim.target else 200
        return Answer(status, self._sim(sim), effect=effect, redundant=not effect)

    def _fetch(self, reference: str) -> Wish:
        sim = self._fleet.find_reference(reference)
        if sim is None:
            return certain(RequestKind.READ, NO_SUCH_THING)
        return Wish(RequestKind.READ, sim.iccid, lambda _fate: Answer(200, self._sim(sim)))

    def _list(self, query: Mapping[str, str]) -> Wish:
        size = query.get("PageSize", "50")
        if not _is_valid(query, size):
            return certain(RequestKind.LIST, refusal(400, 20001, "A parameter of the listing is not valid", "query"))
        if "Iccid" in query:
            return Wish(RequestKind.READ, query["Iccid"], lambda _fate: self._one(query["Iccid"], query))
        return Wish(RequestKind.LIST, "", lambda _fate: self._page(query, int(size)))

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

    def _meta(self, query: Mapping[str, str], size: int, following: str | None) -> dict[str, object]:
        filters: dict[str, object] = {name: query[name] for name in ("Status", "Fleet", "Iccid") if query.get(name)} | {
            "PageSize": size
        }
        number = int(query["Page"]) if query.get("Page", "").isdecimal() else 0
        token: dict[str, object] = {"PageToken": query["PageToken"]} if query.get("PageToken") else {}
        return {
            "first_page_url": self._listing_url(filters | {"Page": 0}),
            "key": "sims",
            "next_page_url": following and self._listing_url(filters | {"Page": number + 1, "PageToken": following}),
            "page": number,
            "page_size": size,
            "previous_page_url": None,
            "url": self._listing_url(filters | {"Page": number} | token),
        }

    def _listing_url(self, query: Mapping[str, object]) -> str:
        return f"{self.url}/v1/Sims?{urlencode(query)}"

    def _sim(self, sim: Sim) -> dict[str, object]:
        address = f"{self.url}/v1/Sims/{sim.reference}"
        return {
            "sid": sim.reference,
            "account_sid": self._account_sid,
            "unique_name": "",
            "status": WORDS[sim.visible],
            "fleet_sid": sim.plan,
            "iccid": sim.iccid,
            "date_created": _iso(sim.created_at),
            "date_updated": _iso(sim.updated_at),
            "url": address,
            "links": {"billing_periods": f"{address}/BillingPeriods", "sim_ip_addresses": f"{address}/IpAddresses"},
        }


def _is_valid(query: Mapping[str, str], size: str) -> bool:
    return (
        size.isdecimal()
        and 1 <= int(size) <= MOST_PER_PAGE
        and query.get("Status", "new") in STATUSES
        and re.fullmatch("PA[0-9]{1,12}", query.get("PageToken", "PA0")) is not None
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
