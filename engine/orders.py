"""Operations as orders to a carrier, and which of them share a request."""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import TypeVar

from carriers.contract import Capabilities, Carrier, Order
from domain.lifecycle import Action, Stage
from engine.context import Context
from storage import sealing
from storage.database import Transaction
from storage.leased import Operation
from storage.vault import CodeUnreadable

T = TypeVar("T")


def takes(can: Capabilities) -> list[tuple[Stage | None, int]]:
    """What to take at once (None: every stage), and how many orders one request of it can name."""
    if not can.claims or can.claims_per_request == can.orders_per_request:
        return [(None, can.orders_per_request)]
    return [(stage, can.at_most(stage)) for stage in (Stage.CHANGE, Stage.CLAIM)]


def opened_codes(context: Context, tx: Transaction, operations: Sequence[Operation]) -> dict[int, str]:
    """Operation id -> registration code in plain text, for claims that have one; what no key opens is left out.

    Raises `VaultLocked` where nothing opens: then the keys are wrong, not the codes.
    """
    opened: dict[int, str] = {}
    unreadable: CodeUnreadable | None = None
    for operation in operations:
        if (sealed := sealed_for_claim(operation)) is not None:
            try:
                opened[operation.id] = context.vault.reveal(sealed)
            except CodeUnreadable as error:
                unreadable = error
    if unreadable is not None and not opened:
        tried = sealing.try_some(tx, context.vault)
        if tried.codes > 1 and not tried.opened:
            raise unreadable
    return opened


def sealed_for_claim(operation: Operation) -> bytes | None:
    """The sealed code that this operation's request needs; None where it needs none."""
    return operation.sealed_code if operation.stage is Stage.CLAIM else None


def order_of(operation: Operation, code: str | None) -> Order:
    """The operation as its carrier is asked for it."""
    return Order(
        iccid=operation.iccid,
        action=operation.action,
        stage=operation.stage,
        carrier_reference=operation.carrier_reference,
        plan_reference=operation.plan_reference,
        home_country=operation.home_country,
        registration_code=code,
    )


def requests_of(
    carrier: Carrier, orders: Sequence[tuple[Operation, Order]]
) -> Iterator[tuple[tuple[Operation, Order], ...]]:
    """Orders that may share one request: same stage and action, of one batch, no more than one request can name."""

    def kind(pair: tuple[Operation, Order]) -> tuple[str, str, str]:
        return pair[1].stage, pair[1].action, carrier.batch_of(pair[1])

    for (stage, action, _), alike in groupby(sorted(orders, key=kind), key=kind):
        size = carrier.capabilities.at_most(Stage(stage), Action(action))
        yield from _batched(alike, size)


def _batched(pairs: Iterator[T], size: int) -> Iterator[tuple[T, ...]]:
    while batch := tuple(islice(pairs, size)):
        yield batch
