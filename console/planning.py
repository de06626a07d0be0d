"""`plan`: the dry run, in SIMs, money and time."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.app import STDIN
from console.commands import FINE, NEEDS_YOU
from console.door import AtDoor, Door
from console.following import Follower
from console.given import delivery_of, refuse_unknown
from console.importing import CarrierAccount, HomeCountry, Product, What, defaults_of
from console.screen import Column, Fit, Screen, lasting
from console.summary import example, nearby
from domain.lines import SENTENCES, Verdict
from reports.pages import money
from reports.verdict import Tone, counted
from reports.words import VERDICT_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.context import Context
    from engine.placing import Defaults
    from engine.preview import Preview
    from storage.sources.contract import Item

AsJson = Annotated[bool, Parameter(name="--json", help="The same as JSON, for programs.", show_default=False)]
_SHOWN = (Verdict.REJECTED, Verdict.DUPLICATE, Verdict.KNOWN, Verdict.IGNORED)


def plan(
    *manifest: What,
    product: Product = None,
    home_country: HomeCountry = None,
    carrier_account: CarrierAccount = None,
    as_json: AsJson = False,
    door: AtDoor,
) -> int:
    """Show what an import would do, in SIMs and in money.

    It is the import itself, rolled back: nothing is sent and nothing is kept. The exit status is 1 when lines would be
    rejected, or when the import will want --yes-really.
    """
    from engine.placing import Defaults as Given

    given = Given(product, home_country, carrier_account)
    follower = Follower(door.screen.beside_json(as_json))
    with door.engine(follower.news) as context, tempfile.TemporaryDirectory(dir=context.scratch) as scratch:
        refuse_unknown(context, given)
        with follower.drawn():
            name, previewed = _preview(door, context, manifest, given, Path(scratch))
    if as_json:
        door.screen.json(_as_json(name, previewed))
    else:
        _show(door.screen, name, previewed)
    counts = previewed.counts
    holds_none = counts.ignored == counts.lines  # no line is a SIM's: hardly the right file
    return NEEDS_YOU if previewed.asks or counts.rejected or holds_none else FINE


def _preview(
    door: Door, context: "Context", words: "Sequence[str]", given: "Defaults", scratch: Path
) -> "tuple[str, Preview]":
    from engine.preview import preview
    from engine.surveying import check_size

    source, item = delivery_of(context, door.settings(), words, kept_in=scratch)
    check_size(item.size_bytes, context.file_limits)
    content = item.sidecar
    sidecar = (item.sidecar_name or "", content) if content is not None else None
    path, defaults = source.take(item, scratch), defaults_of(source, item, given)
    return _shown(words, item, scratch), preview(context, path, Path(item.identity.key).name, defaults, sidecar)


def _shown(words: "Sequence[str]", item: "Item", scratch: Path) -> str:
    """What a person calls it: typed numbers lie in a file that is gone when they read this."""
    from storage.sources.names import to_path

    if words[0].startswith("s3://"):
        return words[0]
    path = Path(to_path(item.identity.key))
    if not path.is_relative_to(scratch):
        return nearby(str(path))
    return "The standard input" if words[0] == STDIN else "ICCIDs as typed"


def _as_json(name: str, previewed: "Preview") -> dict[str, object]:
    return {
        "name": name,
        "counts": previewed.counts,
        "reasons": previewed.reasons,
        "plans": previewed.plans,
        "held": previewed.held_count,
        "seconds": round(previewed.seconds, 1),
        "needs_approval": previewed.asks,
    }


def _show(screen: Screen, name: str, previewed: "Preview") -> None:
    counts = previewed.counts
    new = counted(counts.accepted, "new SIM")
    screen.say(f"{name}: {counted(counts.lines, 'line')}, {new}. Nothing was sent.", Tone.QUIET)
    if counts.ignored == counts.lines:
        screen.say("No line holds a SIM's number. Is this the right file?", Tone.ATTENTION)
    _show_lines(screen, previewed)
    _show_plans(screen, previewed)
    screen.gap()
    if previewed.held_count:
        held = counted(previewed.held_count, "SIM")
        screen.say(
            f"{held} would be held: the product's tier has no room. `simline products` shows it.", Tone.ATTENTION
        )
    if counts.accepted:
        screen.say(f"Sending takes about {lasting(max(1.0, previewed.seconds))} at the carrier's limit.", Tone.MOVING)
    if previewed.asks:
        screen.say(f"{previewed.asks} `simline import` will want --yes-really.", Tone.ATTENTION)


def _show_lines(screen: Screen, previewed: "Preview") -> None:
    rows: list[tuple[object, ...]] = [(VERDICT_WORDS[Verdict.ACCEPTED], previewed.counts.accepted, "")]
    for verdict in _SHOWN:
        of_it = [reason for reason in previewed.reasons if reason.verdict is verdict]
        for reason in sorted(of_it, key=lambda one: (-one.line_count, one.first_line)):
            words = f"{SENTENCES[reason.reason]} {example(reason.first_line, reason.first_text)}"
            rows.append((VERDICT_WORDS[verdict], reason.line_count, words))
    screen.gap()
    screen.table([Column("lines"), Column("", number=True), Column("", fit=Fit.FOLD)], rows, indent=2)


def _show_plans(screen: Screen, previewed: "Preview") -> None:
    if not previewed.plans:
        return
    columns = [Column("home"), Column("product"), Column("carrier"), Column("plan", fit=Fit.FOLD)]
    columns += [Column("SIMs", number=True), Column("a month", number=True)]
    totals: dict[str, int] = {}
    rows: list[tuple[object, ...]] = []
    for each in sorted(previewed.plans, key=lambda one: (one.home_country, -one.sim_count)):
        cents = each.sim_count * each.monthly_price_cents
        totals[each.currency] = totals.get(each.currency, 0) + cents
        placed = (each.home_country, each.product_id, each.carrier_account, each.plan_name)
        rows.append((*placed, each.sim_count, money(cents, each.currency)))
    screen.gap()
    screen.table(columns, rows, indent=2)
    whole = " + ".join(money(cents, currency) for currency, cents in totals.items())
    screen.say(f"  Together {whole} a month.")
