"""What people see: signs, tables, durations; whole and plain where nobody looks."""

from datetime import UTC, datetime
from enum import Enum
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from console.screen import COLOURS, Column, Fit, Screen, lasting, open_screen, when
from reports.verdict import Tone


class Word(Enum):
    """A word."""

    ONE = "one"


def paper() -> tuple[Screen, StringIO]:
    """A screen without a terminal, and what was written on it."""
    written = StringIO()
    return open_screen(written, written), written


def terminal(width: int) -> tuple[Screen, StringIO]:
    """A terminal of this width."""
    written = StringIO()
    console = Console(file=written, force_terminal=True, width=width, theme=COLOURS, color_system=None)
    return Screen(console, console), written


ROWS = [("a" * 30, 1_234_567, "the words of a long sentence " * 4), ("b", 1, None)]
COLUMNS = [Column("name", fit=Fit.CUT), Column("count", number=True), Column("why", fit=Fit.FOLD)]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_whoever_watches_sees_what_is_waited_for_and_nothing_of_it_stays(is_terminal: bool) -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=is_terminal, width=80, theme=COLOURS)
    with Screen(console, console).busy("The report is made."):
        console.print("said meanwhile")
    assert ("The report is made." in written.getvalue()) is is_terminal
    assert written.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K" if is_terminal else "said meanwhile\n")


def test_numbers_stand_to_the_right_with_their_thousands_parted() -> None:
    screen, written = paper()
    screen.table([Column("n", number=True)], [[1_234_567], [1]])
    assert written.getvalue().splitlines() == ["        n", "1,234,567", "        1"]


def test_without_a_terminal_a_row_is_one_whole_line() -> None:
    screen, written = paper()
    screen.table(COLUMNS, ROWS)
    lines = written.getvalue().splitlines()
    assert len(lines) == 3
    assert ROWS[0][0] in lines[1]
    assert str(ROWS[0][2]).strip() in lines[1]
    assert all(line == line.rstrip() for line in lines)


def test_on_a_terminal_nothing_is_wider_than_it() -> None:
    screen, written = terminal(60)
    screen.table(COLUMNS, ROWS)
    assert max(len(line.rstrip()) for line in written.getvalue().splitlines()) <= 60
    assert "1,234,567" in written.getvalue()


IDENTIFIERS = ("m-35c965426c12", "89883070000000000004", "2026-11-30 14:28", "0/200,000", "1,234,567", "waits for you")


@pytest.mark.parametrize("width", range(30, 121))
@pytest.mark.parametrize("indent", [0, 2])
def test_on_no_terminal_a_number_or_a_name_is_cut(width: int, indent: int) -> None:
    screen, written = terminal(width)
    columns = [Column("manifest"), Column("ICCID"), Column("file", fit=Fit.CUT), Column("received (UTC)")]
    columns += [Column("active", number=True), Column("needs you", number=True), Column("")]
    row = (*IDENTIFIERS[:2], "a-long-name-of-a-file-from-the-factory.csv", *IDENTIFIERS[2:4], 1_234_567, IDENTIFIERS[5])
    screen.table(columns, [row, row], indent=indent)
    lines = written.getvalue().splitlines()
    said = " ".join(written.getvalue().split())
    assert all(said.count(word) == 2 for word in IDENTIFIERS)
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "…" in written.getvalue() or "the-factory.csv" in "".join(line.strip() for line in lines)


def test_a_narrow_terminal_has_the_cells_of_a_row_one_below_the_other() -> None:
    screen, written = terminal(30)
    screen.table(
        [Column("ICCID"), Column("plan", fit=Fit.CUT), Column("")], [("8" * 20, "tracker-de-eu", "active")] * 2
    )
    row = [f"ICCID  {'8' * 20}", "plan   tracker-de-eu  active"]
    assert [line.rstrip() for line in written.getvalue().splitlines()] == [*row, "", *row]


def test_a_sentence_without_a_terminal_is_one_line() -> None:
    screen, written = paper()
    screen.say("word " * 60, Tone.GOOD)
    assert written.getvalue().count("\n") == 1


def test_every_tone_has_a_sign_of_its_own() -> None:
    screen, written = paper()
    for tone in Tone:
        screen.say("x", tone)
    signs = {line[0] for line in written.getvalue().splitlines()}
    assert len(signs) == len(Tone)


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen, written = paper()
    screen.out._force_terminal = True
    screen.say("x", Tone.REFUSED)
    assert "\x1b[31m" not in written.getvalue()


def test_markup_in_foreign_text_stays_text() -> None:
    screen, written = paper()
    screen.say("[red]no[/red] :smile:")
    screen.table([Column("[b]t")], [["[bold]x"]])
    assert written.getvalue().splitlines() == ["[red]no[/red] :smile:", "[b]t", "[bold]x"]


def test_json_knows_times_words_and_paths() -> None:
    screen, written = paper()
    screen.json({"at": datetime(2026, 1, 2, tzinfo=UTC), "word": Word.ONE, "path": Path("a"), "set": {2, 1}})
    assert '"at": "2026-01-02T00:00:00Z"' in written.getvalue()
    assert '"word": "one"' in written.getvalue()
    with pytest.raises(TypeError, match="object has no JSON form"):
        screen.json({"x": object()})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (4.4, "4 s"), (60, "1 min"), (75, "1 min 15 s"), (3720, "1 h 2 min"), (200_000, "2 d 7 h")],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


def test_a_time_is_said_in_utc_and_no_time_is_nothing() -> None:
    assert when(datetime(2026, 1, 2, 3, 4, tzinfo=UTC)) == "2026-01-02 03:04"
    assert when(None) == ""
