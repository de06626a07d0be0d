"""What storage tests begin with: two products of one account, a plan, and deliveries that were taken in."""

from collections.abc import Callable, Sequence

import pytest

from domain.lines import LineCounts, LineOutcome
from domain.manifests import ItemIdentity, ManifestState
from domain.plans import Plan
from domain.products import Tier
from domain.routing import Placement
from storage import catalogue, loading, manifests
from storage.database import Database, Transaction
from storage.loading import LoadBlock, LoadResult
from tests.storage.statements import plans_of, statements_of

EU = Plan("kore/eu", "kore", "eu", frozenset({"DE", "FR"}), "EU", 110, 5_000_000, 10.0, "EUR", "HF1")


@pytest.fixture
def stocked(database: Database) -> Database:
    """The database with account `acme`, its products `tracker` and `scooter`, and the plan `kore/eu`."""
    with database.begin() as tx:
        catalogue.create_account(tx, catalogue.Account("acme", "Acme"))
        for name in ("tracker", "scooter"):
            catalogue.create_product(tx, catalogue.Product(name, name.title(), "acme", Tier.FREE))
        catalogue.sync_plans(tx, [EU])
    return database


@pytest.fixture
def iccids() -> Callable[[int], list[str]]:
    """So many ICCIDs, ascending."""
    return lambda count: [f"8901410{number:012d}0" for number in range(count)]


@pytest.fixture
def block() -> Callable[..., LoadBlock]:
    """ICCIDs as a block of the product `tracker` in Germany, one a line from line 1 on, unless said otherwise."""

    def make(numbers: Sequence[str], **columns: object) -> LoadBlock:
        usual: dict[str, object] = {
            "lines": list(range(1, len(numbers) + 1)),
            "product_ids": "tracker",
            "carrier_accounts": "kore",
            "plan_ids": "kore/eu",
            "home_countries": "DE",
        }
        return LoadBlock(iccids=list(numbers), **{**usual, **columns})  # type: ignore[arg-type]

    return make


Delivery = Callable[..., str]


PLACED = Placement("tracker", "DE", "kore", "kore/eu", needs_registration_code=False)
"""Where the rows of `block` go, if no other columns are given."""


@pytest.fixture
def delivered(stocked: Database, block: Callable[..., LoadBlock]) -> Delivery:
    """Take a delivery in, all in one transaction, as the engine does; its manifest id."""

    def take_in(key: str, numbers: Sequence[str], outcomes: Sequence[LineOutcome] = (), **columns: object) -> str:
        identity = ItemIdentity("inbox", key, "1")
        with stocked.begin() as tx:
            manifests.claim(tx, identity, fence="f", lease_seconds=60, actor="test")
            result = loading.load_block(tx, identity.manifest_id, block(numbers, **columns), tx.now())
            loading.record_outcomes(tx, identity.manifest_id, outcomes)
            loading.record_placements(tx, identity.manifest_id, {PLACED: result.new_count})
            manifests.mark(tx, identity.manifest_id, "f", state=ManifestState.LOADED, counts=_counts(result, outcomes))
        return identity.manifest_id

    return take_in


def _counts(result: LoadResult, outcomes: Sequence[LineOutcome]) -> LineCounts:
    ends = {"accepted": result.new_count, "known": len(result.known), "rejected": len(result.other_product)}
    for outcome in outcomes:
        ends[outcome.verdict.value] = ends.get(outcome.verdict.value, 0) + outcome.line_count
    return LineCounts(lines=sum(ends.values()), **ends)


@pytest.fixture
def explained() -> Callable[[Transaction, Callable[[], object]], str]:
    """How the database goes about the statements that a piece of work runs; big tables are assumed."""

    def explain(tx: Transaction, work: Callable[[], object]) -> str:
        ran = statements_of(tx, work)
        if tx.is_postgresql:
            tx.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return plans_of(tx, ran)

    return explain
