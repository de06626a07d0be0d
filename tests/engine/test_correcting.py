"""A registration code that the carrier refused is replaced by a later file's, and the SIM is asked for again."""

from collections.abc import Sequence

import pytest
from sqlalchemy import select, update

from carriers.contract import Answer, AnswerKind, Order
from domain.lifecycle import Stage, Step
from domain.lines import LineCounts, Reason, Verdict
from domain.manifests import ManifestState
from engine.intake import Intake
from engine.placing import Defaults
from engine.preview import preview
from engine.receipts import refresh_receipts
from engine.sending import send_due
from storage import audit, manifests, outcomes
from storage.schema import history, operations, sims
from storage.vault import Vault
from tests.engine.rig import ACCOUNT, VAULT_KEY, Rig, iccids
from tests.engine.scripted import ScriptedCarrier, done


@pytest.fixture
def rig(scripted_rig: Rig) -> Rig:
    return scripted_rig


def text(codes: Sequence[str], numbers: Sequence[str] = ()) -> str:
    rows = zip(numbers or iccids(len(codes)), codes, strict=True)
    return "\n".join(["iccid,registration_code", *(f"{iccid},{code}" for iccid, code in rows), ""])


def refuse_wrong(order: Order) -> Answer:
    if order.registration_code == "wrong":
        return Answer(order.iccid, AnswerKind.REJECTED, "not_registrable", "The code does not fit.")
    return done(order)


@pytest.fixture
def refused(rig: Rig, scripted: ScriptedCarrier) -> str:
    """A finished manifest of three SIMs; the carrier refused the codes of the second and the third; its id."""
    scripted.answer = refuse_wrong
    manifest_id = rig.take_in("a.csv", text(["right", "wrong", "wrong"])).manifest_id
    while send_due(rig.context, ACCOUNT).taken:
        pass
    refresh_receipts(rig.context)
    assert rig.stages() == {(Stage.CHANGE, Step.DONE): 1, (Stage.CLAIM, Step.REJECTED): 2}
    assert state(rig, manifest_id) is ManifestState.FINISHED
    scripted.submitted.clear()
    return manifest_id


def state(rig: Rig, manifest_id: str) -> ManifestState:
    with rig.context.database.read() as tx:
        return manifests.find(tx, manifest_id).state


def reasons(rig: Rig, taken: Intake) -> dict[int, Reason]:
    with rig.context.database.read() as tx:
        return {one.line: one.reason for one in outcomes.outcomes(tx, taken.manifest_id, verdict=Verdict.KNOWN)}


def codes(rig: Rig) -> list[str | None]:
    vault = Vault(VAULT_KEY)
    with rig.context.database.read() as tx:
        sealed = tx.execute(select(sims.c.registration_code).order_by(sims.c.line)).scalars()
        return [vault.reveal(code) if code else None for code in sealed]


def test_a_refused_code_is_replaced_and_the_sim_is_asked_for_again(
    rig: Rig, refused: str, scripted: ScriptedCarrier
) -> None:
    taken = rig.take_in("b.csv", text(["other", "better"], iccids(2)))
    assert taken.counts == LineCounts(3, ignored=1, known=2)
    assert reasons(rig, taken) == {2: Reason.ALREADY_KNOWN, 3: Reason.CODE_CORRECTED}
    assert codes(rig) == [None, "better", "wrong"]
    assert state(rig, refused) is ManifestState.LOADED
    while send_due(rig.context, ACCOUNT).taken:
        pass
    assert [order.registration_code for order in scripted.submitted] == ["better", None]
    assert rig.stages() == {(Stage.CHANGE, Step.DONE): 2, (Stage.CLAIM, Step.REJECTED): 1}
    refresh_receipts(rig.context)
    assert state(rig, refused) is ManifestState.FINISHED
    with rig.context.database.read() as tx:
        assert list(audit.manifests_that_do_not_add_up(tx)) == []
        assert list(audit.broken_histories(tx)) == []


def test_the_history_says_who_corrected_the_code_and_by_which_manifest(rig: Rig, refused: str) -> None:
    taken = rig.take_in("b.csv", text(["right", "better"]))
    with rig.context.database.read() as tx:
        (row,) = tx.execute(select(history).where(history.c.reason == "corrected"))
        operation = tx.execute(select(operations).where(operations.c.id == row.operation_id)).one()
    assert (row.from_step, row.to_step, row.stage, row.actor) == ("rejected", "planned", "claim", "pick-up")
    assert row.detail == f"Manifest {taken.manifest_id} brought another registration code."
    assert (operation.attempt, operation.finished_at, operation.manifest_id) == (0, None, refused)


def test_every_refused_sim_of_a_file_is_corrected(rig: Rig, refused: str) -> None:
    rig.take_in("b.csv", text(["right", "better", "best"]))
    assert codes(rig) == [None, "better", "best"]
    assert rig.stages() == {(Stage.CHANGE, Step.DONE): 1, (Stage.CLAIM, Step.PLANNED): 2}


@pytest.mark.parametrize("again", ["wrong", ""])
def test_the_same_code_or_none_asks_for_nothing_again(rig: Rig, refused: str, again: str) -> None:
    taken = rig.take_in("b.csv", text(["right", again, again]))
    assert Reason.CODE_CORRECTED not in reasons(rig, taken).values()
    assert rig.stages() == {(Stage.CHANGE, Step.DONE): 1, (Stage.CLAIM, Step.REJECTED): 2}
    assert state(rig, refused) is ManifestState.FINISHED


STEPS = [(stage, step) for stage in Stage for step in Step if (stage, step) != (Stage.CLAIM, Step.REJECTED)]


@pytest.mark.parametrize(("stage", "step"), STEPS)
def test_a_sim_whose_claim_was_not_refused_keeps_its_code_and_its_step(rig: Rig, stage: Stage, step: Step) -> None:
    rig.take_in("a.csv", text(["wrong"]))
    with rig.context.database.begin() as tx:
        tx.execute(update(operations).values(step=step.value, stage=stage.value))
    taken = rig.take_in("b.csv", text(["better"]))
    assert reasons(rig, taken) == {2: Reason.ALREADY_KNOWN}
    assert codes(rig) == ["wrong"]
    assert rig.stages() == {(stage, step): 1}


def test_a_sim_of_another_product_is_rejected_and_not_corrected(rig: Rig, refused: str) -> None:
    taken = rig.take_in("b.csv", f"iccid,product,registration_code\n{iccids(2)[1]},scooter,better\n")
    assert taken.counts == LineCounts(2, ignored=1, rejected=1)
    assert codes(rig) == [None, "wrong", "wrong"]


def test_only_the_newest_activation_counts(rig: Rig, refused: str) -> None:
    with rig.context.database.begin() as tx:
        older = select(operations).where(operations.c.line == 3)
        row = dict(tx.execute(older).mappings().one()) | {"id": 1000, "generation": 2, "step": Step.DONE.value}
        tx.execute(operations.insert().values(row))
    taken = rig.take_in("b.csv", text(["right", "better"]))
    assert reasons(rig, taken)[3] is Reason.ALREADY_KNOWN
    assert codes(rig) == [None, "wrong", "wrong"]


def test_a_code_that_was_sealed_with_a_lost_key_is_replaced(rig: Rig, refused: str) -> None:
    with rig.context.database.begin() as tx:
        lost = Vault("c2ltbGluZS1raWxsLXRlc3RzLW5vdC1hLXNlY3JldC4=").seal("wrong")
        tx.execute(update(sims).where(sims.c.line == 3).values(registration_code=lost))
    assert reasons(rig, rig.take_in("b.csv", text(["right", "better"])))[3] is Reason.CODE_CORRECTED


def test_the_dry_run_counts_the_corrections_and_keeps_none(rig: Rig, refused: str) -> None:
    path = rig.folder / "b.csv"
    path.write_text(text(["right", "better"]))
    seen = preview(rig.context, path, path.name, Defaults("tracker", "DE"))
    assert (Reason.CODE_CORRECTED, 1) in [(total.reason, total.line_count) for total in seen.reasons]
    assert codes(rig) == [None, "wrong", "wrong"]
    assert state(rig, refused) is ManifestState.FINISHED
