"""Particle's dialect: imports into a product, one SIM's actions, pages by number and usage in megabytes.

Where its documentation is silent: an import leaves alone what it cannot activate (unknown SIMs, somebody else's, SIMs
that have been active once) and says nothing of it; an action is answered `{"ok": true}`; a SIM over its data limit is
not reactivated; the present billing period are the last 31 days; whatever product a request names is the account's one
product.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import accumulate
from math import ceil

from carriers.simulated.dialect import Setting, Simulation
from carriers.simulated.faults import Fault, RequestKind
from carriers.simulated.fleet import Sim
from carriers.simulated.wire import Answer, Fates, Request, Wish, certain, fields_of, told
from domain.lifecycle import SimState

WORDS: dict[SimState, str] = {
    SimState.INACTIVE: "never_before_activated",
    SimState.ACTIVE: "active",
    SimState.DEACTIVATED: "inactive_user_deactivated",
    SimState.BARRED: "inactive_data_limit_reached",
}
ACTIONS: dict[str, tuple[RequestKind, SimState]] = {
    "reactivate": (RequestKind.ACTIVATE, SimState.ACTIVE),
    "deactivate": (RequestKind.DEACTIVATE, SimState.DEACTIVATED),
}
USUAL_PER_PAGE, MOST_PER_PAGE = 25, 100
PERIOD_DAYS = 31
BYTES_OF_A_MEGABYTE = 1_000_000
CREDENTIALS = {"access_token": "simulated-token"}


def refusal(status: int, error: str, reason: str = "") -> Answer:
    """The error body of Particle's resources."""
    return Answer(status, {"ok": False, "error": error}, reason=reason)


TAKEN = Answer(200, {"ok": True})
NO_SUCH_THING = refusal(404, "Not found", "not found")
NOT_IN_PRODUCT = refusal(404, "SIM card not found in this product", "not in product")


class ParticleDialect:
    """Keeps `carriers.simulated.dialect.Dialect`."""

    def __init__(self, setting: Setting) -> None:
        self._fleet = setting.fleet
        self._credentials = setting.credentials
        self._clock = setting.clock
        self.url = ""

    def admits(self, request: Request) -> bool:
        """An access token that a person made."""
        return request.headers.get("authorization", "") == f"Bearer {self._credentials['access_token']}"

    def unauthorized(self) -> Answer:
        """The error body of OAuth."""
        return Answer(401, {"error": "invalid_token", "error_description": "The access token is not valid"})

    def too_many(self, seconds: float | None) -> Answer:  # noqa: ARG002 - it does not say when to come back
        """429 without a word about the time."""
        return refusal(429, "Too many requests")

    def broken(self, status: int) -> Answer:
        """The usual error body."""
        return refusal(status, HTTPStatus(status).phrase)

    def reworded(self, answer: Answer, word: str | None) -> Answer:
        """In one SIM or in a list of them. That a change is under way is a flag beside the status."""
        change: dict[str, object] = {"state_change_in_progress": True} if word is None else {"status": word}
        document = fields_of(answer.document)
        if "sims" in document:
            return replace(answer, document=document | {"sims": [sim | change for sim in _sims(answer)]})
        return replace(answer, document=document | change) if "status" in document else answer

    def repaged(self, answer: Answer, fault: Fault) -> Answer:
        """Pages have numbers: they can repeat themselves and lose SIMs, but lead nowhere else."""
        document = fields_of(answer.document)
        if "sims" not in document or fault is Fault.PAGE_FOREIGN:
            return answer
        if fault is Fault.PAGE_LOSES:
            return replace(answer, document=document | {"sims": _sims(answer)[::2]})
        first, endless = self._page(1, MOST_PER_PAGE), {"total_pages": 1_000_000_000}
        return replace(answer, document=document | {"sims": _sims(first), "meta": endless})

    def wish(self, request: Request) -> Wish:
        """What the request asks for; a request that makes no sense wishes for its refusal."""
        version, products, product, sims, *rest = (*request.path.strip("/").split("/"), "", "", "", "")
        if (version, products, sims) != ("v1", "products", "sims") or not product:
            return certain(RequestKind.OTHER, NO_SUCH_THING)
        iccid, below, *_ = (*rest, "", "")
        ways: dict[tuple[str, bool, str], Callable[[], Wish]] = {
            ("POST", False, ""): lambda: self._import(fields_of(request.document)),
            ("GET", False, ""): lambda: self._list(request.query),
            ("GET", True, ""): lambda: Wish(RequestKind.READ, (iccid,), lambda _fates: self._fetch(iccid)),
            ("GET", True, "data_usage"): lambda: Wish(RequestKind.USAGE, (iccid,), lambda _fates: self._usage(iccid)),
            ("PUT", True, ""): lambda: self._act(iccid, str(fields_of(request.document).get("action"))),
            ("DELETE", True, ""): lambda: self._release(iccid),
        }
        way = ways.get((request.method, bool(iccid), below))
        return way() if way else certain(RequestKind.OTHER, NO_SUCH_THING)

    def _import(self, wanted: Mapping[str, object]) -> Wish:
        iccids, country = _texts(wanted.get("sims")), wanted.get("country")
        if not iccids:
            return certain(RequestKind.ACTIVATE, refusal(400, "sims must be a list of ICCIDs", "no sims"))
        if not isinstance(country, str) or len(country) != 2 or not country.isupper():
            return certain(RequestKind.ACTIVATE, refusal(400, "country is not valid", "no country"), *iccids)
        return Wish(RequestKind.ACTIVATE, tuple(iccids), lambda fates: self._imported(iccids, country, fates))

    def _imported(self, iccids: list[str], country: str, fates: Fates) -> Answer:
        effects: list[str] = []
        redundant: list[str] = []
        for iccid in iccids:
            sim = self._importable(iccid)
            if sim is not None:
                changed = self._fleet.change(sim, SimState.ACTIVE, country, fates(iccid))
                (effects if changed else redundant).append(iccid)
        return replace(TAKEN, effects=tuple(effects), redundant=tuple(redundant))

    def _importable(self, iccid: str) -> Sim | None:
        """A SIM that nobody has, or one of ours that was never deactivated."""
        card = self._fleet.card(iccid)
        if card and not card.others:
            self._fleet.claim(iccid, card.registration_code)
        sim = self._fleet.find(iccid)
        return sim if sim and (sim.target or sim.state) in (SimState.INACTIVE, SimState.ACTIVE) else None

    def _act(self, iccid: str, action: str) -> Wish:
        if action not in ACTIONS:
            return certain(RequestKind.OTHER, refusal(400, "action is not valid", "action"))
        kind, target = ACTIONS[action]
        return Wish(kind, (iccid,), lambda fates: self._acted(iccid, target, fates))

    def _acted(self, iccid: str, target: SimState, fates: Fates) -> Answer:
        sim = self._shown(iccid)
        if sim is None:
            return NOT_IN_PRODUCT
        if sim.state is SimState.INACTIVE and target is SimState.ACTIVE:
            return refusal(400, "SIM card has not been activated before", "never active")
        if sim.state is SimState.BARRED and target is SimState.ACTIVE:
            return refusal(400, "SIM card has reached its data limit", "data limit")
        return self._changed(sim, target, TAKEN, fates)

    def _release(self, iccid: str) -> Wish:
        return Wish(RequestKind.RELEASE, (iccid,), lambda fates: self._released(iccid, fates))

    def _released(self, iccid: str, fates: Fates) -> Answer:
        sim = self._shown(iccid)
        if sim is None:
            return NOT_IN_PRODUCT
        pending = self._changed(sim, SimState.RELEASED, replace(TAKEN, status=202), fates)
        return pending if sim.target else replace(pending, status=204, document=None)

    def _changed(self, sim: Sim, target: SimState, answer: Answer, fates: Fates) -> Answer:
        effect = self._fleet.change(sim, target, None, fates(sim.iccid))
        return told(answer, sim.iccid, effect=effect)

    def _shown(self, iccid: str) -> Sim | None:
        sim = self._fleet.find(iccid)
        return sim if sim and _in_product(sim) else None

    def _fetch(self, iccid: str) -> Answer:
        sim = self._shown(iccid)
        return Answer(200, _resource(sim)) if sim else NOT_IN_PRODUCT

    def _list(self, query: Mapping[str, str]) -> Wish:
        page, size = query.get("page", "1"), query.get("perPage", str(USUAL_PER_PAGE))
        if not (page.isdecimal() and size.isdecimal() and int(page) >= 1 and 1 <= int(size) <= MOST_PER_PAGE):
            return certain(RequestKind.LIST, refusal(400, "page or perPage is not valid", "query"))
        return Wish(RequestKind.LIST, (), lambda _fates: self._page(int(page), int(size)))

    def _page(self, page: int, size: int) -> Answer:
        sims = [sim for sim in self._fleet.listing() if _in_product(sim)]
        shown = sims[(page - 1) * size : page * size]
        meta = {"total_pages": ceil(len(sims) / size)}
        return Answer(200, {"sims": [_resource(sim) for sim in shown], "meta": meta})

    def _usage(self, iccid: str) -> Answer:
        if self._shown(iccid) is None:
            return NOT_IN_PRODUCT
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        days = [today - timedelta(days=ago) for ago in reversed(range(PERIOD_DAYS))]
        used = {day: amount for day in days if (amount := self._fleet.used(iccid, day))}
        by_day = [
            {"date": day.isoformat(), "mbs_used": _megabytes(amount), "mbs_used_cumulative": _megabytes(so_far)}
            for (day, amount), so_far in zip(used.items(), accumulate(used.values()), strict=True)
        ]
        return Answer(200, {"ok": True, "iccid": iccid, "usage_by_day": by_day})


SIMULATION = Simulation(CREDENTIALS, lambda iccid: iccid, ParticleDialect, bars=True)


def _in_product(sim: Sim) -> bool:
    """A SIM whose first activation is under way is not there yet."""
    return sim.state is not SimState.INACTIVE or sim.target is None


def _resource(sim: Sim) -> dict[str, object]:
    active_once = sim.state is not SimState.INACTIVE
    return {
        "_id": sim.iccid,
        "status": WORDS[sim.state],
        "state_change_in_progress": sim.target is not None,
        "base_country_code": sim.plan,
        "activations_count": int(active_once),
        "first_activated_on": _iso(sim.created_at) if active_once else None,
        "updated_at": _iso(sim.updated_at),
        "msisdn": None,
        "last_device_id": None,
    }


def _texts(wanted: object) -> list[str]:
    """Nothing where one of them is none."""
    return wanted if isinstance(wanted, list) and all(isinstance(one, str) and one for one in wanted) else []


def _sims(answer: Answer) -> list[dict[str, object]]:
    sims = fields_of(answer.document).get("sims")
    return sims if isinstance(sims, list) else []


def _megabytes(amount: int) -> float:
    return amount / BYTES_OF_A_MEGABYTE


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
