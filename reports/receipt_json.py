"""The receipt as JSON: for programs, for the database, and for making the pages again."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.lifecycle import Step
from domain.lines import LineCounts, Reason, Verdict
from domain.manifests import Halt, HaltNote, HaltWord, ManifestState
from reports.receipt import PlanShare, ReasonCount, Receipt, ReceiptDoesNotAddUp

SCHEMA_VERSION = 1
"""Raised when a key changes its meaning or goes; a new key does not raise it.

Version 1, in this order: schema_version; manifest_id, name, source, sha256, size_bytes, same_content_as; state,
halt, reason, halts (objects of `HaltNote`, oldest first), product_id, home_country, actor; received_at, loaded_at,
finished_at, as_of (ISO 8601, UTC, ends in Z); counts (lines and its five ends); buckets (the four ends of `accepted`);
steps (only those that occur); by_plan and by_reason (sorted objects of `PlanShare` and `ReasonCount`); files (kind ->
file name beside this one). Absent values are null.
"""

_STEPS, _VERDICTS = list(Step), list(Verdict)


class ReceiptUnreadable(ValueError):
    """The text is no receipt of a version that this program knows. The sentence says what to do."""


def utc_text(at: datetime | None) -> str | None:
    """`2025-06-02T09:30:00Z`; None stays None.

    >>> utc_text(datetime(2025, 6, 2, 9, 30, tzinfo=UTC))
    '2025-06-02T09:30:00Z'
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def sorted_plans(receipt: Receipt) -> list[PlanShare]:
    """The plans by product, country, carrier account and name: an order that no database decides."""
    return sorted(receipt.by_plan, key=lambda p: (p.product_id, p.home_country, p.carrier_account, p.plan_name))


def sorted_reasons(receipt: Receipt) -> list[ReasonCount]:
    """The reasons by verdict, the commonest first."""
    return sorted(receipt.by_reason, key=lambda r: (_VERDICTS.index(r.verdict), -r.count, r.reason))


def receipt_json(receipt: Receipt) -> str:
    """The receipt as ASCII JSON of schema `SCHEMA_VERSION`; the same receipt gives the same bytes."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "manifest_id": receipt.manifest_id,
        "name": receipt.name,
        "source": receipt.source,
        "sha256": receipt.sha256,
        "size_bytes": receipt.size_bytes,
        "same_content_as": receipt.same_content_as,
        "state": receipt.state,
        "halt": receipt.halt,
        "reason": receipt.reason,
        "halts": [dataclasses.asdict(note) | {"at": utc_text(note.at)} for note in receipt.halts],
        "product_id": receipt.product_id,
        "home_country": receipt.home_country,
        "actor": receipt.actor,
        "received_at": utc_text(receipt.received_at),
        "loaded_at": utc_text(receipt.loaded_at),
        "finished_at": utc_text(receipt.finished_at),
        "as_of": utc_text(receipt.as_of),
        "counts": dataclasses.asdict(receipt.counts),
        "buckets": receipt.buckets,
        "steps": {step: receipt.steps[step] for step in _STEPS if receipt.steps.get(step)},
        "by_plan": [dataclasses.asdict(share) for share in sorted_plans(receipt)],
        "by_reason": [dataclasses.asdict(row) for row in sorted_reasons(receipt)],
        "files": dict(sorted(receipt.files.items())),
    }
    return json.dumps(content, indent=2) + "\n"


def read_receipt_json(text: str) -> Receipt:
    """The receipt that `receipt_json` wrote, checked anew. Raises `ReceiptUnreadable`, `ReceiptDoesNotAddUp`."""
    try:
        content = json.loads(text)
        version = content["schema_version"]
        if version == SCHEMA_VERSION:
            return _receipt_of(content)
    except ReceiptDoesNotAddUp:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ReceiptUnreadable(f"This is no receipt ({fault!r}). Make it again from the ledger.") from fault
    raise ReceiptUnreadable(f"The receipt has schema {version}, this program reads {SCHEMA_VERSION}. Make it again.")


def _receipt_of(content: Mapping[str, Any]) -> Receipt:
    content = {"halt": None, "halts": [], **content}  # a receipt from before there were such
    fields = {one.name: content[one.name] for one in dataclasses.fields(Receipt)}
    times = ("received_at", "loaded_at", "finished_at", "as_of")
    return Receipt(
        **fields
        | {key: fields[key] and datetime.fromisoformat(fields[key]) for key in times}
        | {
            "state": ManifestState(fields["state"]),
            "halt": Halt(fields["halt"]) if fields["halt"] else None,
            "halts": tuple(_note_of(note) for note in fields["halts"]),
            "counts": LineCounts(**fields["counts"]),
            "steps": {Step(step): count for step, count in fields["steps"].items()},
            "by_plan": tuple(PlanShare(**share) for share in fields["by_plan"]),
            "by_reason": tuple(_reason_of(row) for row in fields["by_reason"]),
        }
    )


def _note_of(note: Mapping[str, str]) -> HaltNote:
    return HaltNote(datetime.fromisoformat(note["at"]), HaltWord(note["word"]), note["by"], note["reason"])


def _reason_of(row: Mapping[str, Any]) -> ReasonCount:
    return ReasonCount(**{**row, "verdict": Verdict(row["verdict"]), "reason": Reason(row["reason"])})
