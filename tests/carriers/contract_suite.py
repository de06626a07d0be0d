"""The contract that every adapter keeps, told through its simulated carrier; a test file names its subject."""

from tests.carriers.contract_faults import NO_ANSWER, CarrierFaultsContract
from tests.carriers.contract_secrets import SecretsContract
from tests.carriers.contract_subject import Contract, Subject, World, code_of
from tests.carriers.contract_well import CarrierContract

__all__ = [
    "NO_ANSWER",
    "CarrierContract",
    "CarrierFaultsContract",
    "Contract",
    "SecretsContract",
    "Subject",
    "World",
    "code_of",
]
