"""Actions of people as steps: what would become of each SIM, and the word that makes it so."""

from collections.abc import Iterator
from typing import Any

from domain.acting import SENTENCES
from domain.iccid import InvalidIccid, validate
from domain.kept_text import iccid_part
from domain.lines import LineOutcome, Verdict
from engine.acting import Acted, ActionPlan, Agreed, Asked, act, plan_actions, unused_days
from engine.context import Context
from storage.sims import Choice
from tasks.artifacts import show_table
from tasks.context import engine
from tasks.decorator import task
from tasks.logs import run_log
from tasks.parameters import ActParameters, Confirmation


@task(name="plan action", run_name="plan {parameters.action.value}")
def plan_action(parameters: ActParameters) -> ActionPlan:
    """What the action would do now. Changes nothing."""
    plan = plan_actions(engine(), _asked(engine(), parameters))
    with run_log() as log:
        log.info(f"{plan.action.value}: {plan.sim_count:,} SIMs would change")
    return plan


@task(name="write action", run_name="write {parameters.action.value}")
def write_action(parameters: ActParameters) -> Acted:
    """The action in the ledger, with who asked and why. Sends nothing. Safe to repeat: twice is nothing more."""
    said = Agreed(
        beyond_the_brake=parameters.confirmation is Confirmation.YES_REALLY, release=parameters.release_for_good
    )
    asked = _asked(engine(), parameters)
    acted = act(engine(), asked, reason=parameters.reason, actor=parameters.actor, agreed=said)
    with run_log() as log:
        log.info(f"{acted.id}: {acted.plan.sim_count:,} SIMs go on, on the word of {parameters.actor}")
    return acted


def accounts_of(plan: ActionPlan) -> list[str]:
    """The carrier accounts at which SIMs change."""
    return sorted({group.carrier_account for group in plan.groups if group.carrier_account in engine().carriers})


def show_action(plan: ActionPlan) -> None:
    """What becomes of the SIMs, by place and fate; then every SIM that is left alone."""
    show_table("action", _group_rows(plan), f"What {plan.action.value} means, by carrier account, product and country.")
    show_table("action-left-alone", _left_alone(plan), "SIMs that are left alone, and why.")


def _group_rows(plan: ActionPlan) -> Iterator[dict[str, Any]]:
    for group in plan.groups:
        place = {"carrier account": group.carrier_account, "product": group.product_id, "home": group.home_country}
        yield {**place, "SIMs": group.sim_count, "what": SENTENCES[group.fate]}


def _left_alone(plan: ActionPlan) -> Iterator[dict[str, Any]]:
    for fate, iccids in plan.refused():
        yield from ({"ICCID": iccid, "why": SENTENCES[fate]} for iccid in iccids)
    yield from ({"ICCID": outcome.text, "why": outcome.detail} for outcome in plan.not_read)


def _asked(context: Context, parameters: ActParameters) -> Asked:
    """The form's words; an ICCID that is none is told like an unknown one."""
    if not parameters.iccids:
        unused = unused_days(context, parameters.unused_for_days) if parameters.unused_for_days else None
        placed = (parameters.product, parameters.state, parameters.home_country)
        choice = Choice(*placed, carrier_account=parameters.carrier_account, unused=unused)
        return Asked(parameters.action, choice=choice)
    iccids, not_read = [], []
    for line, text in enumerate(parameters.iccids, start=1):
        try:
            iccids.append(validate(text, context.issuers, zeros_are_real=True))
        except InvalidIccid as error:
            not_read.append(LineOutcome(line, Verdict.REJECTED, error.reason, iccid_part(text), detail=str(error)))
    return Asked(parameters.action, iccids, not_read=not_read)
