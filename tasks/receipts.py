"""Receipts as a step: made again where something moved, and shown with the run."""

from engine.receipts import refresh_receipts
from tasks.artifacts import show_receipt
from tasks.context import engine
from tasks.decorator import task
from tasks.logs import run_log

SHOWN = 50
"""Receipts shown with one run; all of them are made."""


@task(name="receipts", run_name="receipts")
def make_receipts() -> int:
    """New receipts for the manifests in which something moved; how many. Safe to repeat."""
    context = engine()
    made = refresh_receipts(context)
    with run_log() as log:
        if made:
            log.info(f"{len(made)} receipts made")
    for manifest_id in list(made)[:SHOWN]:
        show_receipt(context, manifest_id, made[manifest_id])
    return len(made)
