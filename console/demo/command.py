"""`demo`: from three files in a folder to active SIMs, and the proof that the promise was kept."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.commands import FINE, NEEDS_YOU
from console.demo.acts import play, prefect_in
from console.demo.carriers import DemoCarrier, simulated_carriers
from console.demo.stage import DROPS, drop_manifests, shipped_manifests, stage, write_settings
from console.door import AtDoor
from console.following import Follower
from console.screen import Column, Screen, lasting, toned
from console.stopping import stop_sign
from console.summary import nearby
from domain.lifecycle import Bucket
from reports.verdict import Tone, counted, needs_you

if TYPE_CHECKING:
    from config.settings import Settings
    from reports.receipt import Receipt


def demo(
    *,
    folder: Annotated[Path, Parameter(metavar="FOLDER", help="Everything happens in here.")] = Path("demo-run"),
    door: AtDoor,
) -> int:
    """Import four manifests at five simulated carriers.

    Six carrier accounts start on this machine, a list, a table, a workbook and a mix of all carriers are dropped into a
    watched folder, and the flows of production bring their SIMs to life. Then the promise is checked against the
    carriers' own logs; the exit status is 1 when it does not hold. Run it twice: the second run asks the carriers for
    nothing.
    """
    started = time.monotonic()
    screen = door.screen
    with stage(folder) as place, simulated_carriers(place) as carriers:
        _say_start(screen, place, carriers)
        settings = write_settings(place, {carrier.account.name: carrier.url for carrier in carriers})
        drop_manifests(place)
        screen.say(
            f"{counted(len(DROPS), 'manifest lies', 'manifests lie')} in {nearby(str(place / 'manifests' / 'inbox'))}.",
            Tone.GOOD,
        )
        follower = Follower(screen)
        with (
            prefect_in(place, lambda sentence: screen.say(sentence, Tone.MOVING)),
            stop_sign(screen) as sign,
        ):
            taken, runs = play(settings, follower, lambda: sign.is_up)
        status = _show_end(screen, settings, taken, carriers)
        seconds = lasting(time.monotonic() - started)
        screen.say(f"{counted(runs, 'flow run')} of Prefect, {seconds} in all.", Tone.QUIET)
        _say_next(screen, place)
    return status


def _say_start(screen: Screen, place: Path, carriers: list[DemoCarrier]) -> None:
    names = ", ".join(f"{one.account.name} ({one.account.limit}/s)" for one in carriers)
    screen.say(f"Simulated carrier accounts, each at its own limit: {names}.", Tone.GOOD)
    if any(carrier.logged_before for carrier in carriers):
        screen.say(f"A demo ran in {nearby(str(place))} before; its SIMs are known.", Tone.QUIET)


def _show_end(screen: Screen, settings: "Settings", taken: list[str], carriers: list[DemoCarrier]) -> int:
    """The table, the proof and the receipts; 0 when every SIM has ended and the promise holds."""
    from config.build import build_context, close_context
    from console.summary import receipt_now
    from engine.invariants import violations
    from engine.receipts import write_receipt

    context = build_context(settings)
    try:
        receipts = sorted((receipt_now(context.database, each) for each in taken), key=lambda one: one.received_at)
        pages = [write_receipt(context, one.manifest_id).get(".receipt.html", "") for one in receipts]
        with shipped_manifests() as inputs:
            broken = violations(context, [carrier.as_evidence() for carrier in carriers], inputs)
    finally:
        close_context(context)
    screen.gap()
    _show_table(screen, receipts)
    screen.gap()
    _say_requests(screen, carriers)
    for violation in broken:
        screen.say(f"Invariant {violation.invariant} is broken. {violation.sentence}", Tone.REFUSED)
    if not broken:
        screen.say(
            "The promise holds: each SIM was activated at most once, and every line is accounted for.", Tone.GOOD
        )
    is_over = not any(one.buckets[Bucket.IN_PROGRESS] for one in receipts)
    if not is_over:
        screen.say("Some SIMs are still in progress. Run the demo again: it goes on.", Tone.ATTENTION)
    screen.gap()
    if need := sum(needs_you(one) for one in receipts):
        screen.say(
            f"{counted(need, 'line needs', 'lines need')} a person, on purpose. The receipts say why:", Tone.ATTENTION
        )
    for page in filter(None, pages):
        screen.say(f"  {nearby(page)}")
    return FINE if is_over and not broken else NEEDS_YOU


def _show_table(screen: Screen, receipts: "list[Receipt]") -> None:
    titles = ("lines", "active", "failed", "rejected", "duplicate", "known", "needs you")
    columns = [Column("manifest"), *(Column(title, number=True) for title in titles)]
    rows = [_row(one) for one in receipts]
    total = tuple(sum(row[i] for row in rows) for i in range(1, len(columns)))  # type: ignore[misc]
    shown = [(row[0], *row[1:-1], toned(str(row[-1]), Tone.ATTENTION) if row[-1] else 0) for row in rows]
    screen.table(columns, [*shown, ("together", *total)])


def _row(one: "Receipt") -> tuple[str | int, ...]:
    buckets, counts = one.buckets, one.counts
    ends = (buckets[Bucket.DONE], buckets[Bucket.FAILED], counts.rejected, counts.duplicate, counts.known)
    return one.name, counts.lines, *ends, needs_you(one)


def _say_requests(screen: Screen, carriers: list[DemoCarrier]) -> None:
    """What the carriers saw in this run, in their own logs."""
    from carriers.simulated.log import changing_requests, most_in_any_window

    logs = [carrier.entries_of_this_run() for carrier in carriers]
    asked = sum(len(log) for log in logs)
    changing = sum(len(changing_requests(log)) for log in logs)
    most = max(most_in_any_window(log, 1.0) for log in logs)
    seen = f"The carriers saw {counted(asked, 'request')}, {changing:,} of which asked for a change"
    tail = f"; at most {most} came within one second." if asked else ": every SIM was known."
    screen.say(seen + tail, Tone.GOOD)


def _say_next(screen: Screen, place: Path) -> None:
    config = nearby(str(place / "simline.toml"))
    screen.gap()
    screen.say(f"Look around: simline --config {config} status")
