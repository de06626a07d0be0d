"""Bring the database to this version's shape and to what the settings declare, so that a fresh set-up needs no SQL."""

from contextlib import suppress

from config.errors import ConfigurationError
from config.sections import ProductSection
from config.settings import Settings
from storage import catalogue
from storage.catalogue import Account, NameTaken, Product
from storage.database import Database, Transaction
from storage.migrate import upgrade


def prepare(database: Database, settings: Settings) -> None:
    """Migrate, then make accounts, products and plans as declared. Safe to repeat, and side by side.

    What the settings no longer declare stays: SIMs may belong to it. Raises `ConfigurationError` when a product would
    change its account, and `DatabaseUnavailable`.
    """
    upgrade(database)
    with database.begin() as tx:
        _declare_accounts(tx, settings)
        _declare_products(tx, settings)
        catalogue.sync_plans(tx, settings.catalogue())


def _declare_accounts(tx: Transaction, settings: Settings) -> None:
    there = {account.id: account for account in catalogue.accounts(tx)}
    for declared in settings.accounts:
        if declared.id not in there:
            with suppress(NameTaken):  # another worker that starts just now declares the same
                catalogue.create_account(tx, Account(declared.id, declared.name, declared.other_device_count))
        elif there[declared.id].other_device_count != declared.other_device_count:
            catalogue.count_other_devices(tx, declared.id, declared.other_device_count)


def _declare_products(tx: Transaction, settings: Settings) -> None:
    there = {product.id: product for product in catalogue.products(tx)}
    for declared in settings.products:
        known = there.get(declared.id)
        if known is None:
            with suppress(NameTaken):
                product = Product(
                    declared.id, declared.name, declared.account, declared.tier, declared.protect_from_release
                )
                catalogue.create_product(tx, product)
        elif known.account_id != declared.account:
            raise ConfigurationError(
                f"Product {declared.id} belongs to account {known.account_id} and cannot move to {declared.account}. "
                "Correct `account` in simline.toml, or declare a product of another id."
            )
        else:
            _change_product(tx, known, declared)


def _change_product(tx: Transaction, known: Product, declared: ProductSection) -> None:
    if known.tier is not declared.tier:
        catalogue.change_tier(tx, declared.id, declared.tier)
    if known.protect_from_release is not declared.protect_from_release:
        catalogue.protect_from_release(tx, declared.id, protect=declared.protect_from_release)
