"""Every `simline ...` that a page or a sentence of the program names is a command with these options."""

import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from cyclopts import App, CycloptsError, MissingArgumentError

from console.app import make_app
from console.commands import COMMANDS
from console.screen import open_screen
from tests.docs.conftest import ROOT, Page

IN_A_BLOCK = re.compile(r"^ {4,}simline(?: +([^\n]*))?$", re.MULTILINE)
IN_A_SENTENCE = re.compile(r"`simline ([^`\n]+)`")
STANDS_FOR = {
    **{"MANIFEST": "m-0123456789ab", "ICCID": "8934076500002589174", "PRODUCT": "tracker", "PART": "failed"},
    **{
        "DIGITS": "8934",
        "NAME": "supersim",
        "FILE": "order.csv",
        "FOLDER": "here",
        "COMMAND": "status",
        "WHY": "a reason",
    },
}


def words_of(command: str) -> list[str]:
    """The words of a command line, with something in place of each placeholder; what explains it is left out."""
    line = re.split(r" {2,}| #|;", command.strip())[0]
    line = re.sub(r"\{[^}]*\}", "MANIFEST", re.sub(r"^\{[^}]*\}", "COMMAND", line))
    return [STANDS_FOR.get(word, word) for word in shlex.split(line) if word != "--help"]


def trouble(app: App, command: str, *, whole: bool = True) -> str | None:
    """What is wrong with a command line; None when it could be carried out.

    One in a sentence is not the `whole` line: an argument may be missing, never a wrong one be there.
    """
    words = words_of(command)
    named, _, left = app.parse_commands(words)
    if words and not named:
        return f"simline {command}: there is no such command"
    if left or whole:
        try:
            app.parse_args(words)
        except MissingArgumentError as error:
            return f"simline {command}: {error}" if whole else None
        except CycloptsError as error:
            return f"simline {command}: {error}"
    return None


@pytest.fixture(scope="module")
def app() -> App:
    """The command line, as the program has it."""
    return make_app(open_screen())


def troubles(app: App, texts: Iterable[str]) -> tuple[int, list[str]]:
    """How many command lines these texts name, and what is wrong with them."""
    named = [(command, whole) for text in texts for command, whole in commands_in(text)]
    found = [trouble(app, command, whole=whole) for command, whole in named]
    return len(named), [one for one in found if one]


def commands_in(text: str) -> Iterator[tuple[str, bool]]:
    """The command lines that a text names, and whether each is to be typed as it stands."""
    yield from ((command, False) for command in IN_A_SENTENCE.findall(text))
    yield from ((command, True) for command in IN_A_BLOCK.findall(text))


def program_texts() -> list[Path]:
    """The program's own files: their sentences tell people what to run."""
    listed = subprocess.run(["git", "ls-files", "*.py", "*.toml"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split() if not name.startswith(("tests/", "benchmarks/"))]


def test_every_command_that_the_documentation_names_is_there(app: App, pages: list[Page]) -> None:
    elsewhere = [Page(path) for path in sorted(ROOT.glob("*.md")) if path.name != "README.md"]
    count, wrong = troubles(app, [page.text for page in [*pages, *elsewhere]])
    assert wrong == []
    assert count > 40


def test_every_command_that_a_sentence_of_the_program_names_can_be_typed_as_it_stands(app: App) -> None:
    named = [
        command
        for file in program_texts()
        if file.is_file()
        for command, _ in commands_in(file.read_text(encoding="utf-8"))
    ]
    assert [wrong for command in named if (wrong := trouble(app, command))] == []
    assert len(named) > 10


def test_every_command_is_told_of_in_the_documentation(pages: list[Page]) -> None:
    told = {command.split()[0] for page in pages for command, _ in commands_in(page.text) if command}
    assert {command.name for command in COMMANDS} - told == set()


@pytest.mark.parametrize(
    "command",
    [
        *("manifests", "rerun MANIFEST --only someday --reason WHY", "rerun MANIFEST --only held", "status --colour"),
        *("devices export FILE", "products upgrade PRODUCT --tier gold", "rerun MANIFEST", "show"),
    ],
)
def test_a_command_that_is_not_there_is_noticed(app: App, command: str) -> None:
    assert trouble(app, command) is not None
