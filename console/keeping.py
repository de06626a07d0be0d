"""`products` and `devices`: what SIMs are attached to."""

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from console.commands import FINE, NEEDS_YOU
from console.door import AtDoor, CannotDo
from console.planning import AsJson
from console.screen import Column, Fit, Screen
from domain.products import Tier, room
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from config.settings import Settings
    from domain.iccid import IssuerProfile
    from storage.catalogue import Device

products = App(name="products", help="List, add and upgrade products.")
devices = App(name="devices", help="Import an inventory of devices with built-in SIMs.")

Id = Annotated[str, Parameter(help="The product's id: what manifests write.")]
TierWord = Annotated[
    Literal["sandbox", "growth", "enterprise"],
    Parameter(metavar="TIER", help="sandbox has 100 devices in its account, the others have any number."),
]
AT_ONCE = 10_000
SHOWN_ROWS = 20


@products.default
def list_products(*, as_json: AsJson = False, door: AtDoor) -> int:
    """The products, how many SIMs each has, and how many more its account has room for."""
    from storage import catalogue, sims

    with door.ledger(to_write=True) as database, database.read() as tx:
        counts = catalogue.account_device_counts(tx)
        rows = [
            {
                "id": product.id,
                "name": product.name,
                "account": product.account_id,
                "tier": product.tier.value,
                "sims": sims.fleet_count(tx, product.id),
                "room": room(product.tier, counts.get(product.account_id, 0)),
            }
            for product in catalogue.products(tx)
        ]
    if as_json:
        door.screen.json(rows)
    elif not rows:
        door.screen.say(
            "No product yet. Declare one in simline.toml, or `simline products add NAME --account NAME`.", Tone.QUIET
        )
    else:
        columns = [Column("product"), Column("name", fit=Fit.FOLD), Column("account"), Column("tier")]
        columns += [Column("SIMs", number=True), Column("room", number=True)]
        shown = [(*list(row.values())[:5], "any" if row["room"] is None else row["room"]) for row in rows]
        door.screen.table(columns, shown)
    return FINE


products.command(list_products, name="list")


@products.command
def add(
    product: Id,
    /,
    *,
    account: Annotated[str, Parameter(metavar="NAME", help="Whose product it is; a new account is made.")],
    name: Annotated[str | None, Parameter(metavar="TEXT", help="For people.")] = None,
    tier: TierWord = "sandbox",
    door: AtDoor,
) -> int:
    """Add a product. One that should also exist elsewhere belongs into simline.toml instead."""
    from storage import catalogue

    for word in (product, account):
        _refuse_bad_name(word)
    with door.ledger(to_write=True) as database, database.begin() as tx:
        if account not in {known.id for known in catalogue.accounts(tx)}:
            catalogue.create_account(tx, catalogue.Account(account, account))
        catalogue.create_product(tx, catalogue.Product(product, name or product, account, Tier(tier)))
    door.screen.say(f"Product {product} of {account}, {tier}.", Tone.GOOD)
    return FINE


def _refuse_bad_name(word: str) -> None:
    import re

    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", word):
        raise CannotDo(f"{word!r} cannot be an id: use small letters, digits, - and _ only.")


@products.command
def upgrade(product: Id, /, *, tier: TierWord, door: AtDoor) -> int:
    """Move a product to another tier.

    SIMs that were held go on with `simline rerun MANIFEST --only held --reason WHY`.
    """
    from storage import catalogue

    _refuse_declared(door.settings(), product)
    with door.ledger(to_write=True) as database, database.begin() as tx:
        catalogue.change_tier(tx, product, Tier(tier))
    door.screen.say(f"Product {product} is {tier} now.", Tone.GOOD)
    door.screen.say(
        "SIMs that were held: `simline rerun MANIFEST --only held --reason WHY` lets them go on.", Tone.QUIET
    )
    return FINE


def _refuse_declared(settings: "Settings", product: str) -> None:
    """What simline.toml declares would be put back at the next start."""
    if product in {declared.id for declared in settings.products}:
        raise CannotDo(f"Product {product} is declared in simline.toml: change its tier there, then run anything.")


@devices.command(name="import")
def import_devices(
    inventory: Annotated[
        Path, Parameter(help="CSV with the columns device_id, iccid and name; the last two may be empty.")
    ],
    /,
    *,
    door: AtDoor,
) -> int:
    """Import an inventory, so that manifests may name devices instead of ICCIDs.

    A device of an ID that is there already is replaced. Rows that cannot be used are listed, the others are kept; the
    exit status is 1 then.
    """
    from storage import catalogue

    profiles = [issuer.profile() for issuer in door.settings().issuers]
    kept, bad = 0, []
    with door.ledger(to_write=True) as database, inventory.open(newline="", encoding="utf-8-sig") as lines:
        read = _devices(inventory, lines, profiles)
        with database.begin() as tx:
            while batch := list(islice(read, AT_ONCE)):
                bad += [one for one in batch if isinstance(one, str)]
                kept += catalogue.import_devices(tx, [one for one in batch if not isinstance(one, str)])
    door.screen.say(f"{counted(kept, 'device')} imported.", Tone.GOOD)
    _show_bad(door.screen, bad)
    return NEEDS_YOU if bad else FINE


def _show_bad(screen: Screen, sentences: list[str]) -> None:
    for sentence in sentences[:SHOWN_ROWS]:
        screen.say(sentence, Tone.ATTENTION)
    if len(sentences) > SHOWN_ROWS:
        screen.say(f"And {len(sentences) - SHOWN_ROWS:,} more like these.", Tone.ATTENTION)


def _devices(path: Path, lines: Iterable[str], profiles: "list[IssuerProfile]") -> "Iterator[Device | str]":
    """Each row as a device, or as the sentence why it is none. Raises `CannotDo` for a file without the columns."""
    try:
        rows = csv.DictReader(lines)
        if "device_id" not in (rows.fieldnames or ()):
            raise CannotDo(f"{path} has no column device_id. Its first row must read device_id,iccid,name.")
        for row in rows:
            yield _device(rows.line_num, row, profiles)
    except (UnicodeDecodeError, csv.Error) as error:
        raise CannotDo(f"{path} is not a CSV file in UTF-8: {error}. Export it again.") from None


def _device(line: int, row: "dict[str, str | None]", profiles: "list[IssuerProfile]") -> "Device | str":
    from domain.iccid import InvalidIccid, validate
    from storage.catalogue import Device

    device_id, text = (row.get("device_id") or "").strip(), (row.get("iccid") or "").strip()
    if not device_id:
        return f"Line {line}: there is no device ID."
    try:
        return Device(device_id, validate(text, profiles) if text else None, (row.get("name") or "").strip() or None)
    except InvalidIccid as error:
        return f"Line {line}: {text[:40]}: {error}"
