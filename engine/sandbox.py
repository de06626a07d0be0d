"""The Free sandbox's room: what a manifest brings beyond it is held, and goes on by a re-run after an upgrade."""

from collections.abc import Iterable

from domain.lifecycle import Step
from domain.products import room
from storage import catalogue, ledger
from storage.database import Transaction
from storage.ledger import Move


def hold_what_exceeds(tx: Transaction, manifest_id: str, product_ids: Iterable[str], actor: str) -> int:
    """Hold the last planned SIMs of this manifest that their products' account has no room for; how many were held."""
    held = 0
    for product in catalogue.products(tx):
        if product.id not in set(product_ids):
            continue
        left = room(product.tier, catalogue.account_device_count(tx, product.account_id))
        if left is not None and left < 0:
            ids = ledger.last_planned(tx, manifest_id, product.id, -left)
            detail = f"The sandbox of account {product.account_id} is full. Upgrade product {product.id}, then re-run."
            held += len(ledger.move(tx, Move(Step.PLANNED, Step.HELD, "no_room", ids, detail), actor=actor, fence=None))
    return held
