"""Soracom's dialect: its paths, words, errors, pages, tokens and two coverages around the simulated fleet.

One server is both: asked as `localhost` it is Japan coverage, under any other name Global. A SIM whose ICCID begins
with 8981, Japan's, belongs to Japan coverage. A request for one SIM comes true at once; what is stuck or falls back is
answered with the status as it was. A new SIM can be terminated until somebody protects it. Traffic is told by day.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from itertools import islice
from urllib.parse import urlencode, urlsplit

from carriers.simulated.dialect import ELSEWHERE, Setting, Simulation
from carriers.simulated.faults import Fault, RequestKind
from carriers.simulated.fleet import Claim, Fate, Sim
from carriers.simulated.soracom_jobs import Jobs, refusal
from carriers.simulated.wire import Answer, Request, Wish, certain, fields_of, told
from domain.lifecycle import SimState

WORDS: dict[SimState, str] = {
    SimState.INACTIVE: "ready",
    SimState.READY: "standby",
    SimState.ACTIVE: "active",
    SimState.DEACTIVATED: "inactive",
    SimState.RELEASED: "terminated",
}
VERBS: dict[str, tuple[RequestKind, SimState]] = {
    "activate": (RequestKind.ACTIVATE, SimState.ACTIVE),
    "deactivate": (RequestKind.DEACTIVATE, SimState.DEACTIVATED),
    "terminate": (RequestKind.RELEASE, SimState.RELEASED),
}
PROTECTION = {"enable_termination": False, "disable_termination": True}
JAPANS_ICCID = "8981"
LONGEST_TOKEN_SECONDS, USUAL_TOKEN_SECONDS = 172_800, 86_400
MOST_PER_PAGE = 100
KEPT_DAYS = 548
OPERATOR = "OP0012345678"
CREDENTIALS = {"auth_key_id": "keyId-simulated", "auth_key": "secret-simulated"}
NO_SUCH_SIM = refusal(404, "No such SIM found", "not found")
NO_SUCH_THING = refusal(404, "No such resource found", "not found")


def reference_of(iccid: str) -> str:
    """A card's SIM ID is its ICCID."""
    return iccid


def coverage_of(request: Request) -> str:
    """Which of the two was asked, by the name in the request's address."""
    return "jp" if request.headers.get("host", "").partition(":")[0] == "localhost" else "g"


def home_of(iccid: str) -> str:
    """The coverage that a SIM belongs to."""
    return "jp" if iccid.startswith(JAPANS_ICCID) else "g"


class SoracomDialect:
    """Keeps `carriers.simulated.dialect.Dialect`."""

    def __init__(self, setting: Setting) -> None:
        self._fleet = setting.fleet
        self._tokens = setting.tokens
        self._credentials = setting.credentials
        self._clock = setting.clock
        self._protected: set[str] = set()
        self._jobs = Jobs(setting.fleet, setting.clock, self._find, self._sim)
        self.url = ""

    def admits(self, request: Request) -> bool:
        """An API key and a token of one another, bought at the same coverage."""
        key, token = (request.headers.get(name, "") for name in ("x-soracom-api-key", "x-soracom-token"))
        mine = key == _api_key(coverage_of(request), token) and self._tokens.is_good(token)
        return mine or (request.method, request.path) == ("POST", "/v1/auth")

    def unauthorized(self) -> Answer:
        """A 401 with the usual body."""
        return refusal(401, "Invalid API key or token", "")

    def too_many(self, seconds: float | None) -> Answer:
        """A 429 and the seconds until the minute is over."""
        reset = {} if seconds is None else {"X-Soracom-Ratelimit-Seconds-Before-Refresh": str(math.ceil(seconds))}
        return replace(refusal(429, "Too many requests", ""), headers=reset)

    def broken(self, status: int) -> Answer:
        """The usual body."""
        return refusal(status, HTTPStatus(status).phrase, "")

    def reworded(self, answer: Answer, word: str | None) -> Answer:
        """In a SIM, in a list of them, in a job and its tasks. No word of Soracom's says that a change is under way."""
        if word is None:
            return answer
        if isinstance(answer.document, list):
            return replace(answer, document=[_reworded(each, word) for each in answer.document])
        return replace(answer, document=_reworded(answer.document, word))

    def repaged(self, answer: Answer, fault: Fault) -> Answer:
        """The key of the next page stands in a header, and in an address beside it."""
        if not isinstance(answer.document, list):
            return answer
        if fault is Fault.PAGE_LOSES:
            return replace(answer, document=answer.document[::2])
        if fault is Fault.PAGE_REPEATS:
            return replace(answer, headers={**answer.headers, "x-soracom-next-key": "K0"})
        link = answer.headers.get("link", "")
        return replace(answer, headers={**answer.headers, "link": link.replace(urlsplit(self.url).netloc, ELSEWHERE)})

    def wish(self, request: Request) -> Wish:
        """What the request asks for; a request that makes no sense wishes for its refusal."""
        where = coverage_of(request)
        match [request.method, *request.path.split("/")[1:]]:
            case ["POST", "v1", "auth"]:
                return Wish(RequestKind.TOKEN, (), lambda _fates: self._token(where, request.document))
            case [_, "v1", "sims", *rest]:
                return self._of_sims(where, rest, request)
            case ["GET", "v1", "stats", "air", "sims", sim_id]:
                return Wish(RequestKind.USAGE, (sim_id,), lambda _fates: self._traffic(where, sim_id, request.query))
            case [_, "v1", "batch_groups", group, *rest]:
                return self._jobs.wish(where, group, rest, request)
            case _:
                return certain(RequestKind.OTHER, NO_SUCH_THING)

    def _of_sims(self, where: str, rest: list[str], request: Request) -> Wish:
        match [request.method, *rest]:
            case ["GET"]:
                return self._list(where, request.query)
            case ["GET", sim_id]:
                return Wish(RequestKind.READ, (sim_id,), lambda _fates: self._fetch(where, sim_id))
            case ["POST", sim_id, "register"]:
                return self._register(where, sim_id, request.document)
            case ["POST", sim_id, verb] if verb in VERBS:
                kind = VERBS[verb][0]
                return Wish(kind, (sim_id,), lambda fates: self._update(where, sim_id, verb, fates(sim_id)))
            case ["POST", sim_id, verb] if verb in PROTECTION:
                return Wish(RequestKind.OTHER, (sim_id,), lambda _fates: self._protect(where, sim_id, verb))
            case _:
                return certain(RequestKind.OTHER, NO_SUCH_THING)

    def _find(self, where: str, sim_id: str) -> Sim | None:
        return self._fleet.find(sim_id) if home_of(sim_id) == where else None

    def _token(self, where: str, document: object) -> Answer:
        asked = fields_of(document)
        proof = {"auth_key_id": asked.get("authKeyId"), "auth_key": asked.get("authKey")}
        seconds = asked.get("tokenTimeoutSeconds", USUAL_TOKEN_SECONDS)
        if not proof.items() <= self._credentials.items():
            return refusal(401, "Authentication failed", "credentials")
        if not isinstance(seconds, int) or not 1 <= seconds <= LONGEST_TOKEN_SECONDS:
            return refusal(400, "tokenTimeoutSeconds is not valid", "seconds")
        token = self._tokens.issue(min(seconds, self._tokens.seconds))
        return Answer(200, {"apiKey": _api_key(where, token), "token": token, "operatorId": OPERATOR})

    def _register(self, where: str, sim_id: str, document: object) -> Wish:
        asked = fields_of(document)
        code, group = asked.get("registrationSecret"), asked.get("groupId")
        if not isinstance(code, str) or not isinstance(group, str | None):
            return certain(RequestKind.CLAIM, refusal(400, "registrationSecret is missing", "missing"), sim_id)
        return Wish(RequestKind.CLAIM, (sim_id,), lambda _fates: self._registered(where, sim_id, code, group))

    def _registered(self, where: str, sim_id: str, code: str, group: str | None) -> Answer:
        outcome = self._fleet.claim(sim_id, code) if home_of(sim_id) == where else Claim.NOT_REGISTRABLE
        sim = self._fleet.find(sim_id)
        if sim is None or outcome is Claim.NOT_REGISTRABLE:
            return refusal(400, "The SIM cannot be registered", "not registrable")
        if outcome is Claim.ALREADY_OURS:
            return replace(refusal(400, "The SIM is registered already", "already ours"), redundant=(sim_id,))
        self._protected.discard(sim_id)
        self._fleet.change(sim, sim.state, group)
        return Answer(201, self._sim(sim), effects=(sim_id,))

    def _update(self, where: str, sim_id: str, verb: str, fate: Fate) -> Answer:
        sim, target = self._find(where, sim_id), VERBS[verb][1]
        if sim is None:
            return NO_SUCH_SIM
        if target is SimState.RELEASED and sim_id in self._protected:
            return refusal(400, "Termination protection is enabled", "protected")
        if fate is not Fate.NORMAL:
            return Answer(200, self._sim(sim))
        effect = (sim.target or sim.state) is not target
        self._fleet.put(sim_id, target, sim.plan)
        return told(Answer(200, self._sim(sim)), sim_id, effect=effect)

    def _protect(self, where: str, sim_id: str, verb: str) -> Answer:
        sim = self._find(where, sim_id)
        if sim is None:
            return NO_SUCH_SIM
        (self._protected.add if PROTECTION[verb] else self._protected.discard)(sim_id)
        return Answer(200, self._sim(sim))

    def _fetch(self, where: str, sim_id: str) -> Answer:
        sim = self._find(where, sim_id)
        return Answer(200, self._sim(sim)) if sim else NO_SUCH_SIM

    def _list(self, where: str, query: Mapping[str, str]) -> Wish:
        size, after = query.get("limit", "10"), query.get("last_evaluated_key", "K0")
        if not size.isdecimal() or not 1 <= int(size) <= MOST_PER_PAGE or not re.fullmatch("K[0-9]{1,12}", after):
            return certain(RequestKind.LIST, refusal(400, "A parameter of the listing is not valid", "query"))
        return Wish(RequestKind.LIST, (), lambda _fates: self._page(where, int(size), int(after[1:])))

    def _page(self, where: str, size: int, after: int) -> Answer:
        wanted = (sim for sim in self._fleet.listing(after) if home_of(sim.iccid) == where)
        sims = list(islice(wanted, size + 1))
        headers = {}
        if len(sims) > size:
            key = f"K{sims[size].number}"
            following = f"{self.url}/v1/sims?{urlencode({'limit': size, 'last_evaluated_key': key})}"
            headers = {"x-soracom-next-key": key, "link": f"<{following}>; rel=next"}
        return Answer(200, [self._sim(sim) for sim in sims[:size]], headers=headers)

    def _traffic(self, where: str, sim_id: str, query: Mapping[str, str]) -> Answer:
        now = datetime.fromtimestamp(self._clock(), UTC)
        days = [_day(query.get(name, "")) for name in ("from", "to")]
        first, last = (day or date.min for day in days)
        if query.get("period") != "day" or not now.date() - timedelta(KEPT_DAYS) <= first <= last <= now.date():
            return refusal(400, "The period is not valid", "query")
        if self._find(where, sim_id) is None:
            return NO_SUCH_SIM
        span = (first + timedelta(days) for days in range((last - first).days + 1))
        return Answer(200, [_traffic(day, used) for day in span if (used := self._fleet.used(sim_id, day))])

    def _sim(self, sim: Sim) -> dict[str, object]:
        imsi = f"295050{sim.iccid[-10:-1]}"
        subscriber = {"imsi": imsi, "subscription": "plan01s"}
        profile = {"iccid": sim.iccid, "primaryImsi": imsi, "subscribers": {imsi: subscriber}}
        group = {"groupId": sim.plan} if sim.plan else {}
        return group | {
            "simId": sim.iccid,
            "operatorId": OPERATOR,
            "type": "uicc",
            "moduleType": "nano",
            "status": WORDS[sim.state],
            "speedClass": "s1.standard",
            "tags": {"name": ""},
            "activeProfileId": sim.iccid,
            "profiles": {sim.iccid: profile},
            "terminationEnabled": sim.iccid not in self._protected,
            "createdTime": int(1000 * sim.created_at),
            "lastModifiedTime": int(1000 * sim.updated_at),
        }


SIMULATION = Simulation(CREDENTIALS, reference_of, SoracomDialect)


def _api_key(where: str, token: str) -> str:
    return f"api-{where}-{hashlib.sha256(token.encode()).hexdigest()[:24]}"


def _reworded(document: object, word: str) -> object:
    return document | {"status": word} if isinstance(document, dict) and "status" in document else document


def _day(seconds: str) -> date | None:
    return datetime.fromtimestamp(int(seconds), UTC).date() if re.fullmatch("[0-9]{1,11}", seconds) else None


def _traffic(day: date, used: int) -> dict[str, object]:
    """A day's bytes, in both directions and two speed classes."""
    parts = {"s1.minimum": used // 3, "s1.standard": used - used // 3}
    classes = {
        name: {
            "uploadByteSizeTotal": part // 4,
            "downloadByteSizeTotal": part - part // 4,
            "uploadPacketSizeTotal": part // 4000,
            "downloadPacketSizeTotal": part // 1000,
        }
        for name, part in parts.items()
    }
    midnight = datetime.combine(day, time(), UTC)
    return {"date": f"{day:%Y%m%d}", "unixtime": int(midnight.timestamp()), "dataTrafficStatsMap": classes}
