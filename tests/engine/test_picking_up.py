"""Sweeps: every delivery is taken in once, whoever sweeps and whoever dies."""

import threading
from collections.abc import Callable, Iterator

import pytest

from domain.lifecycle import Step
from domain.manifests import ManifestState
from engine.intake import Intake
from engine.picking_up import claim, claim_new, pick_up, take_in_claimed
from engine.receipts import refresh_receipts
from engine.troubles import Trouble
from storage import manifests
from storage.database import DatabaseUnavailable
from storage.manifests import ManifestRow
from storage.sources.contract import Item, SourceUnavailable
from storage.vault import VaultLocked
from tests.conftest import MovingClock
from tests.engine.rig import Rig, iccids, manifest


class Killed(BaseException):
    """The worker dies here."""


@pytest.fixture
def rig(scripted_rig: Rig) -> Rig:
    """No carrier is asked here."""
    return scripted_rig


def dying_at(rig: Rig, label: str) -> Rig:
    """Dies at this point, and does nothing more."""
    dead = False

    def at(passed: str) -> None:
        nonlocal dead
        dead = dead or passed == label
        if dead:
            raise Killed(label)

    return rig.but(at=at, worker="the one that dies")


def listing(rig: Rig) -> list[ManifestRow]:
    with rig.context.database.read() as tx:
        return manifests.listing(tx, 50)


def names(rig: Rig, folder: str) -> list[str]:
    return sorted(path.name for path in (rig.folder / "drop" / folder).rglob("*") if path.is_file())


def test_everything_complete_is_taken_in_once(rig: Rig) -> None:
    rig.drop("a.csv", manifest(iccids(2)))
    rig.drop("b.csv", manifest(iccids(2, first=2)))
    assert [intake.counts.accepted for intake in pick_up(rig.context)] == [2, 2]
    assert list(pick_up(rig.context)) == []
    assert rig.steps() == {Step.PLANNED: 4}


def test_what_was_used_and_what_was_not_lie_in_different_places_with_their_receipts(rig: Rig) -> None:
    rig.take_in("good.csv", manifest(iccids(1)))
    rig.take_in("bad.csv", manifest(iccids(1), "# total=9"))
    assert names(rig, "inbox") == []
    assert names(rig, "processed") == sorted(
        ["good.csv", "good.csv.outcomes.csv", "good.csv.receipt.html", "good.csv.receipt.json"]
    )
    assert names(rig, "rejected") == sorted(
        ["bad.csv", "bad.csv.outcomes.csv", "bad.csv.receipt.html", "bad.csv.receipt.json"]
    )


def test_only_the_source_that_was_asked_for_is_swept(rig: Rig) -> None:
    rig.drop("a.csv", manifest(iccids(1)))
    assert list(pick_up(rig.context, "command-line")) == []
    assert len(list(pick_up(rig.context, "inbox"))) == 1


def test_another_content_under_the_same_name_is_another_delivery(rig: Rig) -> None:
    first = rig.take_in("a.csv", manifest(iccids(2)))
    second = rig.take_in("a.csv", manifest(iccids(3)))
    assert first.manifest_id != second.manifest_id
    assert (second.counts.known, second.counts.accepted) == (2, 1)


def test_of_two_sweeps_at_once_each_delivery_has_one_reader(rig: Rig) -> None:
    for number in range(6):
        rig.drop(f"{number}.csv", manifest(iccids(5, first=5 * number)))
    taken: list[Intake] = []
    start = threading.Barrier(2)

    def sweep(worker: str) -> None:
        mine = rig.but(worker=worker).context
        start.wait()
        taken.extend(pick_up(mine))

    sweeps = [threading.Thread(target=sweep, args=(f"worker-{number}",)) for number in range(2)]
    for one in sweeps:
        one.start()
    for one in sweeps:
        one.join()
    assert sorted(intake.counts.accepted for intake in taken) == [5] * 6
    assert rig.steps() == {Step.PLANNED: 30}


def test_a_delivery_that_somebody_reads_is_left_to_them(rig: Rig) -> None:
    rig.drop("a.csv", manifest(iccids(1)))
    (mine,) = claim_new(rig.context, rig.context.sources["inbox"], "me")
    assert list(pick_up(rig.but(worker="worker-2").context)) == []
    assert take_in_claimed(rig.context, mine, "me")


@pytest.mark.parametrize(
    "label", ["after-claim-commit", "before-take", "after-take", "before-load-commit", "before-claim-commit"]
)
def test_what_a_dead_reader_left_is_taken_up_when_its_lease_has_lapsed(
    rig: Rig, moving_clock: MovingClock, label: str
) -> None:
    rig.drop("a.csv", manifest(iccids(3)))
    with pytest.raises(Killed):
        list(pick_up(dying_at(rig, label).context))
    if label != "before-claim-commit":
        assert list(pick_up(rig.context)) == []
        moving_clock.move(rig.context.timing.file_lease_seconds)
    (intake,) = pick_up(rig.context)
    assert intake.counts.accepted == 3
    assert rig.steps() == {Step.PLANNED: 3}
    assert len(listing(rig)) == 1
    assert "a.csv" in names(rig, "processed")


def raising(fault: BaseException, label: str) -> Callable[[str], None]:
    """Raises this once, at the first such point."""
    faults = [fault]

    def at(passed: str) -> None:
        if passed == label and faults:
            raise faults.pop()

    return at


@pytest.mark.parametrize("label", ["before-take", "after-take", "before-renewal-commit", "before-load-commit"])
@pytest.mark.parametrize(
    "fault", [VaultLocked("No key."), DatabaseUnavailable("Away."), SourceUnavailable("Away."), KeyboardInterrupt()]
)
def test_a_reading_that_breaks_off_leaves_the_delivery_free_at_once(
    rig: Rig, moving_clock: MovingClock, fault: BaseException, label: str
) -> None:
    rig.drop("a.csv", manifest(iccids(3)))
    with pytest.raises(type(fault)) as told:
        list(pick_up(rig.but(at=raising(fault, label)).context))
    assert told.value is fault
    (intake,) = pick_up(rig.but(worker="worker-2").context)
    assert (intake.counts.accepted, intake.state) == (3, ManifestState.LOADED)
    assert "a.csv" in names(rig, "processed")


def test_a_lease_that_cannot_be_given_back_hides_no_error(rig: Rig, moving_clock: MovingClock) -> None:
    rig.drop("a.csv", manifest(iccids(3)))
    with pytest.raises(VaultLocked):
        list(pick_up(rig.but(at=failing_from("before-load-commit", VaultLocked("No key."))).context))
    assert list(pick_up(rig.context)) == []
    moving_clock.move(rig.context.timing.file_lease_seconds)
    assert len(list(pick_up(rig.context))) == 1


def failing_from(label: str, fault: Exception) -> Callable[[str], None]:
    """Raises this at the point, and then finds no database any more."""
    passed_it = False

    def at(passed: str) -> None:
        nonlocal passed_it
        if passed == label:
            passed_it = True
            raise fault
        if passed_it:
            raise DatabaseUnavailable("Away.")

    return at


def test_who_fails_after_somebody_else_took_over_takes_nothing_from_them(rig: Rig, moving_clock: MovingClock) -> None:
    rig.drop("a.csv", manifest(iccids(3)))
    (slow,) = claim_new(rig.context, rig.context.sources["inbox"], "slow")

    def fail(label: str) -> None:
        if label == "before-take":
            moving_clock.move(rig.context.timing.file_lease_seconds)
            assert claim(rig.context, rig.context.sources["inbox"], slow.item, "you")
            raise VaultLocked("No key.")

    with pytest.raises(VaultLocked):
        take_in_claimed(rig.but(at=fail).context, slow, "slow")
    assert list(pick_up(rig.context)) == []


def test_a_reader_that_wakes_after_its_lease_steps_aside(rig: Rig, moving_clock: MovingClock) -> None:
    rig.drop("a.csv", manifest(iccids(3)))
    (asleep,) = claim_new(rig.context, rig.context.sources["inbox"], "sleeper")
    moving_clock.move(rig.context.timing.file_lease_seconds)
    (intake,) = pick_up(rig.but(worker="worker-2").context)
    assert intake.state is ManifestState.LOADED
    assert take_in_claimed(rig.context, asleep, "sleeper") is None
    assert rig.steps() == {Step.PLANNED: 3}


def test_a_reader_that_wakes_after_its_file_was_put_away_steps_aside(rig: Rig, moving_clock: MovingClock) -> None:
    rig.drop("a.csv", manifest(iccids(3)))
    (asleep,) = claim_new(rig.context, rig.context.sources["inbox"], "sleeper")

    def sleep(label: str) -> None:
        if label == "after-take":
            moving_clock.move(rig.context.timing.file_lease_seconds)
            assert len(list(pick_up(rig.but(worker="worker-2").context))) == 1

    assert take_in_claimed(rig.but(at=sleep).context, asleep, "sleeper") is None
    assert rig.steps() == {Step.PLANNED: 3}


def test_a_file_that_vanishes_under_its_reader_is_an_error(rig: Rig) -> None:
    rig.drop("a.csv", manifest(iccids(3)))
    standing = rig.folder / "drop" / "processing"

    def remove(label: str) -> None:
        if label == "after-take":
            next(standing.rglob("a.csv")).unlink()

    with pytest.raises(FileNotFoundError):
        list(pick_up(rig.but(at=remove).context))


def test_a_file_that_was_overwritten_after_it_was_listed_is_another_delivery(rig: Rig) -> None:
    rig.drop("a.csv", manifest(iccids(2)))
    (claimed,) = claim_new(rig.context, rig.context.sources["inbox"], "me")
    rig.drop("a.csv", manifest(iccids(3)))
    assert take_in_claimed(rig.context, claimed, "me") is None
    (row,) = listing(rig)
    assert (row.state, (row.reason or "").startswith("changed:")) == (ManifestState.REFUSED, True)
    (intake,) = pick_up(rig.context)
    assert intake.counts.accepted == 3


def test_a_file_that_was_deleted_after_it_was_claimed_has_its_end_in_the_ledger(rig: Rig) -> None:
    rig.drop("a.csv", manifest(iccids(2)))
    (claimed,) = claim_new(rig.context, rig.context.sources["inbox"], "me")
    (rig.inbox / "a.csv").unlink()
    assert take_in_claimed(rig.context, claimed, "me") is None
    assert [row.state for row in listing(rig)] == [ManifestState.REFUSED]


class Gone:
    """A source that cannot be listed."""

    name = "gone"
    routes = ()

    def items(self) -> Iterator[Item]:
        raise SourceUnavailable("The drive is not mounted.")


def test_a_source_that_cannot_be_read_says_so_and_keeps_what_was_taken(rig: Rig) -> None:
    sources = {**rig.context.sources, "gone": Gone()}
    rig.drop("a.csv", manifest(iccids(2)))
    sweep = pick_up(rig.but(sources=sources).context)
    assert next(sweep).counts.accepted == 2
    with pytest.raises(SourceUnavailable):
        list(sweep)
    assert rig.steps() == {Step.PLANNED: 2}


def test_a_source_that_is_gone_is_told_and_holds_up_no_other(rig: Rig) -> None:
    sources = {"gone": Gone(), **rig.context.sources}
    rig.drop("a.csv", manifest(iccids(2)))
    told: list[Trouble] = []
    (intake,) = pick_up(rig.but(sources=sources).context, tell=told.append)
    assert intake.counts.accepted == 2
    assert [(one.source, one.name, str(one.error)) for one in told] == [("gone", "", "The drive is not mounted.")]


@pytest.mark.parametrize("fault", [VaultLocked("No key."), SourceUnavailable("Away."), ZeroDivisionError("Ours.")])
def test_a_delivery_that_fails_is_told_once_and_holds_up_no_other(rig: Rig, fault: Exception) -> None:
    for number, name in enumerate(("a.csv", "b.csv", "c.csv")):
        rig.drop(name, manifest(iccids(2, first=2 * number)))
    told: list[Trouble] = []
    taken = list(pick_up(rig.but(at=raising(fault, "after-take")).context, tell=told.append))
    assert [intake.counts.accepted for intake in taken] == [2, 2]
    assert [(one.source, one.name, one.error) for one in told] == [("inbox", "a.csv", fault)]
    (late,) = pick_up(rig.context)
    assert late.counts.accepted == 2


def test_what_a_sweep_has_given_back_itself_waits_for_the_next(rig: Rig) -> None:
    rig.drop("a.csv", manifest(iccids(2)))
    reads: list[str] = []

    def always(label: str) -> None:
        if label == "after-take":
            reads.append(label)
            raise VaultLocked("No key.")

    assert list(pick_up(rig.but(at=always).context, tell=lambda _: None)) == []
    assert len(reads) == 1


def test_a_first_receipt_that_cannot_be_put_hides_no_intake_and_stays_due(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.drop("a.csv", manifest(iccids(2)))

    def away(*_: object) -> dict[str, str]:
        raise SourceUnavailable("Away.")

    with monkeypatch.context() as patched:
        patched.setattr(rig.context.sources["inbox"], "finish", away)
        (intake,) = pick_up(rig.context)
    assert intake.state is ManifestState.LOADED
    assert refresh_receipts(rig.context).keys() == {intake.manifest_id}
    assert "a.csv.receipt.json" in names(rig, "processed")


def test_a_claim_keeps_the_products_and_countries_it_was_first_made_with(rig: Rig, moving_clock: MovingClock) -> None:
    rig.drop("a.csv", manifest(iccids(1)))
    source = rig.context.sources["inbox"]
    (first,) = claim_new(rig.context, source, "me")
    moving_clock.move(rig.context.timing.file_lease_seconds)
    again = claim(rig.context, source, first.item, "you")
    assert again
    assert (again.defaults, again.manifest_id) == (first.defaults, first.manifest_id)
    assert again.fence != first.fence


def test_nothing_is_left_in_the_scratch_folder(rig: Rig) -> None:
    rig.take_in("a.csv", manifest(iccids(2), "89883070000000000001,x"))
    assert [path for path in rig.context.scratch.rglob("*") if path.is_file()] == []
