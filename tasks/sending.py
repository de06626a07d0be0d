"""The two steps that talk to carriers, one lease each: the ledger decides what they take, never an argument."""

from engine.sending import send_due
from engine.settling import settle_due
from engine.tally import Tally
from tasks.context import engine
from tasks.decorator import task
from tasks.logs import NamedLogger, run_log


@task(name="send", run_name="send {account}")
def send_lease(account: str) -> Tally:
    """About 20 s of one carrier account's rate: what is due and planned, claimed or activated. Safe to repeat."""
    with run_log(account=account) as log:
        tally = send_due(engine(), account)
        _say(log, "sent", tally)
    return tally


@task(name="settle", run_name="settle {account}")
def settle_lease(account: str) -> Tally:
    """Open operations of one carrier account whose next look has come, read and judged. Safe to repeat."""
    with run_log(account=account) as log:
        tally = settle_due(engine(), account)
        _say(log, "settled", tally)
    return tally


def _say(log: NamedLogger, what: str, tally: Tally) -> None:
    """One line for one lease, with its manifests in front."""
    if tally.taken:
        steps = ", ".join(f"{count} {step}" for step, count in sorted(tally.steps.items()) if count)
        log.of(tally.manifests).info(f"{what} {tally.taken} with {tally.requests} requests: {steps or 'nothing moved'}")
    if tally.wait_seconds > 0:
        log.info(f"the carrier is not asked for {tally.wait_seconds:.0f} s")
    if tally.problem:
        log.warning(tally.problem)
