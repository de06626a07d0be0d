"""`rerun`: a person's word that a part of a manifest goes on."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from console.agreeing import Yes, YesRelease, agreed, must_say_why
from console.at_server import Here
from console.bringing_on import WAIT_SECONDS, bring_on, end_with_receipts
from console.commands import FINE
from console.door import AtDoor, CannotDo, Door
from console.following import Follower
from console.given import refuse_unknown
from console.importing import CarrierAccount, HomeCountry, NoActivate, Product, Wait
from domain.lifecycle import Step
from domain.manifests import Halt
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.context import Context
    from engine.placing import Defaults
    from storage.manifests import ManifestRow


class Part(StrEnum):
    """Which part goes on."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    NEEDS_REVIEW = "needs-review"
    TIMED_OUT = "timed-out"
    HELD = "held"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    EVERYTHING = "everything"


STEPS: dict[Part, tuple[Step, ...]] = {
    Part.FAILED: (Step.REJECTED, Step.TIMED_OUT, Step.WITHDRAWN),
    Part.UNKNOWN: (Step.UNKNOWN, Step.SENT, Step.ACCEPTED),
    Part.NEEDS_REVIEW: (Step.NEEDS_REVIEW,),
    Part.TIMED_OUT: (Step.TIMED_OUT,),
    Part.HELD: (Step.HELD,),
    Part.WITHDRAWN: (Step.WITHDRAWN,),
    Part.REJECTED: (),
}
_RESUME = "`simline resume {} --reason WHY` lets it send again."

Chosen = Annotated[
    Part,
    Parameter(
        metavar="PART",
        help="failed: refused, timed out or withdrawn. unknown: ask the carrier now. needs-review: read once more. "
        "timed-out: the same for these alone. held: after an upgrade of the product. withdrawn: takes a cancelling "
        "back. rejected: judge rejected lines again. everything: all of these.",
    ),
]


def rerun(
    manifest: Annotated[str, Parameter(help="Its id, the beginning of it, or the file's name.")],
    /,
    *,
    only: Chosen = Part.EVERYTHING,
    reason: Annotated[str, Parameter(metavar="TEXT", help="Why: it stays in the history of every SIM that moves.")],
    product: Product = None,
    home_country: HomeCountry = None,
    carrier_account: CarrierAccount = None,
    yes: Yes = False,
    yes_release: YesRelease = False,
    no_activate: NoActivate = False,
    wait: Wait = WAIT_SECONDS,
    here: Here = False,
    door: AtDoor,
) -> int:
    """Let a part of a manifest go on.

    What is done stays done. What may have reached the carrier is read before anything is sent again; what the carrier
    refused, or a person withdrew, is asked once more; a release wants its own yes, and none of a product that is
    protected goes on. A paused manifest stays paused. Rejected lines are judged again from the original file, after you
    mended what they were rejected for, and get a receipt of their own; --product, --home-country and --carrier-account
    say for them what the import did not, or said wrongly.
    """
    from engine.placing import Defaults
    from storage import manifests

    must_say_why(reason, "carrier released the SIMs")
    follower, told = Follower(door.screen), Defaults(product, home_country, carrier_account)
    with door.engine(follower.news) as context:
        _refuse_useless(context, only, told)
        with context.database.read() as tx:
            row = manifests.find(tx, manifest)
            sims, lines = _what_goes_on(only, manifests.operation_counts(tx, row.id), row)
        if not (sims or lines):
            door.screen.say(f"{row.id} has nothing of that: there is nothing to do.", Tone.QUIET)
            return FINE
        said = yes_release if row.releases else yes
        if not said and not agreed(door, _question(row, sims, lines), "--yes-release" if row.releases else "--yes"):
            door.screen.say("Nothing was changed.", Tone.QUIET)
            return FINE
        with follower.drawn():
            _let_sims_go_on(door, context, row.id, only, reason)
            ids = [row.id, *_judge_again(door, context, row.id, only, told)]
        follower.database, follower.manifest_ids = context.database, ids
        if row.halt is Halt.PAUSED:
            door.screen.say(f"{row.id} is paused: {_RESUME.format(row.id)}", Tone.ATTENTION)
        elif not no_activate:
            _bring_on(door, context, follower, wait, here=here)
        return end_with_receipts(door, context, ids)


def _what_goes_on(only: Part, steps: dict[Step, int], row: "ManifestRow") -> tuple[int, int]:
    """SIMs and rejected lines that the choice covers now."""
    parts = STEPS if only is Part.EVERYTHING else {only: STEPS[only]}
    sims = sum(steps.get(step, 0) for step in {step for of_part in parts.values() for step in of_part})
    return sims, row.counts.rejected if Part.REJECTED in parts and not row.is_action else 0


def _in_words(sims: int, lines: int) -> str:
    words = [counted(sims, "SIM")] if sims else []
    return " and ".join([*words, *([counted(lines, "rejected line")] if lines else [])])


def _question(row: "ManifestRow", sims: int, lines: int) -> str:
    """What would go on, and who cancelled it."""
    what = "would be released for good" if row.releases else "would go on"
    halted = f" It was cancelled by {row.halted_by}: {row.halt_reason}" if row.halt is Halt.CANCELLED else ""
    return f"{_in_words(sims, lines)} of {row.id} {what}.{halted}"


def _bring_on(door: Door, context: "Context", follower: Follower, wait: float, *, here: bool) -> None:
    from flows.deployed import start_provision

    if wait > 0 and not follower.is_over():
        start = None if here else lambda: [start_provision(each) for each in follower.manifest_ids][-1]
        bring_on(door, context, follower, wait, start)


def _refuse_useless(context: "Context", only: Part, told: "Defaults") -> None:
    """Words for rejected lines where none are meant, or that name nothing. Raises `CannotDo`."""
    if any((told.product, told.home_country, told.carrier_account)) and only not in (Part.REJECTED, Part.EVERYTHING):
        raise CannotDo("A product, a country or an account is for rejected lines: add --only rejected.")
    refuse_unknown(context, told)


def _let_sims_go_on(door: Door, context: "Context", manifest_id: str, only: Part, reason: str) -> None:
    """Move what is to be moved in the ledger."""
    from engine.rerunning import Only, rerun

    if only is Part.REJECTED:
        return
    tally = rerun(context, manifest_id, Only(only.value), reason=reason, actor=door.actor, release=True)  # a yes: given
    door.screen.say(f"{counted(tally.taken, 'SIM goes', 'SIMs go')} on.", Tone.MOVING)
    if tally.problem:
        door.screen.say(tally.problem, Tone.ATTENTION)


def _judge_again(door: Door, context: "Context", manifest_id: str, only: Part, told: "Defaults") -> list[str]:
    """The manifest that the rejected lines become, where they are meant."""
    from engine.retrying_lines import retry_rejected

    if only not in (Part.REJECTED, Part.EVERYTHING):
        return []
    intake = retry_rejected(context, manifest_id, actor=door.actor, told=told)
    if intake is None:
        return []
    door.screen.say(f"The rejected lines are judged again as {intake.manifest_id}.", Tone.MOVING)
    return [intake.manifest_id]
