"""Links between the project's own texts lead somewhere, and examples in docstrings are run."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

HALF_A_PAGE = 1_600
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def links(text: str) -> Iterator[str]:
    """The targets of a text's links, those in code left out."""
    without_code = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    for match in LINK.finditer(without_code):
        yield match[1] or match[2]


def anchors(text: str) -> set[str]:
    """The anchors of a Markdown text's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def has_anchor(target: Path, anchor: str) -> bool:
    """Whether this file has that place; only Markdown is looked into."""
    return target.suffix != ".md" or anchor in anchors(target.read_text(encoding="utf-8"))


def broken(file: Path, text: str) -> Iterator[str]:
    """The relative links of this text that lead nowhere."""
    for link in links(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path) if path else file
        if not target.exists() or (anchor and not has_anchor(target, anchor)):
            yield f"{file.name}: {link}"


def test_every_relative_link_leads_somewhere(tracked: list[Path]) -> None:
    texts = [file for file in tracked if file.suffix == ".md"]
    assert texts
    assert [link for file in texts for link in broken(file, file.read_text(encoding="utf-8"))] == []


def test_every_example_in_a_docstring_is_run(root: Path, product_files: list[Path]) -> None:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    collected = [root / path for path in settings["testpaths"]]
    with_examples = [file for file in product_files if re.search(r"^\s+>>> ", file.read_text(encoding="utf-8"), re.M)]
    assert "--doctest-modules" in settings["addopts"]
    assert [file for file in with_examples if not any(file.is_relative_to(path) for path in collected)] == []
    assert len(with_examples) > 5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[a](other.md)", []),
        ("[a](other.md#two-words)", []),
        ("[a](https://example.com/x)", []),
        ("`[a](nowhere.md)`", []),
        ("[a](nowhere.md)", ["here.md: nowhere.md"]),
        ("[a](other.md#three)", ["here.md: other.md#three"]),
        ("![a](nowhere.png)", ["here.md: nowhere.png"]),
    ],
)
def test_a_broken_link_is_seen(tmp_path: Path, text: str, found: list[str]) -> None:
    (tmp_path / "other.md").write_text("# Two words\n")
    assert list(broken(tmp_path / "here.md", text)) == found


def test_a_decision_is_half_a_page(root: Path) -> None:
    pages = {file.name: len(file.read_text(encoding="utf-8")) for file in root.glob("docs/decisions/0*.md")}
    assert {name: length for name, length in pages.items() if length > HALF_A_PAGE} == {}
    assert len(pages) > 10
