"""Copies of usage: what nobody reads any more goes, and can be had again."""

import os
import time
from pathlib import Path

from storage.usage_copies import FOLDER, UNUSED_SECONDS, forget_unused


def test_only_copies_that_nobody_has_read_for_long_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    old, new, strange = folder / "20000-aa.parquet", folder / "20001-bb.parquet", folder / "notes.txt"
    for file in (old, new, strange):
        file.write_text("x")
    for file in (old, strange):
        os.utime(file, (0, time.time() - UNUSED_SECONDS - 60))
    assert [forget_unused(tmp_path), forget_unused(tmp_path)] == [1, 0]
    assert [old.exists(), new.exists(), strange.exists()] == [False, True, True]


def test_where_nothing_was_ever_reported_there_is_nothing_to_forget(tmp_path: Path) -> None:
    assert forget_unused(tmp_path) == 0
