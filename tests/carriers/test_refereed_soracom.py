"""Soracom before the referee, both coverages."""

import pytest

from tests.carriers import test_soracom as soracom
from tests.carriers.referee import Refereed, RefereedContract, RefereedFaults, RefereedSecrets

pytestmark = pytest.mark.slow


class TestSoracom(soracom.Whole, RefereedContract):
    pass


class TestJapan(soracom.InJapan, RefereedContract):
    pass


class TestOneByOne(soracom.OneByOne, RefereedContract):
    pass


class TestFaults(soracom.Whole, RefereedFaults):
    pass


class TestFaultsJapan(soracom.InJapan, RefereedFaults):
    pass


class TestSecrets(soracom.Whole, RefereedSecrets):
    pass


class TestTwoCoverages(Refereed, soracom.TestTwoCoverages):
    pass


class TestJapansSimsWithoutJapan(Refereed, soracom.TestJapansSimsWithoutJapan):
    pass


class TestJobs(Refereed, soracom.TestJobs):
    pass


class TestTermination(Refereed, soracom.TestTermination):
    pass
