"""Receipts as a step: made again where something moved, and shown with the run."""

from collections.abc import Iterable

from engine.receipts import NOT_PUT, refresh_receipts
from engine.troubles import Trouble, in_sentences
from tasks.artifacts import show_receipt
from tasks.context import engine
from tasks.decorator import task
from tasks.logs import run_log

SHOWN = 50
"""Receipts shown with one run; all of them are made."""


@task(name="receipts", run_name="receipts")
def make_receipts() -> list[Trouble]:
    """New receipts for the manifests in which something moved; what kept others from it. Safe to repeat."""
    context = engine()
    troubles: list[Trouble] = []
    made = refresh_receipts(context, troubles.append)
    with run_log() as log:
        if made:
            log.info(f"{len(made)} receipts made")
        for sentence in unmade(troubles):
            log.warning(sentence)
    for manifest_id in list(made)[:SHOWN]:
        show_receipt(context, manifest_id, made[manifest_id])
    return troubles


def unmade(troubles: Iterable[Trouble], only: Iterable[str | None] | None = None) -> list[str]:
    """Why receipts wait, of all manifests or of these, a sentence for each cause."""
    chosen = None if only is None else set(only)
    return in_sentences((one for one in troubles if chosen is None or one.name in chosen), NOT_PUT)
