"""Which operations share a request: as many as one request of their stage and action can name."""

from dataclasses import dataclass, replace

import pytest

from carriers.contract import Capabilities, Order
from carriers.registry import CAPABILITIES
from domain.lifecycle import Action, Stage
from engine.orders import requests_of
from tests.engine.rig import iccids


@dataclass
class Together:
    """A carrier in which all orders may share a request, as far as their number goes."""

    capabilities: Capabilities

    def batch_of(self, _order: Order) -> str:
        return ""


@pytest.mark.parametrize(
    ("stage", "action", "sizes"),
    [
        (Stage.CHANGE, Action.ACTIVATE, [4, 2]),
        (Stage.CHANGE, Action.DEACTIVATE, [4, 2]),
        (Stage.CHANGE, Action.RELEASE, [1, 1, 1, 1, 1, 1]),
        (Stage.CLAIM, Action.ACTIVATE, [5, 1]),
    ],
)
def test_a_request_names_no_more_sims_than_its_action_allows(stage: Stage, action: Action, sizes: list[int]) -> None:
    can = replace(CAPABILITIES["soracom"], orders_per_request=4, claims_per_request=5, alone=(Action.RELEASE,))
    orders = [(None, Order(iccid, action, stage)) for iccid in iccids(6)]
    requests = requests_of(Together(can), orders)  # type: ignore[arg-type]
    assert [len(request) for request in requests] == sizes
