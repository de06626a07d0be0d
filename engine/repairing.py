"""Repair what a reconciliation found, where it is ours to repair: states that are not what was asked for.

Through the ledger like every action of a person: planned, shown, braked, sent by `sending`, each at most once. What
else was found has no request of ours that mends it; it is listed with what a person can do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.lifecycle import Action
from engine.acting import Acted, ActionPlan, Agreed, Asked, act, plan_actions
from engine.context import Context
from storage import findings, listings
from storage.findings import Run

WANTS = {"active": Action.ACTIVATE, "deactivated": Action.DEACTIVATE}
"""A finding's word for what was asked for -> the action that asks for it once more."""
NOTHING_WANTED = (
    "It is active at the carrier although nothing is wanted of it: its activation was refused, withdrawn or held. To "
    "keep it, `simline rerun MANIFEST --reason WHY`; to stop it, `simline deactivate ICCID --reason WHY`."
)


class TooOld(Exception):
    """The run is not the newest of its scope: what it saw may have changed. Nothing was planned."""


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """What would be asked of which SIMs, one plan for each action, and how many findings each kind leaves to people.

    `unwanted` are SIMs in the wrong state of which nothing is wanted (`NOTHING_WANTED`): a person decides.
    """

    run: Run
    plans: Mapping[Action, ActionPlan]
    left_to_people: Mapping[str, int]
    unwanted: Sequence[str] = ()

    @property
    def sim_count(self) -> int:
        """How many SIMs change."""
        return sum(plan.sim_count for plan in self.plans.values())

    @property
    def asks(self) -> str | None:
        """The brake's sentence, where a plain yes is not enough."""
        return next((plan.asks for plan in self.plans.values() if plan.asks), None)


def plan_repair(context: Context, run: Run) -> RepairPlan:
    """What `repair` would do now. Asks no carrier; our rows of these SIMs take over what the carrier listed.

    That is no change of a SIM: it is the carrier's word, and an activation of a SIM that our row calls active would
    be nothing to do. A SIM that was seen since, or that has an operation under way, keeps its row. Raises `TooOld`.
    """
    with context.commit("repair-seen") as tx:
        newest = findings.newest(tx, findings.scope_of(run.carrier_account, run.product_id))
        if newest is None or newest.id != run.id:
            raise TooOld("Another reconciliation came after this one. Reconcile again, then repair.")
        wrong = findings.mismatches(tx, run.id)
        listings.observe(tx, [each.iccid for each in wrong])
        left = findings.counts_by_kind(tx, run.id)
    left.pop("state_mismatch", None)
    chosen: dict[Action, list[str]] = {}
    for each in wrong:
        if each.wanted in WANTS:
            chosen.setdefault(WANTS[each.wanted], []).append(each.iccid)
    plans = {action: plan_actions(context, _asked(action, iccids)) for action, iccids in sorted(chosen.items())}
    return RepairPlan(run, plans, left, [each.iccid for each in wrong if each.wanted not in WANTS])


def repair(context: Context, plan: RepairPlan, *, actor: str, beyond_the_brake: bool = False) -> list[Acted]:
    """Write the plan into the ledger: one operation for each SIM that changes. Sends nothing itself.

    Safe to repeat: what is under way, or true by now, is asked of nobody again. Raises `NotAgreed`.
    """
    reason = f"reconciliation of {plan.run.as_of:%Y-%m-%d %H:%M:%S} UTC"
    agreed = Agreed(beyond_the_brake=beyond_the_brake)
    acted = []
    for action, one in plan.plans.items():
        iccids = [iccid for iccids in one.iccids.values() for iccid in iccids]
        acted.append(act(context, _asked(action, iccids), reason=reason, actor=actor, agreed=agreed))
    return acted


def _asked(action: Action, iccids: list[str]) -> Asked:
    return Asked(action, iccids, leaves_busy_alone=True)
