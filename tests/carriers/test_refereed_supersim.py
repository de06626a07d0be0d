"""Super SIM before the referee, by Basic and by OAuth: tokens, which are not described, go around it."""

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


class TestByOAuth(supersim.ByOAuth, RefereedContract):
    pass


class TestFaultsByOAuth(supersim.ByOAuth, RefereedFaults):
    pass


class TestSecretsByOAuth(supersim.ByOAuth, RefereedSecrets):
    pass


class TestDeliveredRegistered(Refereed, supersim.TestDeliveredRegistered):
    pass
