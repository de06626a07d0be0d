"""What an action would do, and what it did: by carrier account, product and country, and every SIM that is refused."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.screen import Column, Screen, lasting
from domain.acting import ACTED, SENTENCES, Fate
from domain.lifecycle import BUCKETS, Bucket, Step
from domain.lines import SENTENCES as LINE_SENTENCES
from reports.pages import short
from reports.verdict import Tone, counted

if TYPE_CHECKING:
    from engine.acting import Acted, ActionPlan
    from storage.acting import Trouble
    from storage.database import Database

SHOWN = 20
"""ICCIDs that are named for one reason; all of them are in the JSON."""
_TITLES = {Bucket.DONE: "done", Bucket.IN_PROGRESS: "in progress"} | {
    Bucket.FAILED: "failed",
    Bucket.NEEDS_REVIEW: "need a person",
}


def show_plan(screen: Screen, plan: "ActionPlan") -> None:
    """What would become of each SIM, and why some are left alone."""
    done = counted(plan.sim_count, "SIM changes", "SIMs change") if plan.sim_count else "there is nothing to do"
    screen.say(f"{plan.action.value}: {done}. Nothing was sent.", Tone.QUIET)
    _show_groups(screen, plan)
    if nothing := plan.count(Fate.NOTHING_TO_DO):
        screen.say(f"{counted(nothing, 'SIM')}: {SENTENCES[Fate.NOTHING_TO_DO]}", Tone.QUIET)
    for fate, iccids in plan.refused():
        show_left_alone(screen, SENTENCES[fate], iccids)
    for outcome in plan.not_read[:SHOWN]:
        screen.say(f"Line {outcome.line}: {short(outcome.text, 40)}  {LINE_SENTENCES[outcome.reason]}", Tone.ATTENTION)
    if len(plan.not_read) > SHOWN:
        screen.say(f"And {len(plan.not_read) - SHOWN:,} more lines like these.", Tone.ATTENTION)
    if plan.count(Fate.PLANNED, Fate.QUEUED, Fate.TAKEN_BACK):
        screen.say(f"Sending takes about {lasting(max(1.0, plan.seconds))} at the carrier's limit.", Tone.MOVING)


def _show_groups(screen: Screen, plan: "ActionPlan") -> None:
    groups = [group for group in plan.groups if group.fate in ACTED]
    if groups:
        columns = [Column("carrier account"), Column("product"), Column("home"), Column("SIMs", number=True)]
        columns += [Column("")]
        rows = [
            (each.carrier_account, each.product_id, each.home_country, each.sim_count, SENTENCES[each.fate])
            for each in groups
        ]
        screen.table(columns, rows, indent=2)


def show_left_alone(screen: Screen, sentence: str, numbers: Sequence[str]) -> None:
    """SIMs that are left alone for one reason."""
    screen.say(f"{counted(len(numbers), 'SIM')}: {sentence}", Tone.ATTENTION)
    more = f" and {len(numbers) - SHOWN:,} more (--json names all)" if len(numbers) > SHOWN else ""
    screen.say(f"  {' '.join(numbers[:SHOWN])}{more}")


def plan_facts(plan: "ActionPlan") -> dict[str, object]:
    """The plan for programs; every SIM that is not acted on is named."""
    others = {fate.value: list(numbers) for fate, numbers in plan.iccids.items() if fate not in ACTED}
    return {
        "action": plan.action,
        "counts": {fate.value: plan.count(fate) for fate in Fate if plan.count(fate)},
        "groups": plan.groups,
        "iccids": others,
        "not_read": plan.not_read,
        "seconds": round(plan.seconds, 1),
        "needs_yes_really": plan.asks,
    }


def say_end(screen: Screen, database: "Database", acted: "Acted") -> "tuple[dict[str, int], list[Trouble]]":
    """What became of the SIMs so far, and the first of those that failed; the same as values."""
    from storage.acting import troubles
    from storage.progress import stage_counts

    with database.read() as tx:
        counts = stage_counts(tx, [acted.id])
        bad = troubles(tx, acted.id, SHOWN)
    steps: dict[Step, int] = {}
    for (_, step), count in counts.items():
        steps[step] = steps.get(step, 0) + count
    buckets = {bucket: sum(n for step, n in steps.items() if BUCKETS[step] is bucket) for bucket in Bucket}
    words = ", ".join(f"{count:,} {_TITLES[bucket]}" for bucket, count in buckets.items() if count)
    tone = Tone.ATTENTION if bad else Tone.MOVING if buckets[Bucket.IN_PROGRESS] else Tone.GOOD
    screen.say(f"{acted.plan.action.value}: {words}.", tone, more=acted.id)
    for one in bad:
        screen.say(f"  {one.iccid}: {one.step.value.replace('_', ' ')}, {one.reason.replace('_', ' ')}. {one.detail}")
    return {step.value: count for step, count in steps.items()}, bad
