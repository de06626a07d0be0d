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
from carriers.telnyx_calls import PUBLIC_KEY
from tests.carriers.conftest import Simulate
from tests.carriers.contract_faults import OF_TIME
from tests.carriers.contract_kinds import Ready, changes, outcomes, questions
from tests.carriers.contract_subject import Contract, Reach, World, code_of

CALLED = {CALLBACK_URL: "https://hooks.example.com", PUBLIC_KEY: base64.b64encode(32 * b"k").decode()}
MARK, CODE_MARK = "m4rk3r", code_of("")
STRANGERS_CALL = Callback(f"iccid={MARK}", {"x-twilio-signature": MARK, "telnyx-timestamp": "0"}, MARK.encode())


class SecretsContract(Contract):
    """Marker secrets go through everything that fails; none may come out anywhere."""

    hurry_seconds = 0.3

    @pytest.mark.parametrize("fault", [None, *Fault])
    def test_no_fault_brings_a_secret_to_light(
        self,
        fault: Fault | None,
        simulate: Simulate,
        reach: Reach,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        carrier = self.subject.carrier
        marked = {name: f"{MARK}-{name}" for name in (*simulation_of(carrier).credentials, CALLBACK_SECRET)}
        marked |= self.subject.marks
        faults = Faults({fault: 1.0} if fault else {}, slow_seconds=2 * self.hurry_seconds)
        options = replace(
            self.options,
            open_registry=True,
            credentials=marked,
            log_file=tmp_path / "requests.jsonl",
            state_file=tmp_path / "state.jsonl",
        )
        with caplog.at_level(logging.DEBUG), stamina.set_testing(True, attempts=2):  # what is repeated is so at once
            server = simulate(options, carrier=carrier)
            account = self.account(reach(server))
            account = replace(account, secrets=marked, options=account.options | CALLED)
            shown = "".join(self._shown_by(account, server, faults))
        written = "".join(file.read_text() for file in tmp_path.iterdir())
        assert '"kind"' in written
        seen = shown + caplog.text + written
        assert [mark for mark in (MARK, CODE_MARK, *self.subject.marks.values()) if mark in seen] == []

    def _shown_by(self, account: CarrierAccount, server: SimulatedCarrierServer, faults: Faults) -> Iterator[str]:
        """What every kind of request under this account lets people see while the fault lasts.

        The first of them buys the token where there is one: for that the fault is there from the start.
        """
        server.carrier.faults = faults
        seconds = self.hurry_seconds if faults.rates.keys() & OF_TIME else self.timeout_seconds
        hurried = replace(account, timeout_seconds=seconds)
        first = World(self.subject, server, open_carrier(hurried), hurried)
        yield from _told(outcomes(changes(first)[:1]))
        first.carrier.close()
        first.works()
        world = World(self.subject, server, open_carrier(account), account)
        asked, changed = [*questions(world), Ready("check", (), lambda _gate: world.carrier.check())], changes(world)
        if isinstance(world.carrier, Calling):
            asked.append(Ready("call", (), partial(_hear, world)))
        world.hurries(seconds)
        yield from self._shown_while(replace(faults, kinds=CHANGES), world, changed)
        yield from self._shown_while(faults, world, asked)
        yield from map(repr, (account, world.carrier, vars(world.carrier), world.claim_of(world.iccid)))
        world.carrier.close()

    def _shown_while(self, faults: Faults, world: World, ready: Sequence[Ready]) -> Iterator[str]:
        """What comes of these requests, each of which has to reach the carrier."""
        before = {one.name: world.requests(*one.kinds) for one in ready}
        world.server.carrier.faults = faults
        yield from _told(outcomes(ready))
        until = time.monotonic() + 5  # an adapter may have given up before its request was written down
        while missing := [one.name for one in ready if one.kinds and world.requests(*one.kinds) == before[one.name]]:
            assert time.monotonic() < until, f"never sent: {missing}"
            time.sleep(0.02)
        world.works()


def _hear(world: World, _gate: Gate) -> object:
    assert isinstance(world.carrier, Calling)
    return world.carrier.heard(STRANGERS_CALL)


def _told(made: Mapping[str, object]) -> Iterator[str]:
    """Answers as they print, and of errors the whole trace."""
    for outcome in made.values():
        yield repr(outcome)
        if isinstance(outcome, CarrierError):
            yield "".join(traceback.format_exception(outcome))
