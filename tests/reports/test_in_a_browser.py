"""The pages in a real browser, from a file, as people open them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from domain.lifecycle import Step
from domain.lines import LineCounts, LineOutcome, Reason, Verdict
from domain.manifests import ManifestState
from reports.index import IndexEntry, index_html
from reports.outcomes_csv import SimOutcome
from reports.receipt import PlanShare, Receipt
from reports.receipt_page import receipt_html

pytestmark = pytest.mark.slow

HOSTILE = "<script>console.error('ran')</script>" + "W" * 1000 + "\u202e\x00"


@pytest.fixture
def pages(
    mixed: Receipt,
    plain: Callable[..., Receipt],
    sim: Callable[..., SimOutcome],
    rejected: Callable[..., LineOutcome],
) -> dict[str, str]:
    plan = PlanShare(HOSTILE, "DE", HOSTILE, HOSTILE, 1980, 99_999_999_999, "EUR")
    hostile = replace(mixed, name=HOSTILE, actor=HOSTILE, product_id=HOSTILE, reason=HOSTILE, by_plan=[plan])
    million = plain(LineCounts(1_000_003, 0, 1_000_000, 3), {Step.DONE: 999_999, Step.TIMED_OUT: 1})
    refused = plain(LineCounts(), state=ManifestState.REFUSED, reason="The trailer does not fit.")
    return {
        "mixed": receipt_html(mixed, [rejected(17), sim(18, Step.HELD)]),
        "hostile": receipt_html(hostile, [LineOutcome(1, Verdict.REJECTED, Reason.NOT_DIGITS, HOSTILE)]),
        "refused": receipt_html(refused),
        "million": receipt_html(million, (rejected(1_000_000 + n) for n in range(3))),
        "index": index_html([IndexEntry(mixed, "a.html"), IndexEntry(hostile, HOSTILE)]),
    }


@pytest.fixture(params=["mixed", "hostile", "refused", "million", "index"])
def page_file(request: pytest.FixtureRequest, tmp_path: Path, pages: dict[str, str]) -> Path:
    target = tmp_path / "page.html"
    target.write_text(pages[request.param], encoding="utf-8")
    return target


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_page_without_error_request_or_sideways_scroll(
    browser: Browser, page_file: Path, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    complaints: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: requested.append(asked.url))
    page.goto(page_file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert complaints == []
    assert [url for url in requested if not url.startswith("data:")] == [page_file.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.scripts.length") == 0
    assert page.locator("h1").count() == 1
    assert page.locator("h1").is_visible()
    context.close()


def test_the_style_sheet_passes_its_own_policy(browser: Browser, tmp_path: Path, mixed: Receipt) -> None:
    target = tmp_path / "page.html"
    target.write_text(receipt_html(mixed), encoding="utf-8")
    page = browser.new_page()
    page.goto(target.as_uri())
    assert page.evaluate("getComputedStyle(document.querySelector('.verdict')).borderRadius") != "0px"
    page.close()


def test_injected_markup_could_not_run_even_if_it_got_in(browser: Browser, tmp_path: Path, mixed: Receipt) -> None:
    target = tmp_path / "page.html"
    broken = receipt_html(mixed).replace("<main>", "<main><script>document.title = 'ran'</script>")
    target.write_text(broken, encoding="utf-8")
    page = browser.new_page()
    page.goto(target.as_uri())
    assert page.title() != "ran"
    page.close()
