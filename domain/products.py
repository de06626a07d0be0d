"""Products, and how many devices their account may have."""

from enum import StrEnum

SANDBOX_DEVICES = 100  # per account, cellular and other devices together


class Tier(StrEnum):
    """What an account pays for a product. A product may move up at any time."""

    FREE = "sandbox"
    GROWTH = "growth"
    ENTERPRISE = "enterprise"


def room(tier: Tier, account_device_count: int) -> int | None:
    """How many more SIMs a product of this tier may take; None: any number.

    `account_device_count` is everything that the account has: its SIMs in all products and its other devices.

    >>> room(Tier.FREE, 97), room(Tier.FREE, 140), room(Tier.GROWTH, 140)
    (3, 0, None)
    """
    return max(0, SANDBOX_DEVICES - account_device_count) if tier is Tier.FREE else None


def held_count(tier: Tier, account_device_count: int, new_count: int) -> int:
    """How many of `new_count` SIMs are held because the tier has no room for them; the first ones go ahead.

    >>> held_count(Tier.FREE, 97, 10), held_count(Tier.ENTERPRISE, 97, 10)
    (7, 0)
    """
    free = room(tier, account_device_count)
    return 0 if free is None else max(0, new_count - free)


def why_held(account_device_count: int) -> str:
    """The sentence on a held SIM: the limit, the count, and what lets it go on."""
    return (
        f"Held: a sandbox account has at most {SANDBOX_DEVICES} devices, cellular and others together, "
        f"and this one has {account_device_count}. Move the product to Growth or Enterprise, or release SIMs; "
        "then run the manifest again."
    )
