"""1NCE before the referee."""

import pytest

from tests.carriers import test_onence_changes as changes
from tests.carriers.referee import Refereed, RefereedContract, RefereedFaults, RefereedSecrets
from tests.carriers.test_onence import OfOneNce

pytestmark = pytest.mark.slow


class TestOneNce(OfOneNce, RefereedContract):
    pass


class TestFaults(OfOneNce, RefereedFaults):
    pass


class TestSecrets(OfOneNce, RefereedSecrets):
    pass


class TestChanges(Refereed, changes.TestChanges):
    pass
