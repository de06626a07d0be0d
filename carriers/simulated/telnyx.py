"""Telnyx's dialect: registrations of many codes with partial success, actions, JSON:API errors and numbered pages.

What Telnyx does not publish is assumed to be the harder case: a code that was used before is refused in the same words
whoever used it, an error names a code by its JSON pointer alone, and an action whose status holds already is refused.
A SIM registered to `standby` shows as disabled here. Actions are forgotten with a restart.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from itertools import islice
from uuid import UUID

from carriers.simulated.dialect import Setting, Simulation
from carriers.simulated.faults import Fault, RequestKind
from carriers.simulated.fleet import Claim, Fate, Sim
from carriers.simulated.telnyx_webhooks import webhook
from carriers.simulated.wire import Answer, Fates, Request, Wish, certain, fields_of, told
from domain.lifecycle import SimState

WORDS: dict[SimState, str] = {
    SimState.INACTIVE: "disabled",
    SimState.ACTIVE: "enabled",
    SimState.DEACTIVATED: "disabled",
    SimState.BARRED: "data_limit_exceeded",
}
CHANGING: dict[SimState, str] = {
    SimState.ACTIVE: "enabling",
    SimState.DEACTIVATED: "disabling",
    SimState.RELEASED: "disabling",
}
VERBS: dict[str, tuple[RequestKind, SimState]] = {
    "enable": (RequestKind.ACTIVATE, SimState.ACTIVE),
    "disable": (RequestKind.DEACTIVATE, SimState.DEACTIVATED),
}
REGISTERED_AS = ("enabled", "disabled", "standby")
SETTLED_WORDS = ("enabled", "disabled", "standby", "data_limit_exceeded", "unauthorized_imei")
MOST_PER_PAGE = 250
CREDENTIALS = {"api_key": "KEY-simulated"}
UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SIM_PATH = re.compile(r"/sim_cards/([^/]+)")
ACTION_PATH = re.compile(r"/sim_cards/([^/]+)/actions/(enable|disable)")
PROGRESS_PATH = re.compile(r"/sim_card_actions/([^/]+)")


def uuid_of(text: str) -> str:
    """A UUID that is the same in every run."""
    return str(UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))


def reference_of(iccid: str) -> str:
    """Telnyx's id of a SIM card."""
    return uuid_of(f"sim {iccid}")


DEFAULT_GROUP = uuid_of("the account's default group")


def error(code: int, title: str, detail: str, pointer: str | None = None) -> dict[str, object]:
    """One of Telnyx's errors."""
    said: dict[str, object] = {"code": str(code), "title": title, "detail": detail}
    return said | ({"source": {"pointer": pointer}} if pointer else {})


def refusal(status: int, said: Mapping[str, object], reason: str) -> Answer:
    """Telnyx's error body."""
    return Answer(status, {"errors": [said]}, reason=reason)


NO_SUCH_THING = refusal(404, error(10005, "Resource not found", "There is nothing here."), "not found")
NO_CODES = error(10015, "Bad request", "A list of codes is needed.", "/registration_codes")
NO_STATUS = error(10015, "Bad request", "That is no status to register with.", "/status")
NO_GROUP_ID = error(10006, "Invalid ID", "That is no id of a group.", "/sim_card_group_id")
NO_GROUP = error(70007, "SIM card without a group", "The SIM card must be in a group first.")
LIMIT_REACHED = error(70000, "Data limit reached", "The SIM card has used all that its data limit allows.")
NOTHING_TO_DO = error(10015, "Bad request", "The SIM card's status does not allow this.")


@dataclass(slots=True)
class Action:
    """A change that was taken. `superseded_at`: when another one took its place."""

    id: str
    sim: Sim
    verb: str
    begun_at: float
    due_at: float
    falls_back: bool
    superseded_at: float = math.inf

    def status(self, now: float) -> dict[str, object]:
        """How it stands."""
        if self.superseded_at < self.due_at and self.superseded_at <= now:
            return {"value": "interrupted", "reason": "Another action took its place."}
        if now < self.due_at:
            return {"value": "in-progress", "reason": None}
        if self.falls_back:
            return {"value": "failed", "reason": "The network did not take the change."}
        return {"value": "completed", "reason": None}


class TelnyxDialect:
    """Keeps `carriers.simulated.dialect.Dialect`."""

    def __init__(self, setting: Setting) -> None:
        self._fleet = setting.fleet
        self._key = setting.credentials["api_key"]
        self._clock = setting.clock
        self._calls = setting.calls
        self._webhook_url = setting.webhook_url
        self._actions: dict[str, Action] = {}
        self._newest: dict[str, Action] = {}
        self.url = ""

    def admits(self, request: Request) -> bool:
        """An API key that a person made in the portal."""
        return request.headers.get("authorization") == f"Bearer {self._key}"

    def unauthorized(self) -> Answer:
        """10009."""
        return refusal(401, error(10009, "Authentication failed", "The key is missing or wrong."), "")

    def too_many(self, seconds: float | None) -> Answer:
        """10011; the reset is in seconds."""
        headers = {} if seconds is None else {"x-ratelimit-reset": str(math.ceil(seconds))}
        said = error(10011, "Too many requests", "The limit is exceeded.")
        return replace(refusal(429, said, ""), headers=headers)

    def broken(self, status: int) -> Answer:
        """10007."""
        return refusal(status, error(10007, "Unexpected error", HTTPStatus(status).phrase), "")

    def reworded(self, answer: Answer, word: str | None) -> Answer:
        """In one SIM or action, or in a list of SIMs."""
        document = fields_of(answer.document)
        status = {"status": {"value": CHANGING[SimState.ACTIVE] if word is None else word, "reason": ""}}
        data = document.get("data")
        if isinstance(data, list):
            return replace(answer, document=document | {"data": [sim | status for sim in data]})
        return replace(answer, document=document | {"data": data | status}) if isinstance(data, dict) else answer

    def repaged(self, answer: Answer, fault: Fault) -> Answer:
        """A page that repeats itself is the first one again. Pages have numbers, so none can be elsewhere."""
        document = fields_of(answer.document)
        data, meta = document.get("data"), document.get("meta")
        if not isinstance(data, list) or not isinstance(meta, dict) or fault is Fault.PAGE_FOREIGN:
            return answer
        if fault is Fault.PAGE_LOSES:
            return replace(answer, document=document | {"data": data[::2]})
        return replace(answer, document=document | {"meta": meta | {"page_number": 1, "total_pages": 1_000}})

    def wish(self, request: Request) -> Wish:
        """What the request asks for; a request that makes no sense wishes for its refusal."""
        method, path = request.method, request.path.removeprefix("/v2")
        if (method, path) == ("POST", "/actions/register/sim_cards"):
            return self._register(request.document)
        if (method, path) == ("GET", "/sim_cards"):
            return self._list(request.query)
        if method == "POST" and (asked := ACTION_PATH.fullmatch(path)):
            return self._act(asked[1], asked[2])
        if method == "GET" and (asked := PROGRESS_PATH.fullmatch(path)):
            return self._progress(asked[1])
        if asked := SIM_PATH.fullmatch(path):
            return self._one(method, asked[1])
        return certain(RequestKind.OTHER, NO_SUCH_THING)

    def _register(self, document: object) -> Wish:
        fields = fields_of(document)
        codes, group = fields.get("registration_codes"), fields.get("sim_card_group_id", DEFAULT_GROUP)
        status = fields.get("status", "enabled")
        if not isinstance(codes, list) or not codes or not all(isinstance(code, str) for code in codes):
            return certain(RequestKind.CLAIM, refusal(422, NO_CODES, "codes"))
        iccids = tuple(dict.fromkeys(iccid for code in codes if (iccid := self._fleet.iccid_of(code))))
        if status not in REGISTERED_AS:
            return certain(RequestKind.CLAIM, refusal(422, NO_STATUS, "status"), *iccids)
        if not UUID_FORM.fullmatch(str(group)):
            return certain(RequestKind.CLAIM, refusal(422, NO_GROUP_ID, "group"), *iccids)
        enabled = status == "enabled"
        return Wish(RequestKind.CLAIM, iccids, lambda fates: self._registered(codes, str(group), enabled, fates))

    def _registered(self, codes: list[str], group: str, enabled: bool, fates: Fates) -> Answer:
        taken, redundant, errors = [], [], []
        for at, code in enumerate(codes):
            iccid = self._fleet.iccid_of(code)
            outcome = self._fleet.claim(iccid, code) if iccid else Claim.NOT_REGISTRABLE
            sim = self._fleet.find(iccid) if iccid else None
            if sim is not None and iccid and outcome is Claim.TAKEN:
                self._put_into(sim, group, enabled, fates(iccid))
                taken.append(sim)
                continue
            if iccid and outcome is Claim.ALREADY_OURS:
                redundant.append(iccid)
            errors.append(self._no_registration(at))
        document = {"data": [self._sim(sim) for sim in taken], "errors": errors}
        reason = "not registrable" if errors else ""
        return Answer(202, document, tuple(sim.iccid for sim in taken), tuple(redundant), reason)

    def _no_registration(self, at: int) -> dict[str, object]:
        detail = "The code is wrong or was used before."
        return error(10015, "Invalid registration code", detail, f"/registration_codes/{at}")

    def _put_into(self, sim: Sim, group: str, enabled: bool, fate: Fate) -> None:
        if enabled:
            self._fleet.change(sim, SimState.ACTIVE, group, fate)
            self._call_about(sim, "enable")
        else:
            self._fleet.put(sim.iccid, SimState.INACTIVE, group)

    def _act(self, reference: str, verb: str) -> Wish:
        kind, target = VERBS[verb]
        sim = self._fleet.find_reference(reference)
        if sim is None:
            return certain(kind, NO_SUCH_THING)
        if sim.plan is None:
            return certain(kind, refusal(422, NO_GROUP, "no group"), sim.iccid)
        return Wish(kind, (sim.iccid,), lambda fates: self._acted(sim, verb, target, fates(sim.iccid)))

    def _acted(self, sim: Sim, verb: str, target: SimState, fate: Fate) -> Answer:
        now = self._clock()
        sim.settle(now)
        if sim.state is SimState.BARRED and target is SimState.ACTIVE and not sim.target:
            return refusal(422, LIMIT_REACHED, "data limit")
        words = CHANGING if sim.target else WORDS
        if words[sim.target or sim.state] == words[target]:
            return refusal(422, NOTHING_TO_DO, "no change")
        self._fleet.change(sim, target, None, fate)
        due_at = sim.due_at if sim.target else now
        action = Action(uuid_of(f"{sim.iccid} {now}"), sim, verb, now, due_at, falls_back=fate is Fate.FALLS_BACK)
        self._supersede(sim)
        self._actions[action.id] = self._newest[sim.iccid] = action
        self._call_about(sim, verb)
        return Answer(202, {"data": self._action(action)}, effects=(sim.iccid,))

    def _supersede(self, sim: Sim) -> None:
        if sim.iccid in self._newest:
            self._newest[sim.iccid].superseded_at = self._clock()

    def _call_about(self, sim: Sim, happened: str) -> None:
        """Once its change has ended, well or not."""
        if sim.target and self._webhook_url:
            calls = webhook(self._webhook_url, sim.reference, happened, sim.due_at)
            self._calls.when_true(sim.iccid, sim.due_at, *calls)

    def _progress(self, action_id: str) -> Wish:
        action = self._actions.get(action_id)
        if action is None:
            return certain(RequestKind.FOLLOW, NO_SUCH_THING)
        iccids = (action.sim.iccid,)
        return Wish(RequestKind.FOLLOW, iccids, lambda _fates: Answer(200, {"data": self._action(action)}))

    def _one(self, method: str, reference: str) -> Wish:
        kind = {"GET": RequestKind.READ, "DELETE": RequestKind.RELEASE}.get(method, RequestKind.OTHER)
        sim = self._fleet.find_reference(reference)
        if sim is None or kind is RequestKind.OTHER:
            return certain(kind, NO_SUCH_THING)
        if kind is RequestKind.READ:
            return Wish(kind, (sim.iccid,), lambda _fates: Answer(200, {"data": self._sim(sim)}))
        return Wish(kind, (sim.iccid,), lambda fates: self._deleted(sim, fates(sim.iccid)))

    def _deleted(self, sim: Sim, fate: Fate) -> Answer:
        effect = self._fleet.change(sim, SimState.RELEASED, None, fate)
        self._supersede(sim)
        if effect:
            self._call_about(sim, "delete")
        return told(Answer(200, {"data": self._sim(sim)}), sim.iccid, effect=effect)

    def _list(self, query: Mapping[str, str]) -> Wish:
        size, number = query.get("page[size]", "20"), query.get("page[number]", "1")
        status = query.get("filter[status][]")
        if not _is_number(size, MOST_PER_PAGE) or not _is_number(number) or status not in (None, *SETTLED_WORDS):
            said = error(10015, "Bad request", "A parameter of the listing is not valid.")
            return certain(RequestKind.LIST, refusal(422, said, "query"))
        iccid = query.get("filter[iccid]")
        kind, iccids = (RequestKind.READ, (iccid,)) if iccid else (RequestKind.LIST, ())
        return Wish(kind, iccids, lambda _fates: self._page(query, int(number), int(size)))

    def _page(self, query: Mapping[str, str], number: int, size: int) -> Answer:
        part, group = query.get("filter[iccid]", ""), query.get("filter[sim_card_group_id]")
        status = query.get("filter[status][]")
        wanted = [
            sim
            for sim in self._fleet.listing()
            if part in sim.iccid and group in (None, sim.plan) and status in (None, _word(sim))
        ]
        shown = islice(wanted, (number - 1) * size, number * size)
        meta = {
            "page_number": number,
            "page_size": size,
            "total_pages": math.ceil(len(wanted) / size),
            "total_results": len(wanted),
        }
        return Answer(200, {"data": [self._sim(sim) for sim in shown], "meta": meta})

    def _sim(self, sim: Sim) -> dict[str, object]:
        said: dict[str, object] = {
            "id": sim.reference,
            "record_type": "sim_card",
            "status": {"value": _word(sim), "reason": "This is simulated."},
            "type": "physical",
            "iccid": sim.iccid,
            "tags": [],
            "current_billing_period_consumed_data": {"amount": self._megabytes(sim), "unit": "MB"},
            "actions_in_progress": sim.target is not None,
            "created_at": _iso(sim.created_at),
            "updated_at": _iso(sim.updated_at),
        }
        return said | ({"sim_card_group_id": sim.plan} if sim.plan else {})

    def _megabytes(self, sim: Sim) -> str:
        """Since the first of the month, in UTC."""
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        used = sum(self._fleet.used(sim.iccid, today - timedelta(days=ago)) for ago in range(today.day))
        return f"{Decimal(used) / 10**6:f}"

    def _action(self, action: Action) -> dict[str, object]:
        now = self._clock()
        status = {name: said for name, said in action.status(now).items() if said is not None}
        return {
            "id": action.id,
            "record_type": "sim_card_action",
            "sim_card_id": action.sim.reference,
            "action_type": action.verb,
            "settings": {},
            "status": status,
            "created_at": _iso(action.begun_at),
            "updated_at": _iso(now),
        }


SIMULATION = Simulation(CREDENTIALS, reference_of, TelnyxDialect, bars=True)


def _word(sim: Sim) -> str:
    return CHANGING[sim.target] if sim.target else WORDS[sim.state]


def _is_number(text: str, most: int = 10**9) -> bool:
    return text.isdecimal() and 1 <= int(text) <= most


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
