"""A fresh set-up needs no SQL: the settings declare accounts, products and plans."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import TextClause, text

from config.errors import ConfigurationError
from config.loading import load_settings
from config.prepare import prepare
from config.settings import Settings
from config.starter import write_starter
from domain.products import Tier
from storage import catalogue
from storage.database import Database


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What `simline init` writes."""
    return load_settings(write_starter(tmp_path)[0], {})


def with_product(settings: Settings, **changes: object) -> Settings:
    """The settings with the first product changed."""
    return settings.model_copy(update={"products": [settings.products[0].model_copy(update=changes)]})


def test_a_fresh_database_gets_what_the_starter_declares(settings: Settings, empty_database: Database) -> None:
    prepare(empty_database, settings)
    with empty_database.begin() as tx:
        assert [account.id for account in catalogue.accounts(tx)] == ["acme"]
        (product,) = catalogue.products(tx)
        assert (product.id, product.account_id, product.tier) == ("tracker", "acme", Tier.FREE)
        assert {plan.id for plan in catalogue.plans(tx)} == {plan.id for plan in settings.catalogue()}


def test_plans_keep_their_countries_and_prices_on_the_way(settings: Settings, empty_database: Database) -> None:
    prepare(empty_database, settings)
    with empty_database.begin() as tx:
        plans = {plan.name: plan for plan in catalogue.plans(tx)}
    assert plans["germany-5mb"].countries == {"DE"}
    assert plans["eu-5mb"].zone == "EU"
    assert "DE" in plans["eu-5mb"].countries
    assert plans["worldwide-1mb"].countries == frozenset()
    assert set(plans.values()) == set(settings.catalogue())


def test_preparing_again_changes_nothing(settings: Settings, empty_database: Database) -> None:
    seen = []
    for _ in range(2):
        prepare(empty_database, settings)
        with empty_database.begin() as tx:
            seen.append((catalogue.accounts(tx), catalogue.products(tx), catalogue.plans(tx)))
    assert seen[0] == seen[1]


def test_a_declared_upgrade_reaches_the_database(settings: Settings, empty_database: Database) -> None:
    prepare(empty_database, settings)
    prepare(empty_database, with_product(settings, tier=Tier.GROWTH))
    with empty_database.begin() as tx:
        assert catalogue.products(tx)[0].tier is Tier.GROWTH


def test_a_protection_from_release_is_declared_and_lifted(settings: Settings, empty_database: Database) -> None:
    for protect in (True, False):
        prepare(empty_database, with_product(settings, protect_from_release=protect))
        with empty_database.begin() as tx:
            assert catalogue.products(tx)[0].protect_from_release is protect


def test_declared_other_devices_count_towards_the_sandbox(settings: Settings, empty_database: Database) -> None:
    prepare(empty_database, settings)
    more = settings.model_copy(
        update={"accounts": [settings.accounts[0].model_copy(update={"other_device_count": 97})]}
    )
    prepare(empty_database, more)
    with empty_database.begin() as tx:
        assert catalogue.account_device_count(tx, "acme") == 97


def test_a_product_does_not_move_to_another_account(settings: Settings, empty_database: Database) -> None:
    prepare(empty_database, settings)
    with pytest.raises(ConfigurationError, match="Product tracker belongs to account acme and cannot move to other"):
        prepare(empty_database, with_product(settings, account="other"))


def test_what_is_no_longer_declared_stays(settings: Settings, empty_database: Database) -> None:
    prepare(empty_database, settings)
    prepare(empty_database, settings.model_copy(update={"products": [], "accounts": []}))
    with empty_database.begin() as tx:
        assert [product.id for product in catalogue.products(tx)] == ["tracker"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_worker_that_meets_another_in_the_same_moment_goes_on(
    settings: Settings, database: Database, database_url: str
) -> None:
    waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    theirs = Database(database_url)
    with ThreadPoolExecutor(1) as second:
        with database.begin() as tx:
            catalogue.create_account(tx, catalogue.Account("acme", "Acme Devices"))
            catalogue.create_product(tx, catalogue.Product("tracker", "Tracker", "acme", Tier.FREE))
            preparing = second.submit(prepare, theirs, settings)
            while not preparing.done() and not _count(database, waits):
                time.sleep(0.01)
            assert not preparing.done()
        preparing.result(timeout=60)
    theirs.close()
    with database.begin() as tx:
        assert [product.id for product in catalogue.products(tx)] == ["tracker"]
        assert len(catalogue.plans(tx)) == len(settings.plans)


def _count(database: Database, statement: TextClause) -> int:
    """The number that this statement finds now, in a transaction of its own."""
    with database.begin() as tx:
        return int(tx.execute(statement).scalar_one())
