"""A dropped file that the ledger does not tell whole is named, whatever the ledger's own numbers say."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from engine import intake, surveying
from engine.invariants import violations
from engine.picking_up import pick_up
from storage.readers import read_blocks
from storage.readers.block import Block, ReadingRules
from storage.schema import manifests, operations, rejections, sims
from tests.engine.rig import Rig, iccids, manifest

COUNT = 5


@pytest.fixture
def loaded(scripted_rig: Rig) -> Rig:
    scripted_rig.take_in("a.csv", manifest(iccids(COUNT), "", "890000,x", f"{iccids(1)[0]},again"))
    return scripted_rig


def found(rig: Rig) -> list[tuple[int, str]]:
    return [(one.invariant, one.sentence) for one in violations(rig.context, inputs=rig.inputs)]


def kept(rig: Rig, folder: str = "processed") -> Path:
    return rig.folder / "drop" / folder / "a.csv"


def test_a_file_whose_every_line_has_its_end_breaks_nothing(loaded: Rig) -> None:
    assert len(loaded.inputs) == 1
    assert found(loaded) == []


def test_a_line_that_no_reading_saw_is_named_though_the_ledgers_own_numbers_agree(
    scripted_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(path: Path, name: str, rules: ReadingRules) -> Iterator[Block]:
        for block in read_blocks(path, name, rules):
            cells = {column: texts[:-1] for column, texts in block.cells.items()}
            yield replace(
                block, line_count=block.line_count - 1, lines=block.lines[:-1], keys=block.keys[:-1], cells=cells
            )

    for reading in (intake, surveying):
        monkeypatch.setattr(reading, "read_blocks", forgetful)
    taken = scripted_rig.take_in("a.csv", manifest(iccids(COUNT)))
    assert (taken.counts.lines, taken.counts.accepted) == (5, 4)
    assert violations(scripted_rig.context) == []
    name = f"Manifest {taken.manifest_id}"
    assert found(scripted_rig) == [
        (2, f"{name}: the file has 6 lines, the ledger 5."),
        (2, f"{name}: line 6 holds the ICCID {iccids(COUNT)[-1]}, and nothing became of it."),
    ]


def test_a_card_that_was_ignored_is_named(loaded: Rig) -> None:
    with loaded.context.database.begin() as tx:
        tx.execute(update(rejections).where(rejections.c.verdict == "duplicate").values(verdict="ignored"))
        tx.execute(update(manifests).values(duplicate=0, ignored=manifests.c.ignored + 1))
    ((invariant, sentence),) = found(loaded)
    assert (invariant, "line 9 holds" in sentence, "nothing became of it" in sentence) == (2, True, True)


def test_a_card_that_was_taken_from_another_line_is_named(loaded: Rig) -> None:
    with loaded.context.database.begin() as tx:
        for table in (operations, sims):
            tx.execute(update(table).where(table.c.line.in_([2, 3])).values(line=5 - table.c.line))
    ((invariant, sentence),) = found(loaded)
    assert (invariant, "another one was taken from there (2 such lines)" in sentence) == (2, True)


def test_a_file_that_became_no_manifest_is_named(loaded: Rig, tmp_path: Path) -> None:
    lost = tmp_path / "lost.csv"
    lost.write_text(manifest(iccids(3, first=50)))
    (broken,) = violations(loaded.context, inputs=loaded.inputs | {"lost.csv": lost})
    assert (broken.invariant, broken.sentence) == (2, "lost.csv was dropped, and no manifest is of it.")


def test_a_file_may_go_by_its_path_below_the_inbox(loaded: Rig, tmp_path: Path) -> None:
    (path,) = loaded.inputs.values()
    assert violations(loaded.context, inputs={"a.csv": path}) == []
    with loaded.context.database.begin() as tx:
        tx.execute(delete(rejections))
        tx.execute(update(manifests).values(lines=COUNT, ignored=0, rejected=0, duplicate=0))
    assert {one.invariant for one in violations(loaded.context, inputs={"a.csv": path})} == {2}


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "no longer has the bytes that were dropped"),
        (lambda path: path.unlink(), "its original is gone"),
    ],
)
@pytest.mark.parametrize(
    ("text", "folder"),
    [
        (manifest(iccids(2)), "processed"),
        (manifest(iccids(2), "# total=99"), "rejected"),
        ("iccid,Ki\n8934076500002589174,0\n", "rejected"),
    ],
)
def test_an_original_that_was_changed_or_removed_is_named_whatever_became_of_it(
    scripted_rig: Rig, harm: Callable[[Path], object], sentence: str, text: str, folder: str
) -> None:
    scripted_rig.take_in("a.csv", text)
    assert found(scripted_rig) == []
    harm(kept(scripted_rig, folder))
    ((invariant, told),) = found(scripted_rig)
    assert (invariant, sentence in told) == (9, True)


def test_other_bytes_than_were_dropped_are_named(loaded: Rig) -> None:
    with loaded.context.database.begin() as tx:
        tx.execute(update(manifests).values(sha256="0" * 64))
    ((invariant, told),) = found(loaded)
    assert (invariant, "other bytes than the dropped ones were read" in told) == (9, True)


def test_a_file_that_nobody_has_read_yet_is_no_breach(scripted_rig: Rig) -> None:
    scripted_rig.drop("a.csv", manifest(iccids(2)))

    def dies(label: str) -> None:
        if label == "after-take":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(pick_up(replace(scripted_rig.context, at=dies)))
    assert found(scripted_rig) == []
