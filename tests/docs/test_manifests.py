"""docs/manifests.md: its examples are read, its columns and reasons are the rules' own, its limits the defaults."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from domain.columns import SYNONYMS, names_key_material
from domain.control_totals import parse_sidecar
from domain.file_limits import USUAL_LIMITS
from domain.lines import SENTENCES, Reason
from domain.manifests import ManifestRefused
from engine.surveying import survey
from storage.readers import read_blocks
from storage.readers.block import ReadingRules
from storage.readers.layout import SUFFIXES
from storage.sources.names import UNFINISHED_ENDINGS
from tests.docs.conftest import ROOT, Page, rows

PAGE = Page(ROOT / "docs" / "manifests.md")
EXAMPLES = {example.name: example.text for example in PAGE.examples() if example.name}
MANIFESTS = [name for name in EXAMPLES if not name.endswith((".totals.json", ".sha256"))]
INVENTORY = {"0a10aced202194944a05f110": "8934076500002589174"}


def lookup(ids: Sequence[str]) -> dict[str, str | None]:
    """The inventory that the page speaks of."""
    return {one: INVENTORY[one] for one in ids if one in INVENTORY}


RULES = ReadingRules(devices=lookup)


def verdicts(path: Path, name: str) -> dict[str, str]:
    """Line -> `accepted` or the reason, as both readings of an import give it."""
    surveyed = survey(path, name, RULES, None)
    found: dict[str, str] = {}
    for block in read_blocks(path, name, RULES):
        counting, repeated = surveyed.split(block)
        found |= {str(line): "accepted" for line in block.lines[counting].tolist()}
        found |= {str(line): Reason.DUPLICATE_IN_FILE.value for line in repeated}
        found |= {str(outcome.line): outcome.reason.value for outcome in block.outcomes}
    return found


def said_of(name: str) -> dict[str, str]:
    """Line -> what becomes of it, as the table below the example says."""
    below = PAGE.text.split(f"```text {name}\n", 1)[1].split("\n```\n", 1)[1]
    return {line: becomes.strip("`") for line, becomes, *_ in rows(re.split(r"^(?:#|```)", below, flags=re.M)[0])}


@pytest.mark.parametrize("name", MANIFESTS)
def test_every_line_of_an_example_becomes_what_the_page_says(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(EXAMPLES[name], encoding="utf-8")
    said = said_of(name)
    if set(said) == {"all"}:
        with pytest.raises(ManifestRefused) as refused:
            verdicts(path, name)
        assert said["all"] == ("quarantined" if refused.value.quarantine else "refused")
    else:
        assert verdicts(path, name) == said


@pytest.mark.parametrize("name", ["plant-a.csv.totals.json", "plant-a.csv.sha256"])
def test_the_sidecars_of_the_example_agree_with_it(tmp_path: Path, name: str) -> None:
    manifest = tmp_path / "plant-a.csv"
    manifest.write_text(EXAMPLES["plant-a.csv"], encoding="utf-8")
    total = parse_sidecar(name, EXAMPLES[name].encode())
    assert total.sha256 == hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert survey(manifest, manifest.name, RULES, total).well_formed_count == 2


def test_a_changed_example_no_longer_agrees_with_its_sidecar(tmp_path: Path) -> None:
    manifest = tmp_path / "plant-a.csv"
    manifest.write_text(EXAMPLES["plant-a.csv"].replace("Pump 1", "Pump 9"), encoding="utf-8")
    name = "plant-a.csv.sha256"
    with pytest.raises(ManifestRefused, match="its bytes are not those of the control total"):
        survey(manifest, manifest.name, RULES, parse_sidecar(name, EXAMPLES[name].encode()))


def test_the_table_of_columns_is_the_readers_own() -> None:
    said = {column: headers.replace("`", "").split() for column, _, headers in rows(PAGE.section("## Columns"))}
    assert said == {f"`{column.value}`": list(headers) for column, headers in SYNONYMS.items()}


def test_every_reason_is_listed_with_its_sentence(page: Callable[[str], Page]) -> None:
    lines = [f"| `{reason.value}` | {sentence} |" for reason, sentence in SENTENCES.items()]
    page("docs/manifests.md").holds("reasons", "\n".join(["| reason | sentence |", "|---|---|", *lines]) + "\n")


def test_the_headers_that_quarantine_are_told_from_those_that_do_not() -> None:
    ((bad, good),) = rows(PAGE.section("## Key material"))
    assert [header for header in re.findall(r"`([^`]+)`", bad) if not names_key_material(header)] == []
    assert [header for header in re.findall(r"`([^`]+)`", good) if names_key_material(header)] == []


def test_the_limits_are_the_defaults() -> None:
    said = {setting.strip("`").removeprefix("file_limits."): value for _, value, setting in limits()}
    assert said == {"file_bytes": "2 GiB", "line_bytes": "4 KiB", "unpacked_ratio": "100", "other_lines": "1,000,000"}
    assert (USUAL_LIMITS.file_bytes, USUAL_LIMITS.line_bytes) == (2 << 30, 4 << 10)
    assert (USUAL_LIMITS.unpacked_ratio, USUAL_LIMITS.other_lines) == (100, 1_000_000)


def limits() -> list[list[str]]:
    """The table of limits."""
    return rows(PAGE.section("### Limits"))


def test_every_ending_is_named() -> None:
    table = " ".join(cell for row in rows(PAGE.section("## What is read")) for cell in row)
    assert [ending for ending in SUFFIXES if f"`{ending}`" not in table and ending] == []
    folder = PAGE.section("## Dropping into a folder")
    assert [ending for ending in UNFINISHED_ENDINGS if f"`{ending}`" not in folder] == []
