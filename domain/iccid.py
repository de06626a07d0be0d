"""ICCID: the number of a SIM card (ITU-T E.118)."""

from dataclasses import dataclass
from enum import StrEnum


class CheckDigit(StrEnum):
    """Whether an issuer's manifests print the Luhn digit."""

    PRINTED = "printed"
    OMITTED = "omitted"


@dataclass(frozen=True, slots=True)
class IssuerProfile:
    """What config knows of an issuer. The longest prefix wins."""

    prefix: str
    name: str
    lengths: frozenset[int] = frozenset({19, 20})  # with the check digit
    check_digit: CheckDigit = CheckDigit.PRINTED
    carrier_account: str | None = None
