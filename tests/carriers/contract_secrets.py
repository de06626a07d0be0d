"""No fault brings a secret to light, whatever is asked of a carrier while it lasts."""

import base64
import logging
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import stamina

from carriers.callbacks import CALLBACK_SECRET, CALLBACK_URL
from carriers.contract import Callback, Calling, CarrierAccount
from carriers.errors import CarrierError
from carriers.registry import open_carrier
from carriers.simulated.faults import Fault, Faults
from carriers.simulated.registry import simulation_of
from carriers.simulated.server import SimulatedCarrierServer
from carriers.telnyx_calls import PUBLIC_KEY
from tests.carriers.conftest import Simulate
from tests.carriers.contract_kinds import Ready, changes, outcomes, questions
from tests.carriers.contract_subject import Contract, Reach, World, code_of

CALLED = {CALLBACK_URL: "https://hooks.example.com", PUBLIC_KEY: base64.b64encode(32 * b"k").decode()}
MARK, CODE_MARK = "m4rk3r", code_of("")
STRANGERS_CALL = Callback(f"iccid={MARK}", {"x-twilio-signature": MARK, "telnyx-timestamp": "0"}, MARK.encode())


class SecretsContract(Contract):
    """Marker secrets go through everything that fails; none may come out anywhere."""

    hurry_seconds = 0.2

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
        hurried = replace(account, timeout_seconds=self.hurry_seconds)
        first = World(self.subject, server, open_carrier(hurried), hurried)
        yield from _told(outcomes(changes(first)[:1]))
        first.carrier.close()
        first.works()
        world = World(self.subject, server, open_carrier(account), account)
        ready = [*questions(world), *changes(world), Ready("check", (), lambda _gate: world.carrier.check())]
        world.hurries(self.hurry_seconds)
        carrier = world.carrier
        if isinstance(carrier, Calling):
            ready.append(Ready("call", (), lambda _gate: carrier.heard(STRANGERS_CALL)))
        server.carrier.faults = faults
        yield from _told(outcomes(ready))
        yield from map(repr, (account, carrier, vars(carrier), world.claim_of(world.iccid)))
        carrier.close()


def _told(made: Mapping[str, object]) -> Iterator[str]:
    """Answers as they print, and of errors the whole trace."""
    for outcome in made.values():
        yield repr(outcome)
        if isinstance(outcome, CarrierError):
            yield "".join(traceback.format_exception(outcome))
