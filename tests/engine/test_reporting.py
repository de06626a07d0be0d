"""Reports are published in every format, replaced under their name, and removed after their days."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.context import Context
from engine.reporting import clean_up, publish, published_since
from engine.shelf_index import draw_index
from reports.document import Report
from storage.shelf.contract import ShelfUnavailable
from storage.shelf.folder import FolderPlace
from storage.shelf.shelf import Shelf
from tests.conftest import MovingClock
from tests.engine.rig import Rig
from tests.report_examples import AS_OF, usage_example

DAY_SECONDS = 86_400.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "reports"


@pytest.fixture
def context(scripted_rig: Rig, folder: Path) -> Context:
    return replace(scripted_rig.context, shelf=Shelf(FolderPlace(folder), draw_index), keep_days=30)


def small(name: str, days_ago: int = 0) -> Report:
    return replace(usage_example(name, AS_OF - timedelta(days=days_ago)), charts=(), title=f"Usage {name}")


def test_a_report_is_there_in_every_format_with_an_index(context: Context, folder: Path) -> None:
    published = publish(context, small("usage-1"))
    assert published.page == str(folder / "usage-1.html")
    assert published.index == str(folder / "index.html")
    assert sorted(Path(place).suffix for place in published.files.values()) == sorted(
        [".html", ".xlsx", *[".csv", ".parquet"] * 3]
    )
    assert all(Path(place).stat().st_size for place in published.files.values())
    index = (folder / "index.html").read_text(encoding="utf-8")
    assert 'href="./usage-1.html"' in index
    assert "1 warning<" in index
    assert list(context.scratch.iterdir()) == []


def test_what_a_report_says_can_be_read_from_the_shelf_alone(context: Context, folder: Path) -> None:
    report = small("usage-1")
    since = publish(context, report).kept.kept_at
    shelf = Shelf(FolderPlace(folder), draw_index)
    found = published_since(shelf, "usage-1", since)
    assert found is not None
    assert (found.facts, found.kept.warnings) == (list(report.facts), tuple(report.warnings))
    assert found.page == str(folder / "usage-1.html")
    assert published_since(shelf, "usage-1", since + timedelta(microseconds=1)) is None
    assert published_since(shelf, "usage-2", since) is None


def test_the_same_report_published_twice_is_there_once_with_the_same_bytes(context: Context, folder: Path) -> None:
    def seen() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.glob("[!.]*")}

    publish(context, small("usage-1"))
    before = seen()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: publish(context, small("usage-1")), range(2)))
    assert seen() == before


def test_the_index_has_the_newest_first(context: Context, folder: Path) -> None:
    publish(context, small("usage-1", days_ago=2))
    publish(context, small("usage-2", days_ago=1))
    index = (folder / "index.html").read_text(encoding="utf-8")
    assert index.index("usage-2.html") < index.index("usage-1.html")


def test_clean_up_shows_first_and_removes_only_what_had_its_days(
    moving_clock: MovingClock, context: Context, folder: Path
) -> None:
    publish(context, small("usage-old"))
    moving_clock.move(20 * DAY_SECONDS)
    publish(context, small("usage-new"))
    (folder / "usage-old.notes.txt").write_text("a person's")
    now = moving_clock.move(11 * DAY_SECONDS)
    assert [kept.name for kept in clean_up(context, now, dry_run=True)] == ["usage-old"]
    assert (folder / "usage-old.html").exists()
    assert [kept.name for kept in clean_up(context, now, dry_run=False)] == ["usage-old"]
    assert clean_up(context, now, dry_run=False) == []
    left = {path.name for path in folder.glob("usage-old*")}
    assert left == {"usage-old.notes.txt"}
    assert (folder / "usage-new.html").exists()
    assert "usage-old" not in (folder / "index.html").read_text(encoding="utf-8")


def test_a_report_published_again_begins_its_days_anew(moving_clock: MovingClock, context: Context) -> None:
    publish(context, small("usage-1"))
    moving_clock.move(20 * DAY_SECONDS)
    publish(context, small("usage-1"))
    assert clean_up(context, moving_clock.move(11 * DAY_SECONDS), dry_run=False) == []


def test_a_folder_that_cannot_be_written_is_a_sentence(context: Context, folder: Path) -> None:
    folder.write_text("a file")
    with pytest.raises(ShelfUnavailable, match=r"cannot be used.*choose another `folder` under \[reports\]"):
        publish(context, small("usage-1"))
    assert os.listdir(context.scratch) == []  # noqa: PTH208


def test_without_a_place_the_sentence_says_what_to_set(scripted_rig: Rig) -> None:
    with pytest.raises(ShelfUnavailable, match=r"Set `folder` under \[reports\]"):
        publish(scripted_rig.context, small("usage-1"))
