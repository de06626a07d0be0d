"""The sixth carrier's simulated dialect. It would be `carriers/simulated/toy.py`."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice
from typing import Any

from carriers.simulated.dialect import Setting, Simulation
from carriers.simulated.faults import Fault, RequestKind
from carriers.simulated.fleet import Sim
from carriers.simulated.wire import Answer, Fates, Request, Wish, certain
from domain.lifecycle import SimState

WORDS = {
    SimState.INACTIVE: "new",
    SimState.ACTIVATING: "starting",
    SimState.ACTIVE: "on",
    SimState.DEACTIVATED: "off",
}
CREDENTIALS = {"key": "simulated-key"}
MOST_AT_ONCE, PAGE = 50, 500
KINDS = {
    "/sims": (RequestKind.ACTIVATE, SimState.ACTIVE),
    "/sims/off": (RequestKind.DEACTIVATE, SimState.DEACTIVATED),
}


def error(status: int, said: str) -> Answer:
    """Its error body."""
    return Answer(status, {"error": said}, reason=said)


class ToyDialect:
    """Keeps `carriers.simulated.dialect.Dialect`."""

    def __init__(self, setting: Setting) -> None:
        self._fleet = setting.fleet
        self._key = setting.credentials["key"]
        self.url = ""

    def admits(self, request: Request) -> bool:
        """By its key."""
        return request.headers.get("x-key") == self._key

    def unauthorized(self) -> Answer:
        """401."""
        return error(401, "bad key")

    def too_many(self, seconds: float | None) -> Answer:
        """429."""
        headers = {} if seconds is None else {"Retry-After": str(math.ceil(seconds))}
        return replace(error(429, "slow down"), headers=headers)

    def broken(self, status: int) -> Answer:
        """5xx."""
        return error(status, "broken")

    def reworded(self, answer: Answer, word: str | None) -> Answer:
        """The state of every SIM in it, and the result of every change."""
        document: Any = answer.document
        if "sims" in document:
            sims = [row | {"state": word or "starting", "result": word or "starting"} for row in document["sims"]]
            return replace(answer, document=document | {"sims": sims})
        return replace(answer, document=document | {"state": word or "starting"}) if "state" in document else answer

    def repaged(self, answer: Answer, fault: Fault) -> Answer:
        """The next page is a number."""
        document: Any = answer.document
        if fault is Fault.PAGE_LOSES:
            return replace(answer, document=document | {"sims": document["sims"][::2]})
        return replace(answer, document=document | {"after": 0}) if fault is Fault.PAGE_REPEATS else answer

    def wish(self, request: Request) -> Wish:
        """Two changes, a read, a listing, and what one SIM has used."""
        if request.method == "POST" and request.path in KINDS and isinstance(request.document, dict):
            return self._change(*KINDS[request.path], request.document)
        if request.method == "GET" and request.path == "/sims":
            return Wish(RequestKind.LIST, (), lambda _fates: self._page(int(request.query.get("after", "0"))))
        if request.method == "GET" and request.path.startswith("/sims/"):
            iccid, _, of_usage = request.path.removeprefix("/sims/").partition("/")
            if of_usage:
                return Wish(RequestKind.USAGE, (iccid,), lambda _fates: self._usage(iccid, request.query))
            return Wish(RequestKind.READ, (iccid,), lambda _fates: self._one(iccid))
        return certain(RequestKind.OTHER, error(404, "no such thing"))

    def _change(self, kind: RequestKind, target: SimState, asked: Mapping[str, Any]) -> Wish:
        iccids = tuple(str(iccid) for iccid in asked.get("iccids", ()))
        if not 0 < len(iccids) <= MOST_AT_ONCE:
            return certain(kind, error(400, "between 1 and 50 SIMs"), *iccids)
        return Wish(kind, iccids, lambda fates: self._changed(iccids, target, asked.get("plan"), fates))

    def _changed(self, iccids: tuple[str, ...], target: SimState, plan: str | None, fates: Fates) -> Answer:
        results = {iccid: self._result(iccid, target, plan, fates) for iccid in iccids}
        rows = [{"iccid": iccid, "result": result} for iccid, result in results.items()]
        changed = tuple(iccid for iccid, result in results.items() if result == "starting")
        same = tuple(iccid for iccid, result in results.items() if result == "same")
        return Answer(202, {"sims": rows}, effects=changed, redundant=same)

    def _result(self, iccid: str, target: SimState, plan: str | None, fates: Fates) -> str:
        card = self._fleet.card(iccid)
        if card is None or card.others:
            return "refused"
        sim = self._fleet.find(iccid) or self._fleet.put(iccid, SimState.INACTIVE, plan)
        return "starting" if self._fleet.change(sim, target, plan, fates(iccid)) else "same"

    def _one(self, iccid: str) -> Answer:
        sim = self._fleet.find(iccid)
        return Answer(200, _row(sim)) if sim else error(404, "unknown SIM")

    def _usage(self, iccid: str, query: Mapping[str, str]) -> Answer:
        first, last = date.fromisoformat(query["first"]), date.fromisoformat(query["last"])
        days = [first + timedelta(days=nth) for nth in range((last - first).days + 1)]
        used = [{"day": day.isoformat(), "bytes": self._fleet.used(iccid, day)} for day in days]
        return Answer(200, {"days": used}) if self._fleet.find(iccid) else error(404, "unknown SIM")

    def _page(self, after: int) -> Answer:
        sims = list(islice(self._fleet.listing(after), PAGE + 1))
        more = sims[PAGE].number if len(sims) > PAGE else None
        return Answer(200, {"sims": [_row(sim) for sim in sims[:PAGE]], "after": more})


def _row(sim: Sim) -> dict[str, object]:
    return {"iccid": sim.iccid, "state": WORDS[sim.visible], "plan": sim.plan}


SIMULATION = Simulation(CREDENTIALS, lambda iccid: iccid, ToyDialect)
