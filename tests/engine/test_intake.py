"""From a file to a verdict for every line and a planned operation for every SIM, or nothing at all."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from domain.brake import Brake
from domain.lifecycle import Step
from domain.lines import LineCounts, Reason, Verdict
from domain.manifests import ItemIdentity, ManifestState
from domain.products import Tier
from engine import intake
from engine.intake import Delivery, Intake, LinesLost, take_in
from engine.placing import Defaults
from engine.preview import preview
from engine.rerunning import Only, rerun
from storage import audit, catalogue, manifests, outcomes
from storage.catalogue import Device
from storage.manifests import LeaseLost
from storage.schema import history, limits, operations, rejections, sims
from storage.vault import Vault, VaultLocked
from tests.engine.rig import Rig, iccids, manifest

HEADER = "iccid,product,home_country,registration_code"


@pytest.fixture
def rig(scripted_rig: Rig) -> Rig:
    """No carrier is asked here."""
    return scripted_rig


def rows(rig: Rig, manifest_id: str) -> dict[int, tuple[Verdict, Reason]]:
    with rig.context.database.read() as tx:
        return {one.line: (one.verdict, one.reason) for one in outcomes.outcomes(tx, manifest_id)}


def kept(rig: Rig) -> list[int]:
    """How many rows there are of what an intake writes."""
    with rig.context.database.read() as tx:
        return [len(tx.execute(select(table)).all()) for table in (sims, operations, rejections, history)]


def test_every_line_meets_exactly_one_end(rig: Rig) -> None:
    one, two, three = iccids(3)
    lines = [
        HEADER,
        f"{one},tracker,DE,code",
        "",
        f"{one},tracker,DE,code",
        f"{two},nothing,DE,code",
        f"{two},tracker,XX,code",
        f"{two},tracker,FR,code",
        f"{two},tracker,DE,",
        "89883070000000000001,tracker,DE,code",
        "no number,tracker,DE,code",
        f"{three},scooter,DE,code",
    ]
    taken = rig.take_in("a.csv", "\n".join(lines))
    assert taken.state is ManifestState.LOADED
    assert taken.counts == LineCounts(11, ignored=3, accepted=2, rejected=5, duplicate=1, known=0)
    assert {line: reason for line, (_, reason) in rows(rig, taken.manifest_id).items()} == {
        1: Reason.HEADER,
        3: Reason.BLANK,
        4: Reason.DUPLICATE_IN_FILE,
        5: Reason.UNKNOWN_PRODUCT,
        6: Reason.UNKNOWN_COUNTRY,
        7: Reason.NO_PLAN,
        8: Reason.REGISTRATION_CODE_MISSING,
        9: Reason.WRONG_CHECK_DIGIT,
        10: Reason.NO_ICCID,
    }
    with rig.context.database.read() as tx:
        assert list(audit.manifests_that_do_not_add_up(tx)) == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{iccid},nothing,DE,code", Reason.UNKNOWN_PRODUCT),
        ("{iccid},tracker,XX,code", Reason.UNKNOWN_COUNTRY),
        ("{iccid},tracker,FR,code", Reason.NO_PLAN),
        ("{iccid},tracker,DE,", Reason.REGISTRATION_CODE_MISSING),
        ("8934076500002589174,tracker,DE,code", Reason.NO_CARRIER),
    ],
)
def test_a_row_that_has_no_place_is_rejected_with_its_reason(rig: Rig, row: str, reason: Reason) -> None:
    taken = rig.take_in("a.csv", f"{HEADER}\n{row.format(iccid=iccids(1)[0])}\n")
    assert rows(rig, taken.manifest_id)[2] == (Verdict.REJECTED, reason)
    assert taken.counts.accepted == 0


def test_two_spellings_of_one_country_in_one_block_are_one_place(rig: Rig) -> None:
    one, two, three = iccids(3)
    taken = rig.take_in("a.csv", f"{HEADER}\n{one},tracker,DE,code\n{two},tracker,de,code\n{three},tracker,,code\n")
    assert taken.counts.accepted == 3
    assert [count for _, count in taken.new_by_placement] == [3]


def test_a_sim_of_the_same_product_is_known_and_one_of_another_is_rejected(rig: Rig) -> None:
    one, two, three = iccids(3)
    rig.take_in("a.csv", f"{HEADER}\n{one},tracker,DE,code\n{two},scooter,DE,code\n")
    again = rig.take_in("b.csv", manifest([one, two, three]))
    assert again.counts == LineCounts(4, ignored=1, accepted=1, rejected=1, duplicate=0, known=1)
    assert rows(rig, again.manifest_id)[2] == (Verdict.KNOWN, Reason.ALREADY_KNOWN)
    assert rows(rig, again.manifest_id)[3] == (Verdict.REJECTED, Reason.OTHER_PRODUCT)
    assert rig.steps() == {Step.PLANNED: 3}


def test_a_corrected_file_with_three_new_rows_plans_those_three_and_knows_the_others(rig: Rig) -> None:
    first = rig.take_in("a.csv", manifest(iccids(5), "8988307000000000001,code-of-a-typo"))
    again = rig.take_in("a.csv", manifest(iccids(8)))
    assert again.manifest_id != first.manifest_id
    assert again.counts == LineCounts(9, ignored=1, accepted=3, rejected=0, duplicate=0, known=5)
    assert [line for line, (verdict, _) in rows(rig, again.manifest_id).items() if verdict is Verdict.KNOWN] == [
        *range(2, 7)
    ]
    assert rig.steps() == {Step.PLANNED: 8}


def test_the_same_file_under_another_name_plans_nothing_and_says_whose_content_it_is(rig: Rig) -> None:
    text = manifest(iccids(3))
    first, second = rig.take_in("a.csv", text), rig.take_in("b.csv", text)
    assert (second.counts.known, second.counts.accepted) == (3, 0)
    with rig.context.database.read() as tx:
        assert manifests.find(tx, second.manifest_id).same_content_as == first.manifest_id


@pytest.mark.parametrize(
    ("text", "state", "word"),
    [
        (manifest(iccids(3), "# total=9"), ManifestState.REFUSED, "control total"),
        ("iccid,ki\n8988307000000000009,0011\n", ManifestState.QUARANTINED, "key"),
        ("", ManifestState.REFUSED, ""),
    ],
)
def test_a_file_that_cannot_be_used_leaves_nothing_but_its_verdict(
    rig: Rig, text: str, state: ManifestState, word: str
) -> None:
    taken = rig.take_in("a.csv", text)
    assert (taken.state, taken.counts) == (state, LineCounts())
    assert word in taken.sentence
    assert kept(rig) == [0, 0, 0, 0]
    with rig.context.database.read() as tx:
        assert manifests.find(tx, taken.manifest_id).reason == taken.sentence


def test_a_run_far_beyond_the_usual_waits_for_a_word_and_keeps_nothing(rig: Rig) -> None:
    careful = rig.but(brake=Brake(sims=5))
    taken = careful.take_in("a.csv", manifest(iccids(6)))
    assert taken.state is ManifestState.NEEDS_APPROVAL
    assert taken.sentence.startswith("tracker: 6 new SIMs are more than the 5")
    assert taken.counts.accepted == 6
    assert kept(rig) == [0, 0, 0, 0]


def test_the_brake_looks_at_each_product(rig: Rig) -> None:
    careful = rig.but(brake=Brake(sims=5))
    each = [
        f"{number},{product},DE,code" for number, product in zip(iccids(8), ["tracker", "scooter"] * 4, strict=True)
    ]
    assert careful.take_in("a.csv", "\n".join([HEADER, *each])).state is ManifestState.LOADED


def test_what_the_sandbox_has_no_room_for_is_held_in_the_order_of_the_file(rig: Rig) -> None:
    with rig.context.database.begin() as tx:
        catalogue.change_tier(tx, "tracker", Tier.FREE)
        catalogue.count_other_devices(tx, "acme", 96)
    taken = rig.take_in("a.csv", manifest(iccids(7)))
    assert rig.steps() == {Step.PLANNED: 4, Step.HELD: 3}
    with rig.context.database.read() as tx:
        lines = select(operations.c.line, operations.c.step).order_by(operations.c.line)
        assert [step for _, step in tx.execute(lines)] == ["planned"] * 4 + ["held"] * 3
        assert list(audit.broken_histories(tx)) == []
    assert taken.counts.accepted == 7


def test_held_sims_go_on_after_an_upgrade_as_far_as_there_is_room(rig: Rig) -> None:
    with rig.context.database.begin() as tx:
        catalogue.change_tier(tx, "tracker", Tier.FREE)
        catalogue.count_other_devices(tx, "acme", 98)
    taken = rig.take_in("a.csv", manifest(iccids(6)))
    with rig.context.database.begin() as tx:
        catalogue.count_other_devices(tx, "acme", 95)
    rerun(rig.context, taken.manifest_id, Only.HELD, reason="A device was retired.", actor="ann")
    assert rig.steps() == {Step.PLANNED: 5, Step.HELD: 1}
    with rig.context.database.begin() as tx:
        catalogue.change_tier(tx, "tracker", Tier.GROWTH)
    rerun(rig.context, taken.manifest_id, Only.HELD, reason="Upgraded.", actor="ann")
    assert rig.steps() == {Step.PLANNED: 6}


def test_a_device_id_brings_its_built_in_sim(rig: Rig) -> None:
    (one,) = iccids(1)
    with rig.context.database.begin() as tx:
        catalogue.import_devices(tx, [Device("dev-1", one), Device("dev-2", None)])
    taken = rig.take_in("a.csv", "device_id,registration_code\ndev-1,code\ndev-2,code\ndev-3,code\n")
    reasons = {line: reason for line, (_, reason) in rows(rig, taken.manifest_id).items()}
    assert reasons == {1: Reason.HEADER, 3: Reason.DEVICE_WITHOUT_SIM, 4: Reason.UNKNOWN_DEVICE}
    assert taken.counts.accepted == 1


def test_without_a_vault_key_no_registration_code_is_stored(rig: Rig) -> None:
    with pytest.raises(VaultLocked):
        rig.but(vault=Vault(None)).take_in("a.csv", manifest(iccids(2)))
    assert kept(rig) == [0, 0, 0, 0]


def test_registration_codes_are_stored_sealed(rig: Rig) -> None:
    rig.load(2)
    with rig.context.database.read() as tx:
        sealed = list(tx.execute(select(sims.c.registration_code)).scalars())
    assert all(code and b"code-" not in code for code in sealed)


Claimed = Callable[[Rig, str], Delivery]


@pytest.fixture
def claimed() -> Claimed:
    """A file that was claimed with the fence `mine`."""

    def claim(rig: Rig, text: str) -> Delivery:
        path = rig.folder / "given.csv"
        path.write_text(text)
        identity = ItemIdentity("inbox", "given.csv", "1")
        with rig.context.database.begin() as tx:
            manifests.claim(tx, identity, fence="mine", lease_seconds=900, actor="test")
        return Delivery(identity.manifest_id, "mine", path, path.name, Defaults("tracker", "DE"), "test")

    return claim


@pytest.mark.parametrize("text", [manifest(iccids(2)), manifest(iccids(2), "# total=9")])
def test_a_reader_that_lost_its_lease_keeps_nothing(rig: Rig, claimed: Claimed, text: str) -> None:
    overtaken = replace(claimed(rig, text), fence="another")
    with pytest.raises(LeaseLost):
        take_in(rig.context, overtaken)
    assert kept(rig) == [0, 0, 0, 0]


def test_a_manifest_that_would_lose_a_line_is_not_kept(
    rig: Rig, claimed: Claimed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_not_new", lambda _result, _corrected: [])
    rig.load(2)
    before = kept(rig)
    with pytest.raises(LinesLost, match="not every one met its end"):
        take_in(rig.context, claimed(rig, manifest(iccids(2))))
    assert kept(rig) == before


def test_the_dry_run_tells_what_the_run_does_and_keeps_nothing(rig: Rig) -> None:
    one, two = iccids(2)
    text = manifest([one, two, one], "89883070000000000001,x")
    path = rig.folder / "given.csv"
    path.write_text(text)
    before = kept(rig)
    seen = preview(rig.context, path, path.name, Defaults("tracker", "DE"))
    assert kept(rig) == before
    with rig.context.database.read() as tx:
        assert manifests.listing(tx, 10) == []
        assert list(tx.execute(select(limits))) == []
    done: Intake = rig.take_in("a.csv", text)
    assert seen.counts == done.counts == LineCounts(5, ignored=1, accepted=2, rejected=1, duplicate=1, known=0)
    assert [(plan.sim_count, plan.plan_name) for plan in seen.plans] == [(2, "germany")]
    assert seen.asks is None
