"""A real browser for pages in files: what they complain of, and what they ask for."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first needs a third of the others' time: it has no window to hide."""
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
Opened = Callable[..., tuple[Page, list[str], list[str]]]
"""A page's HTML, a scheme and a width -> the page, what it complained of and what it asked for."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The distribution's Chromium, without a window."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install chromium-headless-shell or chromium to run the browser tests")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    """Opens a page from a file, on a phone in Los Angeles unless said otherwise."""
    contexts = []

    def open_page(html: str, scheme: str, width: int = 390) -> tuple[Page, list[str], list[str]]:
        target = tmp_path / "page.html"
        target.write_text(html, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 844},
            color_scheme="dark" if scheme == "dark" else "light",
            timezone_id="America/Los_Angeles",
            device_scale_factor=2,
        )
        contexts.append(context)
        page = context.new_page()
        complaints: list[str] = []
        requested: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: requested.append(asked.url))
        page.goto(target.as_uri())
        return page, complaints, [url for url in requested if not url.startswith("data:")]

    yield open_page
    for context in contexts:
        context.close()


def wait_for_charts(page: Page, count: int) -> None:
    """Until so many charts are drawn."""
    page.wait_for_function(f"document.querySelectorAll('.chart svg').length === {count}")
