"""A person's word, by way of a form: over a manifest in mid-run, or about SIMs that only a person can settle."""

from engine.deciding import Decision, Which, Word, decide
from engine.halting import Halted, cancel, pause, resume
from storage.database import Database
from tasks.context import engine
from tasks.decorator import task
from tasks.logs import run_log
from tasks.parameters import DecideParameters, Steering, SteerParameters


@task(name="steer", run_name="{parameters.word.value} {parameters.manifest_id}")
def steer_manifest(parameters: SteerParameters) -> Halted:
    """Pause, resume or cancel the manifest. Safe to repeat. Raises `NoSuchManifest`, `CannotHalt`."""
    with run_log(manifest=parameters.manifest_id) as log:
        halted = _said(engine().database, parameters)
        changed = "" if halted.changed else " (it was so before)"
        log.info(f"{parameters.word.value} on the word of {parameters.actor}: {parameters.reason}{changed}")
        log.info(f"{halted.withdrawn} SIMs withdrawn, {halted.in_hand.count} in workers' hands")
    return halted


def _said(database: Database, parameters: SteerParameters) -> Halted:
    match parameters.word:
        case Steering.PAUSE:
            return pause(database, parameters.manifest_id, reason=parameters.reason, actor=parameters.actor)
        case Steering.RESUME:
            return resume(database, parameters.manifest_id, reason=parameters.reason, actor=parameters.actor)
        case Steering.CANCEL:
            return cancel(database, parameters.manifest_id, reason=parameters.reason, actor=parameters.actor)


@task(name="decide", run_name="decide {parameters.saw.value}")
def decide_sims(parameters: DecideParameters) -> list[Decision]:
    """Settle what the word settles, and log why each other SIM stays. Sends nothing. Safe to repeat."""
    with run_log() as log:
        word = Word(parameters.saw, parameters.then, parameters.reason)
        which = Which(parameters.iccids, parameters.manifest_id)
        decisions = decide(engine(), which, word, actor=parameters.actor)
        for one in decisions:
            if one.target is None:
                log.warning(f"{one.iccid} stays as it is. {one.sentence}")
        moved = sum(1 for one in decisions if one.target is not None)
        log.info(f"{moved} SIMs settled on the word of {parameters.actor}: {parameters.reason}")
    return decisions
