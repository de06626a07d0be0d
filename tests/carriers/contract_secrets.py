"""No fault brings a secret to light, whatever is asked of a carrier while it lasts."""

import base64
import logging
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import stamina

from carriers.callbacks import CALLBACK_SECRET, CALLBACK_URL
from carriers.contract import Callback, Calling, CarrierAccount, Gate
from carriers.errors import CarrierError
from carriers.registry import open_carrier
from carriers.simulated.faults import CHANGES, Fault, Faults
from carriers.simulated.registry import simulation_of
from carriers.simulated.server import SimulatedCarrierServer
from carriers.simulated.spoil import INSTEAD, SPOILT
from carriers.telnyx_calls import PUBLIC_KEY
from tests.carriers.conftest import Simulate
from tests.carriers.contract_faults import OF_TIME
from tests.carriers.contract_kinds import Ready, changes, outcomes, questions
from tests.carriers.contract_subject import Contract, Reach, World, code_of

CALLED = {CALLBACK_URL: "https://hooks.example.com", PUBLIC_KEY: base64.b64encode(32 * b"k").decode()}
MARK, CODE_MARK = "m4rk3r", code_of("")
STRANGERS_CALL = Callback(f"iccid={MARK}", {"x-twilio-signature": MARK, "telnyx-timestamp": "0"}, MARK.encode())
FAULTS: dict[str, list[Fault | None]] = {
    "none, or later": [None, *(fault for fault in Fault if fault not in INSTEAD and fault not in SPOILT)],
    "instead of the effect": [fault for fault in INSTEAD if fault not in OF_TIME],
    "on the way back": [fault for fault in SPOILT if fault not in OF_TIME],
    "in time": [*OF_TIME],
}


class SecretsContract(Contract):
    """Marker secrets go through everything that fails; none may come out anywhere."""

    hurry_seconds = 0.3

    @pytest.mark.parametrize("where", FAULTS)
    def test_no_fault_brings_a_secret_to_light(
        self, where: str, simulate: Simulate, reach: Reach, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        carrier = self.subject.carrier
        marked = {name: f"{MARK}-{name}" for name in (*simulation_of(carrier).credentials, CALLBACK_SECRET)}
        marked |= self.subject.marks
        log, state = tmp_path / "requests.jsonl", tmp_path / "state.jsonl"
        options = replace(self.options, open_registry=True, credentials=marked, log_file=log, state_file=state)
        with caplog.at_level(logging.DEBUG), stamina.set_testing(True, attempts=2):  # what is repeated is so at once
            server = simulate(options, carrier=carrier)
            account = self.account(reach(server))
            account = replace(account, secrets=marked, options=account.options | CALLED)
            shown = self._shown_by(account, server, FAULTS[where])
        assert '"kind"' in log.read_text()
        seen = {**shown, "log": caplog.text, "requests": log.read_text(), "fleet": state.read_text()}
        marks = (MARK, CODE_MARK, *self.subject.marks.values())
        assert [place for place, text in seen.items() if any(mark in text for mark in marks)] == []

    def _shown_by(
        self, account: CarrierAccount, server: SimulatedCarrierServer, faults: Sequence[Fault | None]
    ) -> dict[str, str]:
        """What every kind of request under this account lets people see while each fault lasts."""
        world = World(self.subject, server, open_carrier(account), account)
        asked = list(_asked(world))
        seconds = self.hurry_seconds if OF_TIME.issuperset(faults) else self.timeout_seconds
        world.hurries(seconds)
        account, shown = replace(account, timeout_seconds=seconds), {}
        for fault in faults:
            world.turn += 1
            settings = Faults({fault: 1.0} if fault else {}, slow_seconds=2 * self.hurry_seconds)
            first = replace(world, carrier=open_carrier(account))  # buys the token under the fault, where there is one
            told = [*_told_while(settings, first, changes(first)[:1])]
            first.carrier.close()
            for ready, met in ((changes(world), replace(settings, kinds=CHANGES)), (asked, settings)):
                told += _told_until_sent(met, world, ready)
            shown[str(fault)] = "".join(told)
        shown["adapter"] = repr((account, world.carrier, vars(world.carrier), world.claim_of(world.iccid)))
        world.carrier.close()
        return shown


def _asked(world: World) -> Iterator[Ready]:
    """Everything that changes nothing."""
    yield from questions(world)
    yield Ready("check", (), lambda _gate: world.carrier.check())
    if isinstance(world.carrier, Calling):
        yield Ready("call", (), partial(_hear, world))


def _hear(world: World, _gate: Gate) -> object:
    assert isinstance(world.carrier, Calling)
    return world.carrier.heard(STRANGERS_CALL)


def _told_while(faults: Faults, world: World, ready: Sequence[Ready]) -> Iterator[str]:
    """What comes of these requests under these faults: answers as they print, and of errors the whole trace."""
    world.server.carrier.faults = faults
    made = outcomes(ready)
    world.works()
    for outcome in made.values():
        yield repr(outcome)
        if isinstance(outcome, CarrierError):
            yield "".join(traceback.format_exception(outcome))


def _told_until_sent(faults: Faults, world: World, ready: Sequence[Ready]) -> Iterator[str]:
    """The same; and each of these reaches the carrier.

    One whose token the others have spent, twice, has sent nothing and is asked for once more by itself.
    """
    before = {one.name: world.requests(*one.kinds) for one in ready}
    yield from _told_while(faults, world, ready)
    for one in _unsent(world, ready, before, seconds=1):
        yield from _told_while(faults, world, [one])
    assert [one.name for one in _unsent(world, ready, before, seconds=5)] == []


def _unsent(world: World, ready: Sequence[Ready], before: Mapping[str, int], seconds: float) -> list[Ready]:
    """Those of which nothing has arrived. An adapter may give up before its request is written down: so long it may."""
    until = time.monotonic() + seconds
    while missing := [one for one in ready if one.kinds and world.requests(*one.kinds) == before[one.name]]:
        if time.monotonic() > until:
            break
        time.sleep(0.02)
    return missing
