"""Operations as orders to a carrier, and which of them share a request."""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import TypeVar

from carriers.contract import Capabilities, Carrier, Order
from domain.lifecycle import Stage
from engine.context import Context
from storage.ledger import Operation

T = TypeVar("T")


def takes(can: Capabilities) -> list[tuple[Stage | None, int]]:
    """What to take at once (None: every stage), and how many orders one request of it can name."""
    if not can.claims or can.claims_per_request == can.orders_per_request:
        return [(None, can.orders_per_request)]
    return [(stage, can.at_most(stage)) for stage in (Stage.CHANGE, Stage.CLAIM)]


def order_of(context: Context, operation: Operation) -> Order:
    """The operation as its carrier is asked for it, with its registration code opened where a claim needs it."""
    claims = operation.stage is Stage.CLAIM and operation.sealed_code is not None
    return Order(
        iccid=operation.iccid,
        action=operation.action,
        stage=operation.stage,
        carrier_reference=operation.carrier_reference,
        plan_reference=operation.plan_reference,
        home_country=operation.home_country,
        registration_code=context.vault.reveal(operation.sealed_code) if claims and operation.sealed_code else None,
    )


def requests_of(
    carrier: Carrier, orders: Sequence[tuple[Operation, Order]]
) -> Iterator[tuple[tuple[Operation, Order], ...]]:
    """Orders that may share one request: same stage and action, of one batch, no more than one request can name."""

    def kind(pair: tuple[Operation, Order]) -> tuple[str, str, str]:
        return pair[1].stage, pair[1].action, carrier.batch_of(pair[1])

    for (stage, _, _), alike in groupby(sorted(orders, key=kind), key=kind):
        size = carrier.capabilities.at_most(Stage(stage))
        yield from _batched(alike, size)


def _batched(pairs: Iterator[T], size: int) -> Iterator[tuple[T, ...]]:
    while batch := tuple(islice(pairs, size)):
        yield batch
