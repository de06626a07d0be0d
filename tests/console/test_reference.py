"""docs/command-line.md is what the help says, and every command that is named anywhere exists."""

import re
from pathlib import Path

from console.app import make_app
from console.commands import COMMANDS
from console.reference import command_line_page, subcommands
from console.screen import open_screen

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`simline ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?")
PLACES = (
    *("carriers", "channels", "config", "console", "docs", "domain"),
    *("engine", "flows", "reports", "storage", "tasks"),
)


def test_the_page_is_what_the_help_says() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert page == command_line_page(), "run: python -m console.reference > docs/command-line.md"


def test_the_page_has_every_command_and_every_command_below_one() -> None:
    page = command_line_page()
    assert all(f"\n## {command.name}\n" in page for command in COMMANDS)
    assert "\n### products upgrade\n" in page


def test_the_overview_has_the_first_sentence_of_each_help() -> None:
    app = make_app(open_screen())
    helps = {command.name: app[command.name].help.strip().splitlines()[0] for command in COMMANDS}
    assert helps == {command.name: command.sentence for command in COMMANDS}


def test_every_command_that_a_text_names_exists() -> None:
    below = {command.name: subcommands(command.name) for command in COMMANDS}
    files = [ROOT / "README.md", *(file for place in PLACES for file in (ROOT / place).rglob("*"))]
    texts = {
        file: file.read_text(encoding="utf-8") for file in files if file.suffix in (".py", ".md", ".toml", ".html")
    }
    named = {(file, *found) for file, text in texts.items() for found in NAMED.findall(text)}
    assert len(named) > 20
    missing = [one for one in named if one[1] not in below]
    missing += [one for one in named if one[2] and below.get(one[1]) and one[2] not in below[one[1]]]
    assert missing == []


def test_every_command_in_a_list_has_its_sentence() -> None:
    assert re.findall(r"^ {6}[a-z][a-z-]*$", command_line_page(), re.MULTILINE) == []
