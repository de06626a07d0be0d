"""`status` and `sims`: how everything stands, in pages."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from console.commands import FINE
from console.door import AtDoor, CannotDo, Door
from console.planning import AsJson
from console.screen import Column, Fit, Screen, toned, when
from console.summary import receipt_now, show_receipt, status_of
from domain.lifecycle import Bucket, SimState
from reports.verdict import Tone, counted, headline, needs_you

if TYPE_CHECKING:
    from reports.receipt import Receipt
    from storage.database import Database, Transaction
    from storage.limits import Circuit
    from storage.sims import Choice, SimRow

PAGE = 20
MOST = 10_000

Limit = Annotated[int, Parameter(metavar="COUNT", help="How many rows.", validator=validators.Number(gte=1, lte=MOST))]
After = Annotated[str | None, Parameter(metavar="ROW", help="Go on after this row: the last one of the page before.")]

_TONES = {
    SimState.ACTIVE: Tone.GOOD,
    SimState.ACTIVATING: Tone.MOVING,
    SimState.READY: Tone.MOVING,
    SimState.UNKNOWN: Tone.ATTENTION,
    SimState.BARRED: Tone.ATTENTION,
    SimState.DEACTIVATED: Tone.QUIET,
    SimState.RELEASED: Tone.QUIET,
}


def status(
    manifest: Annotated[str | None, Parameter(help="Its id, the beginning of it, or the file's name.")] = None,
    /,
    *,
    after: After = None,
    limit: Limit = PAGE,
    as_json: AsJson = False,
    door: AtDoor,
) -> int:
    """How the manifests stand, or one of them.

    Without a manifest: the newest first, and carriers that are paused. With one: what became of its lines and SIMs; the
    exit status is 1 when something in it needs a person.
    """
    with door.ledger(makes_none=True) as database:
        if manifest is not None:
            return _one(door.screen, database, manifest, as_json=as_json)
        _all(door, database, after, limit, as_json=as_json)
    return FINE


def _one(screen: Screen, database: "Database", manifest: str, *, as_json: bool) -> int:
    receipt = receipt_now(database, manifest)
    if as_json:
        screen.json(_facts(receipt))
    else:
        show_receipt(screen, receipt, {})
    return status_of(receipt)


def _facts(receipt: "Receipt") -> dict[str, object]:
    """The receipt as its own JSON has it."""
    import json

    from reports.receipt_json import receipt_json

    facts: dict[str, object] = json.loads(receipt_json(receipt))
    return facts


def _all(door: Door, database: "Database", after: str | None, limit: int, *, as_json: bool) -> None:
    from engine.receipt_facts import receipt_of
    from storage import manifests

    with database.read() as tx:
        receipts = [receipt_of(tx, row, in_full=False) for row in manifests.listing(tx, limit, after)]
    paused = paused_carriers(door, database)
    if as_json:
        facts = [_facts(receipt) for receipt in receipts]
        door.screen.json({"manifests": facts, "next": _next(receipts, limit), "paused": paused})
        return
    say_paused(door.screen, paused)
    if not receipts and after is not None:
        door.screen.say(f"There is no manifest older than {after}.", Tone.QUIET)
        return
    if not receipts:
        door.screen.say("No manifest yet. `simline import FILE --product NAME` brings the first.", Tone.QUIET)
        return
    columns = [Column("manifest"), Column("file", fit=Fit.CUT), Column("received (UTC)")]
    columns += [Column("active", number=True), Column("needs you", number=True), Column("")]
    door.screen.table(columns, map(_manifest_row, receipts))
    if following := _next(receipts, limit):
        options = {"--after": following, "--limit": limit if limit != PAGE else None}
        door.screen.say(f"Older ones: {_to_type(door, 'status', options)}", Tone.QUIET)


def paused_carriers(door: Door, database: "Database") -> "dict[str, Circuit]":
    """The carrier accounts that are not asked for now."""
    from storage import limits

    with database.read() as tx:
        circuits = {name: limits.circuit(tx, name) for name in door.settings().carrier_accounts}
    return {name: circuit for name, circuit in circuits.items() if circuit.paused_for_seconds > 0}


def say_paused(screen: Screen, paused: "dict[str, Circuit]") -> None:
    """One sentence for each: how long yet, and why."""
    for name, circuit in paused.items():
        why = f"{name} is not asked for {circuit.paused_for_seconds:.0f} s: {circuit.last_failure}"
        screen.say(why, Tone.ATTENTION)


def _next(receipts: "list[Receipt]", limit: int) -> str | None:
    return receipts[-1].manifest_id if len(receipts) == limit else None


def _manifest_row(receipt: "Receipt") -> tuple[object, ...]:
    tone = Tone.MOVING if receipt.buckets[Bucket.IN_PROGRESS] else headline(receipt).tone
    need = toned(f"{needs_you(receipt):,}", Tone.ATTENTION) if needs_you(receipt) else ""
    active = f"{receipt.buckets[Bucket.DONE]:,}/{receipt.counts.accepted:,}"
    return receipt.manifest_id, receipt.name, when(receipt.received_at), active, need, toned(_word(receipt), tone)


def _word(receipt: "Receipt") -> str:
    from domain.manifests import ManifestState

    words = {ManifestState.LOADED: "in progress", ManifestState.NEEDS_APPROVAL: "waits for you"}
    if receipt.halt is not None and receipt.state in (ManifestState.LOADED, ManifestState.FINISHED):  # they have SIMs
        return receipt.halt.value
    return words.get(receipt.state, receipt.state.value)


def sims(
    *,
    product: Annotated[str | None, Parameter(metavar="NAME", help="Of this product.")] = None,
    state: Annotated[SimState | None, Parameter(metavar="STATE", help="In this state at the carrier.")] = None,
    country: Annotated[str | None, Parameter(metavar="CODE", help="With this home country.")] = None,
    iccid: Annotated[str, Parameter(metavar="DIGITS", help="Whose ICCID begins with these digits.")] = "",
    page: Annotated[
        int | None,
        Parameter(metavar="NUMBER", help="This page; the first is 1.", validator=validators.Number(gte=1, lte=10**9)),
    ] = None,
    after: After = None,
    limit: Limit = PAGE,
    as_json: AsJson = False,
    door: AtDoor,
) -> int:
    """List SIMs, page by page.

    In the order of their ICCIDs, as the carrier spoke of them last. Pages move when SIMs come in between; --after never
    shows one twice. `simline show ICCID` tells one's whole history.
    """
    from storage import sims as ours

    if iccid and not (iccid.isascii() and iccid.isdigit()):
        raise CannotDo(f"{iccid!r} is not the beginning of an ICCID: give digits only.")
    if page is not None and after is not None:
        raise CannotDo("--page and --after both say where to begin: give one of them.")
    with door.ledger(makes_none=True) as database, database.read() as tx:
        choice = ours.Choice(_product(door, tx, product), state, _country(country), iccid)
        total = ours.count(tx, choice)
        rows = ours.page(tx, choice, after=after, skip=((page or 1) - 1) * limit, limit=limit)
    pages = _Pages(total, limit, page or 1, after, rows[-1].iccid if len(rows) == limit else None)
    if as_json:
        door.screen.json({"sims": rows, "next": pages.following, "total": total})
        return FINE
    if rows:
        _show_sims(door.screen, rows)
    _say_where(door, pages, choice)
    return FINE


def _product(door: Door, tx: "Transaction", product: str | None) -> str | None:
    """A mistyped one would look like one without SIMs. Raises `CannotDo`."""
    from storage import catalogue

    known = {each.id for each in catalogue.products(tx)} | {each.id for each in door.settings().products}
    if product is not None and product not in known:
        raise CannotDo(f"There is no product {product}. There is: {', '.join(sorted(known)) or 'none yet'}.")
    return product


def _country(code: str | None) -> str | None:
    from domain.countries import UnknownCountry, country_code

    try:
        return country_code(code) if code else None
    except UnknownCountry as error:
        raise CannotDo(f"--country: {error} Give the ISO 3166-1 code of two letters.") from None


@dataclass(frozen=True, slots=True)
class _Pages:
    """Which page of how many SIMs is shown: by its number, or after a row where one is given."""

    total: int
    limit: int
    number: int
    after: str | None
    following: str | None  # the row after which the next page begins

    @property
    def count(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.limit)


def _say_where(door: Door, pages: _Pages, choice: "Choice") -> None:
    """Which page this is, of how many SIMs, and what to type for the next."""
    if not pages.total:
        door.screen.say("No SIM fits.", Tone.QUIET)
        return
    if pages.after is None and pages.number > pages.count:
        door.screen.say(
            f"No page {pages.number:,}: {counted(pages.total, 'SIM')} in all, the last is --page {pages.count}.",
            Tone.QUIET,
        )
        return
    where, option, following = f"{counted(pages.total, 'SIM')} in all.", "--after", pages.following
    if pages.after is None:
        where, option = f"Page {pages.number:,} of {pages.count:,}, {where}", "--page"
        following = str(pages.number + 1) if pages.number < pages.count else None
    options = {
        **{"--product": choice.product, "--state": choice.state, "--country": choice.country},
        **{"--iccid": choice.iccid_prefix or None, option: following},
        **{"--limit": pages.limit if pages.limit != PAGE else None},
    }
    more = f" Next: {_to_type(door, 'sims', options)}" if following else ""
    door.screen.say(where + more, Tone.QUIET)


def _to_type(door: Door, command: str, options: Mapping[str, object]) -> str:
    """A command line that can be typed as it stands; what is None is left out."""
    words = ["simline", command]
    for option, value in {**options, "--config": door.config}.items():
        words += [option, str(value)] if value is not None else []
    return shlex.join(words)


def _show_sims(screen: Screen, rows: "list[SimRow]") -> None:
    columns = [Column("ICCID"), Column("state"), Column("home"), Column("product"), Column("plan", fit=Fit.CUT)]
    columns += [Column("seen (UTC)")]
    with_devices = any(row.device_name or row.device_id for row in rows)
    if with_devices:
        columns.append(Column("device", fit=Fit.CUT))
    screen.table(columns, [_sim_row(row)[: len(columns)] for row in rows])


def _sim_row(row: "SimRow") -> "tuple[object, ...]":
    state = toned(row.state.value, _TONES.get(row.state, Tone.QUIET))
    plan = row.plan_id.partition("/")[2] or row.plan_id
    device = row.device_name or row.device_id or ""
    return row.iccid, state, row.home_country, row.product_id, plan, when(row.seen_at), device
