"""Telnyx before the referee."""

from dataclasses import replace

import pytest

from carriers.contract import AnswerKind, OpenGate
from carriers.telnyx import Telnyx
from domain.lifecycle import SimState
from tests.carriers.contract_suite import World
from tests.carriers.referee import RefereedContract, RefereedFaults, RefereedSecrets
from tests.carriers.test_telnyx import OfTelnyx

pytestmark = pytest.mark.slow


class TestTelnyx(OfTelnyx, RefereedContract):
    def test_a_claim_that_enables_is_as_described(self, world: World, address: str) -> None:
        enabling = Telnyx.open(replace(self.account(address), options={"register_as": "enabled"}))
        (answer,) = enabling.submit([world.claim_of(world.iccid)], OpenGate())
        assert (answer.kind, world.settled(SimState.ACTIVE).state) == (AnswerKind.ACCEPTED, SimState.ACTIVE)
        enabling.close()


class TestFaults(OfTelnyx, RefereedFaults):
    pass


class TestSecrets(OfTelnyx, RefereedSecrets):
    pass
