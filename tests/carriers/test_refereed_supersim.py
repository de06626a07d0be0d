"""Super SIM before the referee. Basic alone: the token endpoint is not described."""

import pytest

from tests.carriers import test_supersim as supersim
from tests.carriers.referee import Refereed, RefereedContract, RefereedFaults, RefereedSecrets

pytestmark = pytest.mark.slow


class TestSuperSim(supersim.ByBasic, RefereedContract):
    pass


class TestFaults(supersim.ByBasic, RefereedFaults):
    pass


class TestSecrets(supersim.ByBasic, RefereedSecrets):
    pass


class TestDeliveredRegistered(Refereed, supersim.TestDeliveredRegistered):
    pass
