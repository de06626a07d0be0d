"""The referee sees what is not as described; without that, nothing that it lets pass would prove anything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from carriers.contract import OpenGate
from carriers.errors import ReadFailed
from carriers.registry import open_carrier
from carriers.simulated.carrier import Options
from carriers.simulated.faults import Fault, Faults
from domain.lifecycle import SimState
from tests.carriers.conftest import Simulate
from tests.carriers.referee import Relay, refereed
from tests.carriers.test_supersim import ICCID, basic

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def referee(specifications: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with refereed(specifications / "supersim.json", tmp_path_factory.mktemp("referee") / "prism.log") as relay:
        yield relay


def test_the_referee_sees_a_status_word_that_is_not_described(simulate: Simulate, referee: Relay) -> None:
    server = simulate(Options(), referee.carrier_port)
    server.carrier.fleet.put(ICCID, SimState.ACTIVE, None)
    server.carrier.faults = Faults({Fault.UNKNOWN_WORD: 1.0})
    with pytest.raises(ReadFailed):
        open_carrier(basic(referee.url)).read(ICCID, OpenGate())
    assert "VIOLATIONS" in referee.verdicts()[0]


def test_the_referee_sees_a_request_without_its_credentials(simulate: Simulate, referee: Relay) -> None:
    simulate(Options(), referee.carrier_port)
    requests.get(f"{referee.url}/v1/Sims", timeout=10)
    assert "UNAUTHORIZED" in referee.verdicts()[0]
