"""Registration codes that a carrier refused, replaced by those of a later file, whose SIMs are then asked for again."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import LargeBinary, cast, select, update

from domain.lifecycle import Action, Stage, Step
from storage import ledger
from storage.among import among
from storage.bulk import staged
from storage.database import Transaction
from storage.ledger import Move
from storage.queueing import is_newest, of_its_sim
from storage.schema import operations, sims


class RefusedClaim(NamedTuple):
    """A SIM whose newest activation ended because the carrier refused the claim, with the code that it refused."""

    operation_id: int
    iccid: str
    manifest_id: str
    sealed_code: bytes | None


def refused_claims(tx: Transaction, iccids: Sequence[str]) -> list[RefusedClaim]:
    """Those among these SIMs, locked until the transaction ends. What somebody else is moving now is left out."""
    o = operations.c
    rows = (
        select(o.id, o.iccid, o.manifest_id, of_its_sim(sims.c.registration_code))
        .where(among(tx, o.iccid, iccids), o.action == Action.ACTIVATE.value, is_newest())
        .where(o.step == Step.REJECTED.value, o.stage == Stage.CLAIM.value)
        .with_for_update(of=operations, skip_locked=True)
    )
    return [RefusedClaim._make(row) for row in tx.execute(rows)] if iccids else []


def claim_again(
    tx: Transaction, refused: Sequence[RefusedClaim], codes: Mapping[str, bytes], *, detail: str, actor: str
) -> None:
    """Keep these SIMs' new codes (ICCID -> sealed) and plan their claims anew, with a fresh count of attempts."""
    if not refused:
        return
    iccids = [one.iccid for one in refused]
    with staged(tx, {"iccid": iccids, "code": [codes[iccid].decode("ascii") for iccid in iccids]}) as rows:
        new = {"registration_code": cast(rows.c.code, LargeBinary)}
        tx.execute(update(sims).where(sims.c.iccid == rows.c.iccid).values(new))
    ids = tuple(one.operation_id for one in refused)
    again = Move(Step.REJECTED, Step.PLANNED, "corrected", ids, detail, stage=Stage.CLAIM)
    ledger.move(tx, again, actor=actor, fence=None)
