"""A SIM that was released begins anew, in another product or in the same: its operations and their history stay.

Where it stood before is kept in `former_placements`: what it used until then stays that product's and plan's.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, TableClause, and_, cast, func, insert, literal, null, select, update

from domain.lifecycle import Action, SimState, Step
from storage.among import among
from storage.bulk import staged
from storage.database import Transaction
from storage.schema import former_placements, operations, placements, sims

_PLACED = ("product_id", "carrier_account", "plan_id", "home_country", "line")
_BROUGHT = ("device_id", "device_name", "note")
_FORGOTTEN = (
    *("carrier_word", "carrier_reference", "carrier_plan_reference", "msisdn", "imsi"),
    *("first_activated_at", "last_activated_at", "seen_at"),
)


def give_to_new_owner(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Write over the rows of these released SIMs: columns as they would be inserted, a text holding for every row."""
    s, count, at = sims.c, len(values["iccid"]), values["created_at"]
    lists = {name: _each(values.get(name), count) for name in ("iccid", *_PLACED, *_BROUGHT)}
    codes = values.get("registration_code") or [None] * count
    lists["registration_code"] = [code.decode("ascii") if code else None for code in codes]
    with staged(tx, lists) as rows:
        _keep_former(tx, rows, at)
        brought = {s[name]: rows.c[name] for name in (*_PLACED, *_BROUGHT)}
        code = {s.registration_code: cast(rows.c.registration_code, LargeBinary)}
        new = _fresh(values["manifest_id"], at) | brought | code
        tx.execute(update(sims).where(s.iccid == rows.c.iccid).values(new))


def take_back(tx: Transaction, manifest_id: str, lines: Mapping[str, int], codes: Mapping[str, bytes]) -> None:
    """Begin the rows of these released SIMs (ICCID -> its line) anew where they stood: product, plan, country, device.

    `codes` are sealed; a SIM without one keeps what is stored.
    """
    s, now = sims.c, tx.now()
    sealed = [codes[iccid].decode("ascii") if iccid in codes else None for iccid in lines]
    with staged(tx, {"iccid": list(lines), "line": list(lines.values()), "registration_code": sealed}) as rows:
        _keep_former(tx, rows, now)
        _place_as_before(tx, rows, manifest_id)
        code = func.coalesce(cast(rows.c.registration_code, LargeBinary), s.registration_code)
        new = _fresh(manifest_id, now) | {s.line: rows.c.line, s.registration_code: code}
        tx.execute(update(sims).where(s.iccid == rows.c.iccid).values(new))


def _place_as_before(tx: Transaction, rows: TableClause, manifest_id: str) -> None:
    """Where these SIMs stood is where this manifest places them."""
    s = sims.c
    place = (s.product_id, s.home_country, s.carrier_account, s.plan_id)
    found = select(literal(manifest_id), *place, func.count()).join(rows, rows.c.iccid == s.iccid).group_by(*place)
    names = ["manifest_id", *(column.name for column in place), "sim_count"]
    tx.execute(insert(placements).from_select(names, found))


def _fresh(manifest_id: str, now: datetime) -> dict[Any, Any]:
    """What a row that begins anew forgets, and who brought it."""
    s = sims.c
    return {
        **{s[name]: null() for name in _FORGOTTEN},
        **{s.activations_count: 0, s.deactivations_count: 0, s.state: SimState.ABSENT.value},
        **{s.manifest_id: manifest_id, s.created_at: now},
    }


def _keep_former(tx: Transaction, rows: TableClause, moved_at: datetime) -> None:
    """Where these SIMs stood, from when until when."""
    s, o = sims.c, operations.c
    released = and_(o.iccid == s.iccid, o.action == Action.RELEASE.value, o.step == Step.DONE.value)
    when = literal(moved_at, s.created_at.type)
    left_at = func.coalesce(select(func.max(o.finished_at)).where(released).scalar_subquery(), when)
    stood = (s.product_id, s.carrier_account, s.plan_id, s.home_country, s.created_at, s.first_activated_at)
    found = select(s.iccid, when, left_at, *stood).join(rows, rows.c.iccid == s.iccid)
    names = ["iccid", "moved_at", "left_at", *(column.name for column in stood)]
    tx.execute(insert(former_placements).from_select(names, found))


def activation_generations(tx: Transaction, iccids: Sequence[str]) -> dict[str, int]:
    """ICCID -> the newest generation of its activation."""
    o = operations.c
    rows = select(o.iccid, func.max(o.generation)).where(among(tx, o.iccid, iccids), o.action == Action.ACTIVATE.value)
    return dict(tx.execute(rows.group_by(o.iccid)).tuples().all())


def _each(value: Any, count: int) -> list[Any]:
    return list(value) if isinstance(value, list) else [value] * count
