"""The bulk path of a manifest: accepted lines become SIMs with a planned operation each, in one transaction.

A SIM that is there already is not touched; the caller learns whose it is. On PostgreSQL one manifest loads at a time,
so that two deliveries of the same SIMs cannot both count them as new, nor wait for each other crosswise; SQLite has
one writer anyway.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import any_, func, insert, select

from domain.lifecycle import Action, Stage, Step
from domain.lines import LineOutcome
from domain.routing import Placement
from storage.among import among
from storage.bulk import insert_rows, storable
from storage.database import Transaction
from storage.schema import operations, placements, rejections, sims
from storage.spans import open_span

_TURN = 0x51_4D_11_4E
"""The key of PostgreSQL's advisory lock; any number that nobody else uses."""

_SIM_COLUMNS = (
    "iccid",
    "product_id",
    "carrier_account",
    "plan_id",
    "home_country",
    "manifest_id",
    "line",
    "registration_code",
    "device_id",
    "device_name",
    "note",
    "created_at",
)
_OPERATION_COLUMNS = (
    "iccid",
    "action",
    "generation",
    "carrier_account",
    "manifest_id",
    "line",
    "step",
    "stage",
    "due_at",
    "created_at",
)
_OPTIONAL = ("registration_code", "device_id", "device_name", "note")

PerRow = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class LoadBlock:
    """Accepted lines as columns; a single text holds for every row. No ICCID stands here twice.

    `registration_codes` are sealed; an empty cell of an optional column is kept as no value.
    """

    iccids: list[str]
    lines: Sequence[int]
    product_ids: str | list[str]
    carrier_accounts: str | list[str]
    plan_ids: str | list[str]
    home_countries: str | list[str]
    registration_codes: Sequence[bytes | None] | None = None
    device_ids: PerRow | None = None
    device_names: PerRow | None = None
    notes: PerRow | None = None
    stages: str | list[str] = Stage.CLAIM
    steps: str | list[str] = Step.PLANNED

    @classmethod
    def together(cls, blocks: Sequence["LoadBlock"]) -> "LoadBlock":
        """Several blocks as one, in which every column has a value for each row."""
        columns = {name: [(getattr(one, name), len(one.iccids)) for one in blocks] for name in cls.__slots__}
        return cls(**{name: _joined(parts) for name, parts in columns.items()})

    def only(self, kept: Sequence[int]) -> "LoadBlock":
        """The rows at these positions."""

        def pick(values: Any) -> Any:
            return values if values is None or isinstance(values, str) else [values[i] for i in kept]

        return replace(self, **{name: pick(getattr(self, name)) for name in self.__slots__})


def _joined(parts: Sequence[tuple[Any, int]]) -> Any:
    """One column of several blocks as one; None where none of them has values."""
    if all(values is None for values, _ in parts):
        return None
    return [
        value
        for values, count in parts
        for value in ([values] * count if values is None or isinstance(values, str) else values)
    ]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """How many SIMs are new, and the (line, ICCID) of those that were there: in the same product, or in another.

    `elsewhere` are the known ones that stand at another carrier account than the row wanted: ICCID -> that account.
    """

    new_count: int
    known: list[tuple[int, str]] = field(default_factory=list)
    other_product: list[tuple[int, str, str]] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)


def load_block(tx: Transaction, manifest_id: str, block: LoadBlock, now: datetime) -> LoadResult:
    """Insert the SIMs that are new, each with generation 1 of its activation due at once; say which were known.

    Blocks come in the order of the lines; the rows of one block are put into it here.
    """
    _take_turn(tx)
    open_span(tx, manifest_id)
    block = _in_line_order(block)
    owners = _owners(tx, block.iccids)
    if not owners:
        _insert(tx, manifest_id, block, now)
        return LoadResult(new_count=len(block.iccids))
    new, result = _classify(block, owners)
    _insert(tx, manifest_id, block.only(new), now)
    return result


def record_outcomes(tx: Transaction, manifest_id: str, outcomes: Sequence[LineOutcome]) -> None:
    """Keep what became of the lines that were not simply accepted. Text is cut to 200 characters."""
    if not outcomes:
        return
    values = {
        "manifest_id": manifest_id,
        "line": [int(outcome.line) for outcome in outcomes],
        "through_line": [outcome.through_line for outcome in outcomes],
        "verdict": [outcome.verdict.value for outcome in outcomes],
        "reason": [outcome.reason.value for outcome in outcomes],
        "iccid": [outcome.iccid for outcome in outcomes],
        "text": [storable(outcome.text[:200]) for outcome in outcomes],
        "detail": [storable(outcome.detail) for outcome in outcomes],
    }
    insert_rows(tx, values, {rejections: tuple(values)})


def record_placements(tx: Transaction, manifest_id: str, counted: Mapping[Placement, int]) -> None:
    """Keep how many new SIMs went where: what the receipt says of plans stays as it was when the file was loaded."""
    rows = [
        {
            "manifest_id": manifest_id,
            "product_id": to.product_id,
            "home_country": to.home_country,
            "carrier_account": to.carrier_account,
            "plan_id": to.plan_id,
            "sim_count": count,
        }
        for to, count in counted.items()
        if count
    ]
    if rows:
        tx.execute(insert(placements), rows)


def _in_line_order(block: LoadBlock) -> LoadBlock:
    lines = np.asarray(block.lines, np.int64)
    if np.all(lines[1:] > lines[:-1]):
        return block
    return block.only(np.argsort(lines, kind="stable").tolist())


def _take_turn(tx: Transaction) -> None:
    """Wait until no other manifest is being loaded; held until the transaction ends."""
    if tx.is_postgresql:
        tx.execute(select(func.pg_advisory_xact_lock(_TURN)))


def _owners(tx: Transaction, iccids: list[str]) -> dict[str, tuple[str, str]]:
    """ICCID -> product and carrier account of those that are there.

    A fresh range of numbers costs one look instead of one per number.
    """
    c = sims.c
    if not iccids:
        return {}
    in_range = select(c.iccid).where(c.iccid >= min(iccids), c.iccid <= max(iccids)).limit(1)
    if tx.execute(in_range).first() is None:
        return {}
    asked = among(tx, c.iccid, iccids)
    if tx.is_postgresql:  # digits need no quoting: one text is sent in half the time of an array
        asked = c.iccid == any_(func.string_to_array(",".join(iccids), ","))
    found = tx.execute(select(c.iccid, c.product_id, c.carrier_account).where(asked))
    return {iccid: (product, account) for iccid, product, account in found}


def _classify(block: LoadBlock, owners: dict[str, tuple[str, str]]) -> tuple[list[int], LoadResult]:
    """The positions of new SIMs, and where the others belong."""
    new: list[int] = []
    result = LoadResult(0)
    wanted, accounts = block.product_ids, block.carrier_accounts
    for position, iccid in enumerate(block.iccids):
        if iccid not in owners:
            new.append(position)
            continue
        line, (product, account) = int(block.lines[position]), owners[iccid]
        if product != (wanted if isinstance(wanted, str) else wanted[position]):
            result.other_product.append((line, iccid, product))
            continue
        result.known.append((line, iccid))
        if account != (accounts if isinstance(accounts, str) else accounts[position]):
            result.elsewhere[iccid] = account
    return new, replace(result, new_count=len(new))


def _insert(tx: Transaction, manifest_id: str, block: LoadBlock, now: datetime) -> None:
    if not block.iccids:
        return
    values: dict[str, Any] = {
        "iccid": block.iccids,
        "line": [int(line) for line in block.lines],
        "product_id": block.product_ids,
        "carrier_account": block.carrier_accounts,
        "plan_id": block.plan_ids,
        "home_country": block.home_countries,
        "stage": block.stages,
        "step": block.steps,
        "manifest_id": manifest_id,
        "action": Action.ACTIVATE.value,
        "generation": 1,
        "due_at": now,
        "created_at": now,
    }
    optional = (block.registration_codes, block.device_ids, block.device_names, block.notes)
    given = {name: [cell or None for cell in cells] for name, cells in zip(_OPTIONAL, optional, strict=True) if cells}
    sim_columns = [name for name in _SIM_COLUMNS if name in given or name not in _OPTIONAL]
    insert_rows(tx, values | given, {sims: sim_columns, operations: _OPERATION_COLUMNS})
