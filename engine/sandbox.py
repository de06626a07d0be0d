"""The Free sandbox's room: what a manifest brings beyond it is held, and goes on by a re-run after an upgrade."""

from collections.abc import Iterable

from domain.lifecycle import Step
from domain.products import Tier, held_count, why_held
from storage import catalogue, ledger
from storage.database import Transaction
from storage.ledger import Move


def hold_what_exceeds(tx: Transaction, manifest_id: str, product_ids: Iterable[str], actor: str) -> int:
    """Hold the last planned SIMs of this manifest that their products' account has no room for; how many were held."""
    touched = set(product_ids)
    held = 0
    for product in catalogue.products(tx):
        if product.id in touched and product.tier is Tier.FREE:
            planned = ledger.at_step(tx, manifest_id, Step.PLANNED, product_id=product.id)
            before = catalogue.account_device_count(tx, product.account_id) - len(planned)
            excess = held_count(product.tier, before, len(planned))
            ids = planned[len(planned) - excess :]
            move = Move(Step.PLANNED, Step.HELD, "no_room", ids, why_held(before + len(planned) - excess))
            held += len(ledger.move(tx, move, actor=actor, fence=None))
    return held


def let_go_on(tx: Transaction, manifest_id: str, *, reason: str, actor: str) -> int:
    """Plan as many held SIMs of this manifest as each product has room for now, in the order of the file."""
    released = 0
    for product in catalogue.products(tx):
        held = ledger.at_step(tx, manifest_id, Step.HELD, product_id=product.id)
        if held:
            devices = catalogue.account_device_count(tx, product.account_id)
            ids = held[: len(held) - held_count(product.tier, devices, len(held))]
            move = Move(Step.HELD, Step.PLANNED, "rerun", ids, reason)
            released += len(ledger.move(tx, move, actor=actor, fence=None))
    return released
