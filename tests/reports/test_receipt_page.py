import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.lifecycle import Step
from domain.lines import SENTENCES, LineCounts, LineOutcome, Reason, Verdict
from domain.manifests import ManifestState
from reports.cells import visible
from reports.outcomes_csv import SimOutcome
from reports.pages import link_beside
from reports.receipt import PlanShare, Receipt
from reports.receipt_page import receipt_html
from reports.verdict import Tone, headline, shares

MakeReceipt = Callable[..., Receipt]
ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).split())

    def attributes(self, name: str) -> Iterator[str]:
        return (value or "" for _, attributes in self.tags for key, value in attributes.items() if key == name)


def test_the_counts_stand_there_as_sums(mixed: Receipt) -> None:
    text = Page(receipt_html(mixed)).text
    assert "accepted 1,980 + rejected 18 + duplicate in the file 7 + already known 5 + ignored 4 = lines 2,014" in text
    assert "active 1,870 + in progress 92 + failed 4 + needs review 14 = accepted 1,980" in text


def test_each_plan_has_its_cost_and_each_currency_its_total(mixed: Receipt) -> None:
    text = Page(receipt_html(mixed)).text
    assert "EU 5 MB asset-tracker DE supersim-eu 1,500 1,800.00 EUR" in text
    assert "Together 1,980 1,800.00 EUR 960.00 USD" in text


def test_each_reason_says_what_to_do_with_an_example(mixed: Receipt) -> None:
    text = Page(receipt_html(mixed)).text
    for row in mixed.by_reason:
        assert SENTENCES[row.reason] in text
        assert f"line {row.example_line:,}" in text.lower()
        assert row.example_text in text


def test_only_lines_that_need_somebody_are_listed_by_line(
    mixed: Receipt, sim: Callable[..., SimOutcome], rejected: Callable[..., LineOutcome]
) -> None:
    known = LineOutcome(3, Verdict.KNOWN, Reason.ALREADY_KNOWN, "known-text")
    rows: list[LineOutcome | SimOutcome] = [
        sim(9, Step.NEEDS_REVIEW),
        rejected(4, "bad-text"),
        known,
        sim(2),
        sim(5, Step.PLANNED),
    ]
    html = receipt_html(mixed, rows)
    assert re.findall(r'<th scope="row" class="number">([\d,]+)</th>', html) == ["4", "9"]
    assert "known-text" not in html


def test_the_first_two_hundred_problem_rows_are_shown(plain: MakeReceipt, rejected: Callable[..., LineOutcome]) -> None:
    receipt = plain(LineCounts(lines=300, rejected=300))
    html = receipt_html(receipt, (rejected(line) for line in range(300, 0, -1)))
    assert re.findall(r'<th scope="row" class="number">([\d,]+)</th>', html) == [str(n) for n in range(1, 201)]
    assert "The first 200 lines that need you" in html
    assert "300 in all" in html


def test_the_page_runs_and_loads_nothing(mixed: Receipt) -> None:
    html = receipt_html(mixed)
    page = Page(html)
    assert not re.search(r"https?://|@import|url\(", html)
    assert not {"script", "img", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.tags}
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on") or key == "style"]
    assert list(page.attributes("src")) == []
    assert all(value.startswith(("./", "data:image/svg+xml,")) for value in page.attributes("href"))


def test_the_policy_allows_the_own_style_sheet_only(mixed: Receipt) -> None:
    [policy] = [value for value in Page(receipt_html(mixed)).attributes("content") if "default-src" in value]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


HOSTILE = "<script>alert(1)</script>\"'`../x{{ 7 * 7 }}\x00\u202e\udc80<!--" + "n" * 1024


def test_hostile_text_is_text_wherever_it_comes_from(mixed: Receipt) -> None:
    plan = PlanShare(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 1980, 1, HOSTILE)
    reasons = [replace(row, example_text=HOSTILE) for row in mixed.by_reason]
    receipt = replace(
        mixed,
        manifest_id=HOSTILE,
        name=HOSTILE,
        source=HOSTILE,
        sha256=HOSTILE,
        reason=HOSTILE,
        product_id=HOSTILE,
        home_country=HOSTILE,
        actor=HOSTILE,
        same_content_as=HOSTILE,
        by_plan=[plan],
        by_reason=reasons,
        files=dict.fromkeys(mixed.files, HOSTILE),
    )
    rows = [LineOutcome(2, Verdict.REJECTED, Reason.NOT_DIGITS, HOSTILE, HOSTILE, HOSTILE)]
    html = receipt_html(receipt, rows)
    page = Page(html)
    harmless = Page(receipt_html(mixed, [rows[0]._replace(text="x", detail="")]))
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in harmless.tags}
    assert visible(HOSTILE) in page.text
    assert "\x00" not in html
    html.encode("utf-8")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(alphabet=st.characters(exclude_categories=()), min_size=1))
def test_any_name_is_shown_as_text(mixed: Receipt, name: str) -> None:
    page = Page(receipt_html(replace(mixed, name=name)))
    assert visible(name) in page.pieces or not name.strip()


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "..", "javascript:alert(1)", "//evil.example/x", "a/../../b", "a?b#c", "%2e%2e/x"]
)
def test_a_link_never_leaves_the_folder(name: str) -> None:
    link = link_beside(name)
    assert link.startswith("./")
    assert not {"..", "%2e%2e"} & set(link.removeprefix("./").split("/"))
    assert not set(link) & set(":?#\\\"'<>")


@pytest.mark.parametrize(
    ("counts", "steps", "state", "expected"),
    [
        (
            LineCounts(5001, 1, 5000),
            {Step.DONE: 5000},
            ManifestState.FINISHED,
            (Tone.GOOD, "All 5,000 SIMs are active"),
        ),
        (LineCounts(1, 0, 1), {Step.DONE: 1}, ManifestState.FINISHED, (Tone.GOOD, "The SIM is active")),
        (LineCounts(2, 0, 2), {Step.DONE: 1, Step.SENT: 1}, ManifestState.LOADED, (Tone.MOVING, "In progress")),
        (LineCounts(2, 0, 1, 1), {Step.DONE: 1}, ManifestState.FINISHED, (Tone.ATTENTION, "1 line needs you")),
        (LineCounts(2, 0, 2), {Step.HELD: 2}, ManifestState.LOADED, (Tone.ATTENTION, "2 lines need you")),
        (LineCounts(3, 0, 0, 0, 1, 2), {}, ManifestState.FINISHED, (Tone.QUIET, "Nothing new")),
        (LineCounts(3, 3), {}, ManifestState.FINISHED, (Tone.ATTENTION, "No ICCID in this file")),
        (LineCounts(9, 0, 9), {}, ManifestState.NEEDS_APPROVAL, (Tone.ATTENTION, "Waits for your approval")),
        (LineCounts(), {}, ManifestState.RECEIVED, (Tone.MOVING, "Being read")),
        (LineCounts(), {}, ManifestState.REFUSED, (Tone.REFUSED, "Refused")),
        (LineCounts(), {}, ManifestState.QUARANTINED, (Tone.REFUSED, "Quarantined")),
    ],
)
def test_the_verdict_comes_first(
    plain: MakeReceipt, counts: LineCounts, steps: dict[Step, int], state: ManifestState, expected: tuple[Tone, str]
) -> None:
    receipt = plain(counts, steps, state=state)
    assert (headline(receipt).tone, headline(receipt).title) == expected
    assert f'<h1 id="verdict">{expected[1]}</h1>' in receipt_html(receipt)


@pytest.mark.parametrize("state", [ManifestState.REFUSED, ManifestState.QUARANTINED])
def test_a_file_that_was_not_used_says_why_and_what_to_do(plain: MakeReceipt, state: ManifestState) -> None:
    reason = "The trailer promises 5,000 SIMs, the file holds 4,998."
    text = Page(receipt_html(plain(LineCounts(), state=state, reason=reason))).text
    assert f"Why, and what to do {reason}" in text
    assert "drop" in text.split(reason)[1]


def test_the_bar_is_full_and_three_lines_of_a_million_can_be_seen(plain: MakeReceipt) -> None:
    receipt = plain(LineCounts(1_000_003, 0, 1_000_000, 3), {Step.DONE: 1_000_000})
    parts = shares(receipt)
    assert [part.key for part in parts] == ["done", "rejected"]
    assert sum(part.width for part in parts) == pytest.approx(100)
    assert parts[1].width >= 1
    assert parts[1].start == pytest.approx(parts[0].width)


def test_the_hash_is_there_in_full_but_folded(mixed: Receipt) -> None:
    before, folded = receipt_html(mixed).split("<summary>About this file</summary>")
    assert str(mixed.sha256) in folded
    assert str(mixed.sha256) not in before


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_every_text_can_be_read_against_its_ground(scheme: str) -> None:
    style = (ROOT / "reports/templates/page.css").read_text(encoding="utf-8")
    block = style.split(":root {")[["light", "dark", "print"].index(scheme) + 1].split("}")[0]
    colour = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    tones = [str(tone) for tone in Tone]
    pairs = [
        ("ink", "paper"),
        ("soft", "paper"),
        ("link", "paper"),
        ("refused-ink", "paper"),
        ("attention-ink", "paper"),
    ]
    pairs += [(f"{tone}-ink", f"{tone}-back") for tone in tones] + [("ink", f"{tone}-back") for tone in tones]
    for text, ground in pairs:
        dark, light = sorted((luminance(colour[text]), luminance(colour[ground])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{text} on {ground}"


def test_a_wheel_carries_the_templates() -> None:
    from hatchling.builders.wheel import WheelBuilder

    carried = {included.distribution_path for included in WheelBuilder(str(ROOT)).recurse_included_files()}
    wanted = {f"reports/templates/{path.name}" for path in (ROOT / "reports/templates").iterdir()}
    assert len(wanted) >= 5
    assert wanted <= carried
