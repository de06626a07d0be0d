"""The loopback door `/_simulator/`: reads and sets faults and fleet of a running simulated carrier."""

import json
from collections import Counter
from datetime import date

from carriers.simulated.carrier import SimulatedCarrier
from carriers.simulated.faults import faults_as_json, faults_from
from carriers.simulated.wire import Answer
from domain.lifecycle import SimState


def administer(carrier: SimulatedCarrier, method: str, question: str, body: bytes) -> Answer:
    """GET shows, POST (JSON) sets: `faults` replaces them all, `fleet` adds cards and SIMs.

    A fleet is `{"cards": [{"iccid", "registration_code", "others"}], "sims": [{"iccid", "state", "plan"}],
    "usage": [{"iccid", "day", "bytes"}]}`; days are in UTC.
    """
    try:
        wanted = json.loads(body) if method == "POST" else None
        if question == "faults":
            return _faults(carrier, wanted)
        if question == "fleet":
            return _fleet(carrier, wanted)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return Answer(400, {"message": f"This makes no sense: {error}"})
    return Answer(404, {"message": "There are faults and fleet."})


def _faults(carrier: SimulatedCarrier, wanted: dict[str, object] | None) -> Answer:
    if wanted is not None:
        carrier.faults = faults_from(wanted)
    return Answer(200, faults_as_json(carrier.faults))


def _fleet(carrier: SimulatedCarrier, wanted: dict[str, list[dict[str, str]]] | None) -> Answer:
    carrier.settle()
    wanted = {} if wanted is None else wanted
    with carrier.lock:
        for card in wanted.get("cards", []):
            carrier.fleet.add_card(card["iccid"], card["registration_code"], bool(card.get("others")))
        for sim in wanted.get("sims", []):
            carrier.fleet.put(sim["iccid"], SimState(sim["state"]), sim.get("plan"))
        for usage in wanted.get("usage", []):
            carrier.fleet.put_usage(usage["iccid"], date.fromisoformat(usage["day"]), int(usage["bytes"]))
        sims = [
            {"iccid": sim.iccid, "reference": sim.reference, "state": sim.visible, "plan": sim.plan}
            for sim in carrier.fleet.listing()
        ]
    return Answer(200, {"counts": Counter(str(sim["state"]) for sim in sims), "sims": sims})
