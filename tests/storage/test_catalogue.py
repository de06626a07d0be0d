from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from domain.plans import Plan
from domain.products import Tier
from storage import catalogue
from storage.catalogue import Account, Device, NameTaken, NoSuchProduct, Product
from storage.database import Database
from storage.schema import plans as plans_table
from storage.schema import sims

WORLD = Plan("kore/world", "kore", "world", frozenset(), None, 250, 1_000_000, 12.5, "EUR", "HF2")


def test_products_and_accounts_are_listed_as_they_were_made(stocked: Database) -> None:
    with stocked.read() as tx:
        assert catalogue.accounts(tx) == [Account("acme", "Acme", 0)]
        assert catalogue.products(tx) == [
            Product("scooter", "Scooter", "acme", Tier.FREE),
            Product("tracker", "Tracker", "acme", Tier.FREE),
        ]


def test_a_name_is_given_once(stocked: Database) -> None:
    with pytest.raises(NameTaken, match="tracker"), stocked.begin() as tx:
        catalogue.create_product(tx, Product("tracker", "Another", "acme", Tier.GROWTH))
    with pytest.raises(NameTaken, match="acme"), stocked.begin() as tx:
        catalogue.create_account(tx, Account("acme", "Another"))
    with stocked.read() as tx:
        assert {product.name for product in catalogue.products(tx)} == {"Scooter", "Tracker"}


def test_a_product_needs_its_account(stocked: Database) -> None:
    with pytest.raises(NoSuchProduct, match="no account nobody"), stocked.begin() as tx:
        catalogue.create_product(tx, Product("kettle", "Kettle", "nobody", Tier.FREE))


def test_a_product_moves_up(stocked: Database) -> None:
    with stocked.begin() as tx:
        catalogue.change_tier(tx, "tracker", Tier.GROWTH)
        assert [product.tier for product in catalogue.products(tx)] == [Tier.FREE, Tier.GROWTH]
        with pytest.raises(NoSuchProduct, match="kettle"):
            catalogue.change_tier(tx, "kettle", Tier.GROWTH)


def test_an_account_counts_the_sims_of_all_its_products_and_its_other_devices(
    stocked: Database, delivered: Callable[..., str], iccids: Callable[[int], list[str]]
) -> None:
    numbers = iccids(9)
    delivered("a.txt", numbers[:4])
    delivered("b.txt", numbers[4:], product_ids="scooter")
    with stocked.begin() as tx:
        catalogue.create_account(tx, Account("other", "Other", 7))
        catalogue.count_other_devices(tx, "acme", 30)
        assert catalogue.account_device_counts(tx) == {"acme": 39, "other": 7}
        assert catalogue.account_device_count(tx, "acme") == 39
        assert catalogue.account_device_count(tx, "nobody") == 0


def test_released_and_held_sims_do_not_count_as_devices(
    stocked: Database, delivered: Callable[..., str], iccids: Callable[[int], list[str]]
) -> None:
    numbers = iccids(10)
    delivered("a.txt", numbers, steps=["held"] * 3 + ["planned"] * 7)
    with stocked.begin() as tx:
        tx.execute(update(sims).where(sims.c.iccid.in_(numbers[8:])).values(state="released"))
        assert catalogue.account_device_count(tx, "acme") == 5


def test_counting_devices_reads_no_sim(
    stocked: Database,
    delivered: Callable[..., str],
    iccids: Callable[[int], list[str]],
    explained: Callable[..., str],
) -> None:
    delivered("a.txt", iccids(50))
    with stocked.begin() as tx:
        plan = explained(tx, lambda: catalogue.account_device_count(tx, "acme"))
    assert "ix_sims_released" in plan
    assert "ix_operations_held" in plan
    assert "SCAN sims" not in plan.replace("SCAN sims USING", "")


def test_plans_come_back_as_they_were(stocked: Database) -> None:
    with stocked.begin() as tx:
        before = catalogue.plans(tx)
        catalogue.sync_plans(tx, [*before, WORLD])
        assert catalogue.plans(tx) == [*before, WORLD]


def test_a_plan_that_left_the_catalogue_is_kept_but_not_offered(stocked: Database) -> None:
    with stocked.begin() as tx:
        eu = catalogue.plans(tx)[0]
        catalogue.sync_plans(tx, [WORLD])
        assert catalogue.plans(tx) == [WORLD]
        assert tx.execute(select(plans_table.c.id).where(~plans_table.c.in_catalogue)).scalars().all() == ["kore/eu"]
        cheaper = replace(eu, monthly_price_cents=99)
        catalogue.sync_plans(tx, [cheaper])
        assert catalogue.plans(tx) == [cheaper]


def test_an_inventory_adds_and_replaces_devices(database: Database) -> None:
    with database.begin() as tx:
        first = [Device("d1", "8901", "lamp"), Device("d2", None), Device("d3", "8903")]
        assert catalogue.import_devices(tx, first) == 3
        assert catalogue.import_devices(tx, [Device("d3", "0"), Device("d3", None), Device("d4", "8904", "a\tb")]) == 2
        assert catalogue.import_devices(tx, []) == 0
        found = catalogue.lookup_devices(tx, ["d1", "d2", "d3", "d4", "d5"])
    assert found == {"d1": "8901", "d2": None, "d3": None, "d4": "8904"}


def test_many_devices_are_looked_up_at_once(database: Database) -> None:
    inventory = [Device(f"d{number}", f"{number}") for number in range(70_000)]
    with database.begin() as tx:
        catalogue.import_devices(tx, inventory)
        found = catalogue.lookup_devices(tx, [device.device_id for device in inventory])
    assert len(found) == 70_000
    assert found["d69999"] == "69999"
