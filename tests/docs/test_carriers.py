"""docs/carriers.md: a section for each carrier, with exactly the options and secrets that its adapter reads."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from carriers.callbacks import CALLBACK_SECRET, CALLBACK_URL
from carriers.registry import CAPABILITIES, CARRIERS
from tests.docs.conftest import ROOT, Page, rows

PAGE = Page(ROOT / "docs" / "carriers.md")
SHIPPED = (ROOT / "config" / "carriers.toml").read_text(encoding="utf-8")
HEADINGS = {"1nce": "1NCE", "particle": "Particle", "soracom": "Soracom", "supersim": "Super SIM", "telnyx": "Telnyx"}
BAGS = ("options", "secrets")


@dataclass
class Reading:
    """What an adapter reads out of its account, and the words of options that are one of a few."""

    options: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)
    words: dict[str, list[str]] = field(default_factory=dict)


def modules_of(carrier: str) -> list[Path]:
    """The files of its adapter: `carriers/NAME.py` and `carriers/NAME_*.py`."""
    name = CARRIERS[carrier].__self__.__module__.rpartition(".")[2]  # type: ignore[attr-defined]
    return sorted((ROOT / "carriers").glob(f"{name}*.py"))


def read_by(carrier: str) -> Reading:
    """What the adapter's files read."""
    found = Reading()
    for file in modules_of(carrier):
        module = import_module(f"carriers.{file.stem}")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            note(node, module, found)
    if CAPABILITIES[carrier].calls_back:  # read by the receiver
        found.secrets.add(CALLBACK_SECRET)
    return found


def note(node: ast.AST, module: ModuleType, found: Reading) -> None:
    """Add what this expression reads."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        named = [text for argument in node.args if (text := text_of(argument, module))]
        if node.func.id == "choice_of":
            found.options.add(named[0])
            found.words[named[0]] = named[1:]
        elif node.func.id == "secrets_of":
            found.secrets.update(named)
        elif node.func.id == "address_of":
            found.options.add(CALLBACK_URL)
    for bag, key in taken_out(node):
        text = text_of(key, module)
        assert text, f"{module.__name__}: what is read out of `{bag}` has no fixed name"
        getattr(found, bag).add(text)


def taken_out(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The keys of `account.options.get(KEY)` and `account.options[KEY]`, and the same of secrets."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr in BAGS:
        yield node.value.attr, node.slice
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        bag = node.func.value
        if isinstance(bag, ast.Attribute) and bag.attr in BAGS:
            yield bag.attr, node.args[0]


def text_of(node: ast.expr, module: ModuleType) -> str | None:
    """The text that stands there, or that a constant of the module has."""
    value = node.value if isinstance(node, ast.Constant) else getattr(module, getattr(node, "id", ""), None)
    return value if isinstance(value, str) else None


def section(carrier: str) -> str:
    return PAGE.section(f"## {HEADINGS[carrier]}")


def table(carrier: str) -> dict[str, list[str]]:
    """Each name in the section's table: its kind, its default, its meaning."""
    return {name.strip("`"): rest for name, *rest in rows(section(carrier))}


def test_every_carrier_has_its_section_and_nobody_else_has_one() -> None:
    assert sorted(re.findall(r"^## (.+)$", PAGE.text, re.MULTILINE)) == sorted(HEADINGS.values())
    assert HEADINGS.keys() == CARRIERS.keys()
    assert [name for name in HEADINGS if f'`carrier = "{name}"`' not in section(name)] == []


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_section_names_exactly_the_options_and_secrets_that_the_adapter_reads(carrier: str) -> None:
    found = read_by(carrier)
    said = {kind: {name for name, row in table(carrier).items() if row[0] == kind} for kind in ("option", "secret")}
    assert said == {"option": found.options, "secret": found.secrets}
    assert found.secrets


@pytest.mark.parametrize("carrier", CARRIERS)
def test_an_option_that_is_one_of_a_few_words_names_them_with_the_one_that_holds_without_it(carrier: str) -> None:
    for name, (usual, *others) in read_by(carrier).words.items():
        _, default, meaning = table(carrier)[name]
        assert default == f"`{usual}`"
        assert [word for word in (usual, *others) if f"`{word}`" not in meaning] == []


@pytest.mark.parametrize("carrier", CARRIERS)
def test_every_use_of_an_accounts_options_and_secrets_is_one_that_these_tests_see(carrier: str) -> None:
    for file in modules_of(carrier):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        used = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in BAGS]
        seen = [key for node in ast.walk(tree) for key in taken_out(node)]
        assert len(used) == len(seen), file.name


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_section_has_the_limits_and_the_address_of_the_shipped_example(carrier: str) -> None:
    _, _, block = SHIPPED.partition(f'carrier = "{carrier}"\n')
    limits = re.search(r"^(?:# )?(limits = .+)$", block, re.MULTILINE)
    address = re.search(r'^(?:# )?base_url = "(.+)"$', block, re.MULTILINE)
    assert limits and address
    assert f"`{limits[1]}`" in section(carrier)
    assert address[1] in section(carrier)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_section_tells_of_everything_that_decides_how_a_carrier_is_used(carrier: str) -> None:
    told = re.findall(r"^- \*\*(.+?)\*\*", section(carrier), re.MULTILINE)
    wanted = ["Limits", "Claim and codes", "Plan", "Usage", "Data limit", "Release", "Not tried, or not published"]
    assert [thing for thing in wanted if thing not in told] == []


def test_the_options_and_secrets_of_the_shipped_examples_are_all_explained() -> None:
    written = {name for line in re.findall(r"(?:options|secrets) = \{ (.+?) \}", SHIPPED) for name in keys_in(line)}
    explained = {name for carrier in CARRIERS for name in table(carrier)}
    assert written
    assert written <= explained


def keys_in(inline_table: str) -> list[str]:
    return re.findall(r"(\w+) = ", inline_table)


@pytest.mark.parametrize("page", ["docs/README.md", "docs/configuration.md", "docs/adding-a-carrier.md"])
def test_the_page_is_found_from_where_one_looks_for_it(page: str) -> None:
    assert "(carriers.md)" in Page(ROOT / page).text


def test_the_shipped_accounts_say_where_their_options_are_explained() -> None:
    (named,) = re.findall(r"^#   options .*?(docs/\S+\.md)", SHIPPED, re.MULTILINE)
    assert Page(ROOT / named) == PAGE
