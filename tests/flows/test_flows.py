"""From a file in the inbox to active SIMs, through the flows as Prefect runs them."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactCollectionFilter, ArtifactCollectionFilterKey
from prefect.client.schemas.objects import ArtifactCollection, State
from prefect.flow_engine import run_flow
from sqlalchemy import func, select, update

from carriers.simulated.faults import Fault, Faults, RequestKind
from carriers.simulated.log import effect_counts
from domain.deciding import Saw
from domain.lifecycle import Step
from domain.manifests import ItemIdentity, ManifestState
from domain.products import Tier
from engine.picking_up import claim, take_in_claimed
from engine.picking_up import pick_up as take_in_everything
from engine.placing import Defaults
from engine.rerunning import Only
from flows.activate import activate
from flows.collect_usage import collect_usage
from flows.decide import decide
from flows.pick_up import pick_up
from flows.provision import provision
from flows.rerun import rerun
from flows.settle import settle
from flows.steer import steer
from storage import catalogue, halting
from storage.catalogue import Product
from storage.schema import operations, sims
from storage.sources.contract import Item, SourceUnavailable
from storage.usage_schema import usage_days
from tasks.outcomes import RunFailed
from tasks.parameters import (
    ActivateParameters,
    DecideParameters,
    PickUpParameters,
    ProvisionParameters,
    RerunParameters,
    SettleParameters,
    Steering,
    SteerParameters,
    UsageParameters,
)
from tests.configured import iccids
from tests.flows.conftest import Until
from tests.flows.workshop import Workshop

pytestmark = [pytest.mark.usefixtures("prefect_records"), pytest.mark.slow]


def settled(workshop: Workshop) -> bool:
    """One more settle run; whether nothing is open any longer."""
    settle()
    return not workshop.steps().keys() & {Step.PLANNED, Step.INTENT, Step.SENT, Step.ACCEPTED}


def test_a_dropped_manifest_becomes_active_sims_with_a_receipt(
    workshop: Workshop, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    workshop.drop("batch.csv", count=12)
    (manifest_id,) = pick_up()
    assert manifest_id == workshop.manifest("batch.csv").id
    assert f"{manifest_id} supersim: sent 12 with 12 requests" in caplog.text
    assert workshop.steps().keys() <= {Step.ACCEPTED, Step.DONE}
    until(lambda: settled(workshop))
    assert workshop.states() == {"active": 12}
    assert workshop.manifest("batch.csv").state is ManifestState.FINISHED
    assert workshop.receipts() == ["batch.csv.receipt.json"]


def test_settle_moves_the_bar_of_what_it_finishes_and_asks_no_more_when_nothing_moves(
    workshop: Workshop, until: Until
) -> None:
    workshop.drop("batch.csv", count=6)
    workshop.drop("second.csv", account="second", count=3)
    pick_up()
    ids = [workshop.manifest(name).id for name in ("batch.csv", "second.csv")]
    until(lambda: settled(workshop))
    first = bars(*ids)
    assert [bar.data for bar in first] == [100.0, 100.0]
    settle()
    assert bars(*ids) == first


def bars(*manifest_ids: str) -> list[ArtifactCollection]:
    """The newest bar of each."""
    keys = [f"progress-{one}" for one in manifest_ids]
    named = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=keys))
    with get_client(sync_client=True) as client:
        found = {bar.key: bar for bar in client.read_latest_artifacts(artifact_filter=named)}
    return [found[key] for key in keys]


def test_two_carrier_accounts_are_provisioned_by_one_run_each(workshop: Workshop, until: Until) -> None:
    workshop.drop("one.csv", account="supersim", count=7)
    workshop.drop("two.csv", account="second", count=5)
    assert len(pick_up()) == 2
    until(lambda: settled(workshop))
    assert workshop.states() == {"active": 12}
    claimed = {name: len(workshop.changes(name)) // 2 for name in workshop.carriers}
    assert claimed == {"supersim": 7, "second": 5}


def test_running_everything_again_asks_for_no_change(workshop: Workshop, until: Until) -> None:
    workshop.drop("batch.csv")
    pick_up()
    until(lambda: settled(workshop))
    before = len(workshop.changes())
    assert pick_up() == []
    assert provision(ProvisionParameters(manifest_id=workshop.manifest("batch.csv").id)) == "finished"
    assert activate() == 0
    assert settle() == 0
    assert before == 24  # a claim and a change for each SIM
    assert len(workshop.changes()) == before


def test_the_same_flows_side_by_side_end_as_one_run_ends(workshop: Workshop, until: Until) -> None:
    workshop.drop("batch.csv", count=60)
    with ThreadPoolExecutor(2) as pool:
        loaded = [run.result() for run in [pool.submit(pick_up) for _ in range(2)]]
        assert sorted(loaded, key=len) == [[], [workshop.manifest("batch.csv").id]]
        for run in [pool.submit(settle) for _ in range(2)]:
            run.result()
    until(lambda: settled(workshop))
    assert workshop.states() == {"active": 60}
    entries = workshop.carriers["supersim"].carrier.log.entries()
    assert set(effect_counts(entries).values()) == {1}


def test_one_flow_run_that_is_started_twice_ends_as_one_start_ends(workshop: Workshop, until: Until) -> None:
    """Prefect has handed one run to two workers; both then execute the same flow run, with the same parameters."""
    workshop.drop("batch.csv", count=20)
    (intake,) = take_in_everything(workshop.context)
    parameters = {"parameters": ProvisionParameters(manifest_id=intake.manifest_id)}
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(provision, parameters=parameters)
    with ThreadPoolExecutor(2) as pool:
        starts = [
            pool.submit(run_flow, provision, flow_run=run, parameters=parameters, return_type="state") for _ in range(2)
        ]
        ended = [start.result() for start in starts]
    assert all(isinstance(state, State) and state.is_final() for state in ended)
    until(lambda: settled(workshop))
    assert workshop.states() == {"active": 20}
    assert set(effect_counts(workshop.carriers["supersim"].carrier.log.entries()).values()) == {1}
    assert len(workshop.changes()) == 2 * 20


def test_a_refused_file_is_an_outcome_and_the_others_go_on(workshop: Workshop) -> None:
    workshop.drop_text("keys.csv", "iccid,Ki,OPc\n8988307000000000001,00,11\n")
    workshop.drop("batch.csv", count=3)
    assert pick_up() == [workshop.manifest("batch.csv").id]
    assert workshop.manifest("keys.csv").state is ManifestState.QUARANTINED
    assert len(workshop.changes()) == 6


def test_a_manifest_beyond_the_brake_waits_for_a_persons_word(workshop: Workshop) -> None:
    workshop.drop("huge.csv", count=501)
    assert pick_up() == []
    manifest = workshop.manifest("huge.csv")
    assert manifest.state is ManifestState.NEEDS_APPROVAL
    assert provision(ProvisionParameters(manifest_id=manifest.id)) == "needs_approval"
    assert workshop.changes() == []
    provision(ProvisionParameters(manifest_id=manifest.id, approved_by="ann@example.com"))
    assert workshop.manifest(manifest.id).approved_by == "ann@example.com"
    assert len(workshop.changes()) == 1002


def test_refused_credentials_fail_the_run_with_a_sentence_and_hold_up_nobody_else(workshop: Workshop) -> None:
    workshop.drop("batch.csv", count=2)
    workshop.drop("other.csv", account="second", count=3)
    workshop.fail("supersim", Faults({Fault.TOKEN_EXPIRES: 1.0}))
    with pytest.raises(RunFailed, match=r"supersim: 2 SIMs wait, and the carrier answered nothing"):
        pick_up()
    assert workshop.steps()[Step.PLANNED] == 2
    assert len(workshop.changes("second")) == 6


def test_a_source_that_is_gone_fails_the_run_with_its_sentence(workshop: Workshop) -> None:
    shutil.rmtree(workshop.folder / "manifests")
    with pytest.raises(RunFailed, match="inbox"):
        pick_up()


def test_what_a_source_lists_before_its_fault_is_taken_in_and_provisioned(workshop: Workshop) -> None:
    source = workshop.context.sources["inbox"]
    usual = source.items

    def breaks_off() -> Iterator[Item]:
        yield from usual()
        raise SourceUnavailable("Source inbox broke off.")

    workshop.drop("batch.csv", count=2)
    with pytest.MonkeyPatch.context() as patched, pytest.raises(RunFailed, match="Source inbox broke off"):
        patched.setattr(source, "items", breaks_off)
        pick_up()
    assert len(workshop.changes()) == 4


def test_a_receipt_that_cannot_be_put_fails_settle_and_the_runs_of_its_own_manifest_alone(
    workshop: Workshop, until: Until
) -> None:
    source = workshop.context.sources["inbox"]
    usual = source.finish

    def refuses(item: ItemIdentity, *rest: Any) -> dict[str, str]:
        if item.key == "first.csv":
            raise SourceUnavailable("The drive is away.")
        return usual(item, *rest)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(source, "finish", refuses)
        workshop.drop("first.csv", count=2)
        with pytest.raises(RunFailed, match=r"Receipts that wait: m-\w{12}\. The drive is away\."):
            pick_up()
        assert len(workshop.changes()) == 4
        workshop.drop("second.csv", account="second", count=3)
        assert pick_up() == [workshop.manifest("second.csv").id]
        with pytest.raises(RunFailed, match="The drive is away"):
            settle()
        assert workshop.receipts() == ["second.csv.receipt.json"]
    until(lambda: settled(workshop))
    assert workshop.receipts() == ["first.csv.receipt.json", "second.csv.receipt.json"]


def test_a_source_that_nobody_configured_is_named(workshop: Workshop) -> None:
    with pytest.raises(RunFailed, match="There is no source attic"):
        pick_up(PickUpParameters(source="attic"))


def test_an_unknown_carrier_account_is_named(workshop: Workshop) -> None:
    with pytest.raises(LookupError, match=r"There is no carrier account third\. Configured: supersim, second"):
        activate(ActivateParameters(carrier_account="third"))


def test_settle_of_one_account_leaves_the_other_alone(workshop: Workshop, until: Until) -> None:
    workshop.fail("supersim", Faults({Fault.STUCK: 1.0}, frozenset([RequestKind.ACTIVATE])))  # what waits there, stays
    workshop.drop("one.csv", account="supersim", count=2)
    workshop.drop("two.csv", account="second", count=3)
    pick_up()
    before = len(workshop.carriers["supersim"].carrier.log.entries())

    def is_settled() -> bool:
        settle(SettleParameters(carrier_account="second"))
        return workshop.states().get("active") == 3

    until(is_settled)
    assert workshop.steps() == {Step.DONE: 3, Step.ACCEPTED: 2}
    assert len(workshop.carriers["supersim"].carrier.log.entries()) == before


def test_a_rerun_sends_what_the_carrier_refused_and_nothing_else(workshop: Workshop, until: Until) -> None:
    workshop.drop("batch.csv", count=4)
    fleet = workshop.carriers["supersim"].carrier.fleet
    refused = iccids("supersim", 4)[2]
    fleet.add_card(refused, "another code")
    pick_up()
    until(lambda: settled(workshop))
    assert workshop.steps() == {Step.DONE: 3, Step.REJECTED: 1}
    before = len(workshop.changes())

    fleet.add_card(refused, f"code-{refused}")
    manifest_id = workshop.manifest("batch.csv").id
    asked = RerunParameters(manifest_id=manifest_id, only=Only.FAILED, reason="the carrier has it now", actor="ann")
    assert rerun(asked) == 1
    until(lambda: settled(workshop))
    assert workshop.steps() == {Step.DONE: 4}
    assert {entry.iccids for entry in workshop.changes()[before:]} == {(refused,)}
    assert rerun(asked) == 0


def test_rejected_lines_are_judged_again_as_a_delivery_of_their_own(workshop: Workshop, until: Until) -> None:
    lost, good = iccids("supersim", 2)
    workshop.drop_text("mixed.csv", f"iccid,product,registration_code\n{good},tracker,a\n{lost},rover,b\n")
    pick_up()
    until(lambda: settled(workshop))
    assert workshop.manifest("mixed.csv").counts.rejected == 1
    with workshop.context.database.begin() as tx:
        catalogue.create_product(tx, Product("rover", "Rover", "acme", Tier.GROWTH))
    manifest_id = workshop.manifest("mixed.csv").id
    asked = RerunParameters(manifest_id=manifest_id, only=Only.FAILED, reason="rover is there now", actor="ann")
    assert rerun(asked) == 0
    assert workshop.steps() == {Step.DONE: 1}
    rerun(asked.model_copy(update={"only": Only.REJECTED}))
    until(lambda: settled(workshop))
    assert workshop.steps() == {Step.DONE: 2}


def test_rejected_lines_are_judged_again_with_the_words_that_were_forgotten(workshop: Workshop, until: Until) -> None:
    workshop.drop("batch.csv", count=1)
    source = workshop.context.sources["inbox"]
    (item,) = source.items()
    claimed = claim(workshop.context, source, item, "ann", Defaults())
    assert claimed is not None
    take_in_claimed(workshop.context, claimed, "ann")
    assert workshop.manifest("batch.csv").counts.rejected == 1
    words = {"product": "tracker", "home_country": "DE", "reason": "forgotten", "actor": "ann"}
    rerun(RerunParameters(manifest_id=claimed.manifest_id, only=Only.REJECTED, **words))
    until(lambda: settled(workshop))
    assert workshop.steps() == {Step.DONE: 1}


def test_a_manifest_is_paused_resumed_and_cancelled_through_its_flow(workshop: Workshop) -> None:
    workshop.fail("supersim", Faults({Fault.TOKEN_EXPIRES: 1.0}))
    workshop.drop("batch.csv", count=3)
    with pytest.raises(RunFailed):
        pick_up()
    workshop.fail("supersim", Faults())
    manifest_id, before = workshop.manifest("batch.csv").id, len(workshop.changes())

    def say(word: Steering) -> int:
        return steer(SteerParameters(manifest_id=manifest_id, word=word, reason="wrong pallet", actor="ann"))

    assert [say(Steering.PAUSE), say(Steering.PAUSE)] == [0, 0]
    assert activate() == 0
    assert provision(ProvisionParameters(manifest_id=manifest_id)) == "loaded"
    assert say(Steering.RESUME) == 0
    with workshop.context.database.read() as tx:
        said = [(one.word, one.by, one.reason) for one in halting.notes(tx, manifest_id)]
    assert said == [("pause", "ann", "wrong pallet"), ("resume", "ann", "wrong pallet")]
    assert [say(Steering.CANCEL), say(Steering.CANCEL)] == [3, 0]
    assert activate() == 0
    assert workshop.manifest(manifest_id).state is ManifestState.FINISHED
    assert len(workshop.changes()) == before


def test_a_persons_evidence_settles_a_sim_through_its_flow(workshop: Workshop, until: Until) -> None:
    workshop.drop("batch.csv", count=2)
    workshop.fail("supersim", Faults({Fault.STUCK: 1.0}, frozenset([RequestKind.ACTIVATE])))
    pick_up()
    first, _ = iccids("supersim", 2)
    with workshop.context.database.begin() as tx:
        tx.execute(operations.update().where(operations.c.iccid == first).values(step=Step.NEEDS_REVIEW.value))
    word = DecideParameters(iccids=(first,), saw=Saw.ACTIVE, reason="seen in the console", actor="ann")
    assert decide(word) == 1
    assert decide(word) == 0
    assert workshop.steps() == {Step.DONE: 1, Step.ACCEPTED: 1}


def test_usage_of_two_carrier_accounts_is_collected_once_by_two_runs_side_by_side(
    workshop: Workshop, until: Until
) -> None:
    now = datetime.now(UTC)
    days = UsageParameters(first_day=now.date() - timedelta(days=1))
    for account in workshop.carriers:
        workshop.drop(f"{account}.csv", account=account, count=3)
    pick_up()
    until(lambda: settled(workshop))
    with workshop.context.database.begin() as tx:
        tx.execute(update(sims).values(first_activated_at=now - timedelta(days=30)))
    for account, server in workshop.carriers.items():
        server.carrier.fleet.put_usage(iccids(account, 1)[0], now.date() - timedelta(days=1), 500)
    with ThreadPoolExecutor(2) as pool:
        told = [run.result() for run in [pool.submit(collect_usage, days) for _ in range(2)]]
    assert sum(told) == 2
    with workshop.context.database.read() as tx:
        assert tx.execute(select(func.sum(usage_days.c.total_bytes))).scalar_one() == 1_000
    assert collect_usage(days) == 0


def test_a_run_whose_carrier_tells_no_usage_now_fails_and_keeps_what_the_other_told(
    workshop: Workshop, until: Until
) -> None:
    workshop.drop("one.csv", count=2)
    pick_up()
    until(lambda: settled(workshop))
    workshop.fail("supersim", Faults({Fault.ERROR_503: 1.0}, frozenset({RequestKind.USAGE})))
    with pytest.raises(RunFailed, match=r"supersim: .*503"):
        collect_usage()
    workshop.fail("supersim", Faults())
    assert collect_usage() == 0
