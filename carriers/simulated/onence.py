"""1NCE's dialect: its paths, arrays, status words and page headers around the simulated fleet.

Where 1NCE publishes nothing, this is assumed: a field that a change leaves out is set to its default (an unlocked IMEI,
no label) at once, the status follows when the queue comes to it; SIMs of a bulk change that are not in the account are
passed over without a word; a change for one SIM takes as long as one of many.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus

from stdnum import luhn

from carriers.simulated.dialect import Setting, Simulation
from carriers.simulated.faults import Fault, RequestKind
from carriers.simulated.fleet import Sim
from carriers.simulated.wire import Answer, Fates, Request, Wish, certain
from domain.lifecycle import SimState

TARGETS: dict[str, tuple[RequestKind, SimState]] = {
    "Enabled": (RequestKind.ACTIVATE, SimState.ACTIVE),
    "Disabled": (RequestKind.DEACTIVATE, SimState.DEACTIVATED),
}
MOST_PER_PAGE = 100
KEPT_DAYS = 183
TOKEN_PATH = "/oauth/token"  # noqa: S105
CREDENTIALS = {"username": "simulated-user", "password": "simulated-password"}


def reference_of(iccid: str) -> str:
    """1NCE names a SIM by its ICCID without the check digit."""
    return iccid[:-1]


def refusal(status: int, code: str, message: str, reason: str) -> Answer:
    """The error body that 1NCE describes for its token endpoint; those of the others are not described."""
    return Answer(status, {"statusCode": status, "errorCode": code, "message": message}, reason=reason)


NO_SUCH_SIM = Answer(404, reason="not found")
NO_SUCH_PATH = Answer(404, reason="no such path")


class OneNceDialect:
    """Keeps `carriers.simulated.dialect.Dialect`. By ICCID and not beyond a restart: locks, labels, refused SIMs.

    A request that names one of `refused` is refused as a whole.
    """

    def __init__(self, setting: Setting) -> None:
        self._fleet = setting.fleet
        self._tokens = setting.tokens
        self._credentials = setting.credentials
        self._clock = setting.clock
        self.url = ""
        self.locks: dict[str, bool] = {}
        self.labels: dict[str, str] = {}
        self.refused: set[str] = set()
        for iccid, card in self._fleet.cards():
            if not card.others and self._fleet.find(iccid) is None:  # in the account since its order
                self._fleet.put(iccid, SimState.INACTIVE, None)

    def admits(self, request: Request) -> bool:
        """A bearer token that was bought here."""
        scheme, _, proof = request.headers.get("authorization", "").partition(" ")
        return request.path == TOKEN_PATH or (scheme == "Bearer" and self._tokens.is_good(proof))

    def unauthorized(self) -> Answer:
        """401."""
        return refusal(401, "Unauthorized", "The token is invalid or expired.", "")

    def too_many(self, seconds: float | None) -> Answer:  # noqa: ARG002 - 1NCE does not say when to come back
        """429 without a time."""
        return refusal(429, "TooManyRequests", "The rate limit is exceeded.", "")

    def broken(self, status: int) -> Answer:
        """5xx."""
        return refusal(status, "InternalError", HTTPStatus(status).phrase, "")

    def reworded(self, answer: Answer, word: str | None) -> Answer:
        """In one SIM or in a list of them; that a change is under way 1NCE has no word for."""
        document = answer.document
        if word is None:
            return answer
        if isinstance(document, list):
            return replace(answer, document=[row | {"status": word} for row in document])
        if isinstance(document, dict) and "iccid" in document:
            return replace(answer, document=document | {"status": word})
        return answer

    def repaged(self, answer: Answer, fault: Fault) -> Answer:
        """Pages have numbers and no addresses: a listing can answer with its first page again."""
        if fault is Fault.PAGE_LOSES and isinstance(answer.document, list):
            return replace(answer, document=answer.document[::2])
        if fault is Fault.PAGE_REPEATS:
            return replace(answer, headers={**answer.headers, "X-Current-Page": "1"})
        return answer

    def wish(self, request: Request) -> Wish:
        """What the request asks for; a request that makes no sense wishes for its refusal."""
        if request.path == TOKEN_PATH and request.method == "POST":
            return Wish(RequestKind.TOKEN, (), lambda _fates: self._token(request))
        if request.path == "/v1/sims":
            if request.method == "GET":
                return Wish(RequestKind.LIST, (), lambda _fates: self._page(request.query))
            if request.method == "POST":
                return self._bulk(request.document)
        named = re.fullmatch("/v1/sims/([0-9]{18,19})(/usage)?", request.path)
        if named and request.method in ("GET", "PUT"):
            return self._about(request, named[1], of_usage=bool(named[2]))
        return certain(RequestKind.OTHER, NO_SUCH_PATH)

    def _token(self, request: Request) -> Answer:
        """The errors and their codes are 1NCE's own."""
        if not isinstance(request.document, dict):
            return refusal(400, "UnsupportedContentTypeError", "The content type is not supported.", "form")
        if request.document.get("grant_type") != "client_credentials":
            return refusal(400, "BodyValidationError", "The body lacks 'grant_type'.", "form")
        pair = f"{self._credentials['username']}:{self._credentials['password']}"
        if request.headers.get("authorization") != "Basic " + base64.b64encode(pair.encode()).decode():
            return refusal(400, "CognitoAuthenticationError", "There is no such user.", "credentials")
        life = int(self._tokens.seconds)
        token = {"status_code": 200, "access_token": self._tokens.issue(), "token_type": "bearer", "expires_in": life}
        return Answer(200, token | {"userId": "user", "scope": "all"})

    def _about(self, request: Request, number: str, *, of_usage: bool) -> Wish:
        """One SIM: read it, change it, or ask what it used."""
        iccid = number + luhn.calc_check_digit(number)
        if request.method == "PUT":
            return certain(RequestKind.OTHER, NO_SUCH_PATH) if of_usage else self._bulk([request.document], put=iccid)
        if of_usage:
            return Wish(RequestKind.USAGE, (iccid,), lambda _fates: self._usage(iccid, request.query))
        return Wish(RequestKind.READ, (iccid,), lambda _fates: self._read(iccid))

    def _read(self, iccid: str) -> Answer:
        sim = self._in_account(iccid)
        return Answer(200, self._sim(sim)) if sim else NO_SUCH_SIM

    def _bulk(self, document: object, put: str | None = None) -> Wish:
        """A request that asks some SIMs for one status and some for the other is more than this simulation takes."""
        rows = document if isinstance(document, list) else []
        updates = {iccid: row for row in rows if (iccid := _named(row))}
        words = {str(row.get("status")) for row in updates.values()}
        if len(updates) < len(rows) or len(words) != 1 or not words <= TARGETS.keys() or put not in (None, *updates):
            return certain(RequestKind.OTHER, refusal(400, "BodyValidationError", "This is no update of SIMs.", "form"))
        kind, target = TARGETS[words.pop()]
        return Wish(kind, tuple(updates), lambda fates: self._updated(updates, target, fates, alone=put is not None))

    def _updated(
        self, updates: Mapping[str, Mapping[str, object]], target: SimState, fates: Fates, *, alone: bool
    ) -> Answer:
        if self.refused.intersection(updates):
            return refusal(400, "BodyValidationError", "A SIM cannot be changed so.", "refused")
        mine = {iccid: sim for iccid in updates if (sim := self._in_account(iccid))}
        if alone and not mine:
            return NO_SUCH_SIM
        for iccid in mine:
            self.locks[iccid] = updates[iccid].get("imei_lock") is True
            self.labels[iccid] = str(updates[iccid].get("label", ""))
        begun = tuple(iccid for iccid, sim in mine.items() if self._begins(sim, target, fates))
        redundant = tuple(iccid for iccid in mine if iccid not in begun)
        return Answer(200 if alone else 201, effects=begun, redundant=redundant)

    def _begins(self, sim: Sim, target: SimState, fates: Fates) -> bool:
        """Whether there is something to change: who was never enabled is disabled already."""
        disabled = target is SimState.DEACTIVATED and sim.state is SimState.INACTIVE and sim.target is None
        return not disabled and self._fleet.change(sim, target, None, fates(sim.iccid))

    def _page(self, query: Mapping[str, str]) -> Answer:
        number, size = query.get("page", "1"), query.get("pageSize", "10")
        if not number.isdecimal() or not size.isdecimal() or int(number) < 1 or not 1 <= int(size) <= MOST_PER_PAGE:
            return refusal(400, "ValidationError", "There is no such page.", "form")
        page, per_page = int(number), int(size)
        sims = list(self._fleet.listing())
        shown = sims[(page - 1) * per_page : page * per_page]
        headers = {
            "X-Count-Per-Page": str(len(shown)),
            "X-Current-Page": number,
            "X-Total-Count": str(len(sims)),
            "X-Total-Pages": str(-(-len(sims) // per_page)),
        }
        return Answer(200, [self._sim(sim) for sim in shown], headers=headers)

    def _usage(self, iccid: str, query: Mapping[str, str]) -> Answer:
        """A row for each day on which something was used, the newest first."""
        if self._in_account(iccid) is None:
            return NO_SUCH_SIM
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        try:
            first, last = (date.fromisoformat(query.get(name, today.isoformat())) for name in ("start_dt", "end_dt"))
        except ValueError:
            return refusal(400, "ValidationError", "A date is written YYYY-MM-DD.", "form")
        first, last = max(first, today - timedelta(days=KEPT_DAYS)), min(last, today)
        days = [last - timedelta(days=back) for back in range((last - first).days + 1)]
        return Answer(200, {"stats": [_stat(day, used) for day in days if (used := self._fleet.used(iccid, day))]})

    def _in_account(self, iccid: str) -> Sim | None:
        """A SIM that 1NCE has made and nobody else ordered is in the account from the first time that it is named."""
        sim, card = self._fleet.find(iccid), self._fleet.card(iccid)
        if sim is None and card is not None and not card.others:
            return self._fleet.put(iccid, SimState.INACTIVE, None)
        return sim

    def _sim(self, sim: Sim) -> dict[str, object]:
        quota = {"id": 0, "description": "More than 20% available"}
        shown = {
            "iccid": sim.reference,
            "iccid_with_luhn": sim.iccid,
            "imsi": "90140" + sim.reference[-10:],
            "msisdn": "88228" + sim.reference[-10:],
            "imei": "",
            "imei_lock": self.locks.get(sim.iccid, False),
            "status": "Enabled" if sim.state is SimState.ACTIVE else "Disabled",
            "ip_address": f"10.{sim.number >> 16 & 255}.{sim.number >> 8 & 255}.{sim.number & 255}",
            "current_quota": 500,
            "quota_status": quota,
            "current_quota_SMS": 250,
            "quota_status_SMS": quota,
            "label": self.labels.get(sim.iccid, ""),
        }
        ever = sim.state is not SimState.INACTIVE  # since when is not kept: the day of its order stands for it
        return shown | ({"activation_date": _iso(sim.created_at)} if ever else {})


SIMULATION = Simulation(CREDENTIALS, reference_of, OneNceDialect)


def _named(row: object) -> str | None:
    """The ICCID of the SIM that a row of an update is about."""
    number = str(row.get("iccid")) if isinstance(row, dict) else ""
    return number + luhn.calc_check_digit(number) if re.fullmatch("[0-9]{18,19}", number) else None


def _stat(day: date, used: int) -> dict[str, object]:
    """Messages are not simulated."""
    volume = f"{Decimal(used).scaleb(-6):f}"
    return {
        "date": f"{day.isoformat()}T00:00:00.000Z",
        "data": {
            "cost": volume,
            "currency": {"id": 1, "symbol": "€", "code": "EUR"},
            "traffic_type": {"id": 5, "description": "Data", "unit": "MB"},
            "volume": volume,
            "volume_rx": volume,
            "volume_tx": "0",
        },
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
