"""The bulk path of a manifest: accepted lines become SIMs with a planned operation each, in one transaction.

A SIM that is there already is not touched; the caller learns whose it is. One that another product released is taken
as if it were new, its activation as the next generation. Whoever loads has the turn (`turns.py`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Table, insert, select

from domain.kept_text import MOST_TEXT
from domain.lifecycle import Action, SimState, Stage, Step
from domain.lines import LineOutcome
from domain.routing import Placement
from domain.texts import storable
from storage.among import among, as_rows
from storage.bulk import insert_rows
from storage.database import Transaction
from storage.reclaiming import activation_generations, give_to_new_owner
from storage.schema import operations, placements, rejections, sims
from storage.spans import open_span
from storage.turns import take_turn

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

_RELEASED = SimState.RELEASED.value

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
    `released` are the known ones that this product itself released.
    """

    new_count: int
    known: list[tuple[int, str]] = field(default_factory=list)
    other_product: list[tuple[int, str, str]] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)


class Fresh:
    """Stretches of ICCIDs in which there was no SIM when the loading began: what lies in one of them is new."""

    def __init__(self, stretches: Sequence[tuple[str, str]]) -> None:
        self._stretches = sorted(stretches)  # lengths mix, so stretches may overlap

    def others(self, iccids: list[str]) -> list[str]:
        """Those that lie in none of the stretches, sorted."""
        ordered = sorted(iccids)
        found: list[str] = []
        at = 0
        for first, last in self._stretches:
            begin = bisect_left(ordered, first, at)
            found += ordered[at:begin]
            at = bisect_right(ordered, last, begin)
        return found + ordered[at:]


def begin(tx: Transaction, manifest_id: str, stretches: Sequence[tuple[str, str]]) -> Fresh:
    """Take the turn to load a manifest whose SIMs lie in these stretches of ICCIDs (first and last of each).

    A fresh range of numbers costs one look instead of one for every number; and no block has to wait until the one
    before it is written.
    """
    take_turn(tx)
    open_span(tx, manifest_id)
    told = as_rows(tx, ("first", "last"), [{"first": first, "last": last} for first, last in stretches]).c
    there = select(sims.c.iccid).where(sims.c.iccid.between(told.first, told.last)).exists()
    return Fresh([(first, last) for first, last in tx.execute(select(told.first, told.last).where(~there))])


def load_block(
    tx: Transaction, manifest_id: str, block: LoadBlock, now: datetime, fresh: Fresh | None = None
) -> LoadResult:
    """Insert the SIMs that are new, each with the next generation of its activation due at once; say which were known.

    Blocks come in the order of the lines; the rows of one block are put into it here. Without `fresh`, which `begin`
    found, the block is a loading of its own.
    """
    if fresh is None:
        fresh = begin(tx, manifest_id, [(min(block.iccids), max(block.iccids))] if block.iccids else [])
    block = _in_line_order(block)
    owners = _owners(tx, fresh.others(block.iccids))
    if not owners:
        _insert(tx, _values(manifest_id, block, now), {sims, operations})
        return LoadResult(new_count=len(block.iccids))
    new, again, result = _classify(block, owners)
    if not again:
        _insert(tx, _values(manifest_id, block.only(new), now), {sims, operations})
        return result
    _insert(tx, _values(manifest_id, block.only(new), now), {sims})
    give_to_new_owner(tx, _values(manifest_id, block.only(again), now))
    both = _values(manifest_id, block.only(sorted([*new, *again])), now)
    before = activation_generations(tx, [block.iccids[position] for position in again])
    generations = [before.get(iccid, 0) + 1 for iccid in both["iccid"]]
    _insert(tx, both | {"generation": generations}, {operations})
    return result


def record_outcomes(tx: Transaction, manifest_id: str, outcomes: Sequence[LineOutcome]) -> None:
    """Keep what became of the lines that were not simply accepted. Text is cut to 200 characters."""
    if not outcomes:
        return
    lines, verdicts, reasons, texts, iccids, details, through_lines = zip(*outcomes, strict=True)
    values = {
        "manifest_id": manifest_id,
        "line": [int(line) for line in lines],
        "through_line": _shared(through_lines),
        "verdict": _shared(verdicts, str),
        "reason": _shared(reasons, str),
        "iccid": _shared(iccids),
        "text": _shared(texts, lambda text: storable(text[:MOST_TEXT])),
        "detail": _shared(details, storable),
    }
    insert_rows(tx, values, {rejections: tuple(values)})


def _shared(values: Sequence[Any], change: Callable[[Any], Any] = lambda value: value) -> Any:
    """A column, changed; its one value where all rows share it: that is neither handled nor sent for each of them."""
    if values.count(values[0]) == len(values):
        return change(values[0])
    return [change(value) for value in values]


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


def _owners(tx: Transaction, iccids: list[str]) -> dict[str, tuple[str, str, str]]:
    """ICCID -> product, carrier account and state of those that are there."""
    c = sims.c
    if not iccids:
        return {}
    found = tx.execute(
        select(c.iccid, c.product_id, c.carrier_account, c.state).where(among(tx, c.iccid, iccids))
    ).all()
    return {iccid: (product, account, state) for iccid, product, account, state in found}


def _classify(block: LoadBlock, owners: dict[str, tuple[str, str, str]]) -> tuple[list[int], list[int], LoadResult]:
    """The positions of new SIMs, of those that another product has released, and where the others belong."""
    new: list[int] = []
    again: list[int] = []
    result = LoadResult(0)
    wanted, accounts = block.product_ids, block.carrier_accounts
    for position, (line, iccid) in enumerate(zip(block.lines, block.iccids, strict=True)):
        owner = owners.get(iccid)
        if owner is None:
            new.append(position)
            continue
        product, account, state = owner
        is_free = state == _RELEASED
        if product != (wanted if isinstance(wanted, str) else wanted[position]):
            if is_free:
                again.append(position)
            else:
                result.other_product.append((int(line), iccid, product))
            continue
        result.known.append((int(line), iccid))
        if is_free:
            result.released.add(iccid)
        elif account != (accounts if isinstance(accounts, str) else accounts[position]):
            result.elsewhere[iccid] = account
    return new, again, replace(result, new_count=len(new) + len(again))


def _values(manifest_id: str, block: LoadBlock, now: datetime) -> dict[str, Any]:
    """The columns of the block's SIMs and of their operations."""
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
    return values | given


def _insert(tx: Transaction, values: dict[str, Any], into: set[Table]) -> None:
    if values["iccid"]:
        columns = {sims: [name for name in _SIM_COLUMNS if name in values], operations: _OPERATION_COLUMNS}
        insert_rows(tx, values, {table: names for table, names in columns.items() if table in into})
