import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from domain.lines import LineCounts
from reports.index import IndexEntry, index_html
from reports.receipt import Receipt


def entries(mixed: Receipt) -> list[IndexEntry]:
    hours = (3, 1, 2)
    return [
        IndexEntry(
            replace(
                mixed,
                manifest_id=f"m-{hour}",
                name=f"batch {hour}",
                received_at=mixed.received_at - timedelta(hours=hour),
            ),
            f"batch {hour}.receipt.html",
        )
        for hour in hours
    ]


def test_the_newest_receipt_stands_first(mixed: Receipt) -> None:
    assert re.findall(r"<bdi>(batch \d)</bdi>", index_html(entries(mixed))) == ["batch 1", "batch 2", "batch 3"]


def test_the_order_of_the_entries_does_not_matter(mixed: Receipt) -> None:
    same_time = [
        replace(entry, receipt=replace(entry.receipt, received_at=mixed.received_at)) for entry in entries(mixed)
    ]
    assert index_html(same_time) == index_html(reversed(same_time))


def test_each_entry_links_to_its_page_and_says_its_verdict(mixed: Receipt) -> None:
    html = index_html(entries(mixed))
    assert html.count("<strong>36 lines need you</strong>") == 3
    assert 'href="./batch%202.receipt.html"' in html


def test_hostile_names_and_paths_are_text(mixed: Receipt) -> None:
    html = index_html([IndexEntry(replace(mixed, name="<script>x</script>\u202e"), "javascript:alert(1)")])
    assert "<script" not in html
    assert "&lt;script&gt;x&lt;/script&gt;[U+202E]" in html
    assert 'href="./javascript%3Aalert%281%29"' in html


def test_sims_of_all_receipts_are_summed(mixed: Receipt, plain: Callable[..., Receipt]) -> None:
    html = index_html([*entries(mixed), IndexEntry(plain(LineCounts(1, 1)), "x.html")])
    assert "4 manifests, 5,610 SIMs active." in html


def test_an_empty_folder_says_so() -> None:
    assert "No receipts yet" in index_html([])
