"""What SIMs are attached to: accounts, products, plans, and the inventory of devices with built-in SIMs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Table, func, literal, select, text, true, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.plans import Plan
from domain.products import Tier
from storage import schema
from storage.among import among
from storage.bulk import staged
from storage.database import Transaction
from storage.schema import HELD, RELEASED, operations, sims


class NameTaken(Exception):
    """An account or product of this id exists already. The sentence says so."""


class NoSuchProduct(Exception):
    """There is no such account or product. The sentence says how to make one."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who has products. `other_device_count`: Wi-Fi and non-product devices, which count against the sandbox too."""

    id: str
    name: str
    other_device_count: int = 0


@dataclass(frozen=True, slots=True)
class Product:
    """A product: `id` is the slug that manifests use."""

    id: str
    name: str
    account_id: str
    tier: Tier
    protect_from_release: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """One row of a device inventory; `iccid` is its built-in SIM, if it has one."""

    device_id: str
    iccid: str | None
    name: str | None = None


def create_account(tx: Transaction, account: Account) -> None:
    """Add an account. Raises `NameTaken`."""
    _create(tx, schema.accounts, asdict(account))


def create_product(tx: Transaction, product: Product) -> None:
    """Add a product to an account. Raises `NameTaken`, and `NoSuchProduct` when there is no such account."""
    if product.account_id not in {account.id for account in accounts(tx)}:
        raise NoSuchProduct(f"There is no account {product.account_id}. Add it first, then the product.")
    _create(tx, schema.products, asdict(product) | {"tier": product.tier.value})


def _create(tx: Transaction, table: Table, values: dict[str, Any]) -> None:
    new = _insert(tx)(table).values(values | {"created_at": tx.now()}).on_conflict_do_nothing()
    if tx.execute(new.returning(table.c.id)).first() is None:
        raise NameTaken(f"There is already one of this id in {table.name}: {values['id']}. Choose another.")


def change_tier(tx: Transaction, product_id: str, tier: Tier) -> None:
    """Move a product to another tier; what was held goes on by a re-run. Raises `NoSuchProduct`."""
    c = schema.products.c
    if not tx.execute(update(schema.products).where(c.id == product_id).values(tier=tier.value)).rowcount:
        raise NoSuchProduct(f"There is no product {product_id}. `simline products` lists what there is.")


def must_have(tx: Transaction, product_id: str) -> None:
    """Raise `NoSuchProduct` where there is none of this name."""
    c = schema.products.c
    if tx.execute(select(c.id).where(c.id == product_id)).first() is None:
        raise NoSuchProduct(f"There is no product {product_id}. `simline products` lists what there is.")


def protect_from_release(tx: Transaction, product_id: str, *, protect: bool) -> None:
    """Say whether a product's SIMs may be released. Raises `NoSuchProduct`."""
    c = schema.products.c
    if not tx.execute(update(schema.products).where(c.id == product_id).values(protect_from_release=protect)).rowcount:
        raise NoSuchProduct(f"There is no product {product_id}. `simline products` lists what there is.")


def count_other_devices(tx: Transaction, account_id: str, count: int) -> None:
    """Say how many devices an account has besides its SIMs. Raises `NoSuchProduct`."""
    c = schema.accounts.c
    if not tx.execute(update(schema.accounts).where(c.id == account_id).values(other_device_count=count)).rowcount:
        raise NoSuchProduct(f"There is no account {account_id}.")


def accounts(tx: Transaction) -> list[Account]:
    """Every account, by id."""
    c = schema.accounts.c
    return [Account(*row) for row in tx.execute(select(c.id, c.name, c.other_device_count).order_by(c.id))]


def products(tx: Transaction) -> list[Product]:
    """Every product, by id."""
    c = schema.products.c
    rows = tx.execute(select(c.id, c.name, c.account_id, c.tier, c.protect_from_release).order_by(c.id))
    return [Product(row.id, row.name, row.account_id, Tier(row.tier), row.protect_from_release) for row in rows]


def account_device_count(tx: Transaction, account_id: str) -> int:
    """What counts against an account's sandbox: its SIMs in all products, and its other devices.

    Released SIMs are gone, and held ones have not come yet: neither counts.
    """
    return account_device_counts(tx, account_id).get(account_id, 0)


def account_device_counts(tx: Transaction, only: str | None = None) -> dict[str, int]:
    """Account id -> its devices, for every account or one. Counted from indexes: no SIM is read."""
    p, a = schema.products.c, schema.accounts.c
    in_products = select(p.account_id, func.count()).join(sims, sims.c.product_id == p.id).group_by(p.account_id)
    released = in_products.where(text(RELEASED))
    held = in_products.join(operations, operations.c.iccid == sims.c.iccid).where(text(HELD))
    counts = dict(tx.execute(select(a.id, a.other_device_count)).tuples().all())
    for sign, statement in ((1, in_products), (-1, released), (-1, held)):
        asked = statement if only is None else statement.where(p.account_id == only)
        for account_id, count in tx.execute(asked):
            counts[account_id] += sign * count
    return counts


def plans(tx: Transaction) -> list[Plan]:
    """The plans of the catalogue as it was synchronized last, by id."""
    c = schema.plans.c
    return [_plan(row) for row in tx.execute(select(schema.plans).where(c.in_catalogue).order_by(c.id))]


def sync_plans(tx: Transaction, catalogue: Sequence[Plan]) -> None:
    """Make the table hold these plans. One that left the catalogue stays for the SIMs that have it."""
    tx.execute(update(schema.plans).values(in_catalogue=False))
    for plan in catalogue:
        values = asdict(plan) | {"countries": " ".join(sorted(plan.countries)), "in_catalogue": True}
        new = _insert(tx)(schema.plans).values(values)
        tx.execute(new.on_conflict_do_update(index_elements=["id"], set_=values))


def import_devices(tx: Transaction, inventory: Sequence[Device]) -> int:
    """Add or replace devices by their id; of several rows of one id the last counts. Returns how many there were."""
    newest = {device.device_id: device for device in inventory}
    if not newest:
        return 0
    columns = {name: [getattr(device, name) for device in newest.values()] for name in Device.__slots__}
    target = _insert(tx)(schema.devices)
    with staged(tx, columns) as rows:
        now = literal(tx.now(), schema.devices.c.imported_at.type)
        new = target.from_select([*columns, "imported_at"], select(*rows.c, now).where(true()))
        kept = {name: new.excluded[name] for name in ("iccid", "name", "imported_at")}
        tx.execute(new.on_conflict_do_update(index_elements=["device_id"], set_=kept))
    return len(newest)


def lookup_devices(tx: Transaction, ids: Sequence[str]) -> dict[str, str | None]:
    """Device ID -> the ICCID of its built-in SIM (None: it has none); unknown ones are missing."""
    c = schema.devices.c
    return dict(tx.execute(select(c.device_id, c.iccid).where(among(tx, c.device_id, ids))).tuples().all())


def _insert(tx: Transaction) -> Any:
    """Both dialects have ON CONFLICT, each in an insert of its own."""
    return postgresql.insert if tx.is_postgresql else sqlite.insert


def _plan(row: Any) -> Plan:
    return Plan(
        id=row.id,
        carrier_account=row.carrier_account,
        name=row.name,
        countries=frozenset(row.countries.split()),
        zone=row.zone,
        monthly_price_cents=row.monthly_price_cents,
        included_bytes=row.included_bytes,
        overage_cents_per_mb=row.overage_cents_per_mb,
        currency=row.currency,
        carrier_reference=row.carrier_reference,
    )
