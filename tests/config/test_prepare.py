"""A fresh set-up needs no SQL: the settings declare accounts, products and plans."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.postgres import FAST, ThrowawayPostgres
from config.build import open_database
from config.errors import ConfigurationError
from config.prepare import prepare
from config.settings import Settings, load_settings
from config.starter import write_starter
from domain.products import Tier
from storage import catalogue
from storage.database import Database


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What `simline init` writes."""
    return load_settings(write_starter(tmp_path)[0], {})


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """The starter's database, not yet prepared."""
    database = open_database(settings)
    yield database
    database.close()


def with_product(settings: Settings, **changes: object) -> Settings:
    """The settings with the first product changed."""
    return settings.model_copy(update={"products": [settings.products[0].model_copy(update=changes)]})


def test_a_fresh_database_gets_what_the_starter_declares(settings: Settings, database: Database) -> None:
    prepare(database, settings)
    with database.begin() as tx:
        assert [account.id for account in catalogue.accounts(tx)] == ["acme"]
        (product,) = catalogue.products(tx)
        assert (product.id, product.account_id, product.tier) == ("tracker", "acme", Tier.FREE)
        assert {plan.id for plan in catalogue.plans(tx)} == {plan.id for plan in settings.catalogue()}


def test_plans_keep_their_countries_and_prices_on_the_way(settings: Settings, database: Database) -> None:
    prepare(database, settings)
    with database.begin() as tx:
        plans = {plan.name: plan for plan in catalogue.plans(tx)}
    assert plans["germany-5mb"].countries == {"DE"}
    assert plans["eu-5mb"].zone == "EU"
    assert "DE" in plans["eu-5mb"].countries
    assert plans["worldwide-1mb"].countries == frozenset()
    assert set(plans.values()) == set(settings.catalogue())


def test_preparing_again_changes_nothing(settings: Settings, database: Database) -> None:
    seen = []
    for _ in range(2):
        prepare(database, settings)
        with database.begin() as tx:
            seen.append((catalogue.accounts(tx), catalogue.products(tx), catalogue.plans(tx)))
    assert seen[0] == seen[1]


def test_a_declared_upgrade_reaches_the_database(settings: Settings, database: Database) -> None:
    prepare(database, settings)
    prepare(database, with_product(settings, tier=Tier.GROWTH))
    with database.begin() as tx:
        assert catalogue.products(tx)[0].tier is Tier.GROWTH


def test_declared_other_devices_count_towards_the_sandbox(settings: Settings, database: Database) -> None:
    prepare(database, settings)
    more = settings.model_copy(
        update={"accounts": [settings.accounts[0].model_copy(update={"other_device_count": 97})]}
    )
    prepare(database, more)
    with database.begin() as tx:
        assert catalogue.account_device_count(tx, "acme") == 97


def test_a_product_does_not_move_to_another_account(settings: Settings, database: Database) -> None:
    prepare(database, settings)
    with pytest.raises(ConfigurationError, match="Product tracker belongs to account acme and cannot move to other"):
        prepare(database, with_product(settings, account="other"))


def test_what_is_no_longer_declared_stays(settings: Settings, database: Database) -> None:
    prepare(database, settings)
    prepare(database, settings.model_copy(update={"products": [], "accounts": []}))
    with database.begin() as tx:
        assert [product.id for product in catalogue.products(tx)] == ["tracker"]


@pytest.mark.slow
def test_workers_that_start_at_the_same_moment_prepare_one_database(settings: Settings) -> None:
    with ThrowawayPostgres(FAST) as server, ThreadPoolExecutor(4) as workers:
        databases = [Database(server.url()) for _ in range(4)]
        for future in [workers.submit(prepare, database, settings) for database in databases]:
            future.result(timeout=60)
        with databases[0].begin() as tx:
            assert len(catalogue.products(tx)) == 1
            assert len(catalogue.plans(tx)) == len(settings.plans)
        for database in databases:
            database.close()
