"""`import` and `approve`: one manifest from the file to active SIMs, and what is said on the way."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from console.commands import CANNOT, FINE, NEEDS_YOU
from domain.lines import SENTENCES, Reason
from storage.sources.contract import SourceUnavailable
from storage.sources.given import GivenFiles

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
WHERE = ("--product", "tracker", "--home-country", "DE")


def test_a_file_becomes_active_sims_and_a_receipt_beside_it(place: Any, rows: Any) -> None:
    file = place.file("order.csv", *rows(5))
    said = place.simline("import", file, *WHERE)
    assert said.status == FINE
    assert "All 5 SIMs are active" in said.out
    assert "claim: 5 SIMs" in said.out
    assert "5.50 USD" in said.out
    assert (place.folder / "order.csv.receipt.html").exists()
    assert "order.csv.receipt.html" in said.out
    assert [len(entry.effects) for entry in place.changes()] == [1] * 10


def test_without_a_terminal_nothing_but_plain_lines_is_written(place: Any, rows: Any) -> None:
    said = place.simline("import", place.file("order.csv", *rows(2)), *WHERE)
    assert "\x1b" not in said.out + said.err
    assert "\r" not in said.out
    assert all(line == line.rstrip() for line in said.out.splitlines())


@pytest.mark.parametrize("more", [(), ("--no-activate",), ("--wait", "0.1")])
def test_on_a_terminal_no_bar_is_left_behind_and_the_cursor_is_shown_again(
    place: Any, rows: Any, terminal: Any, more: tuple[str, ...]
) -> None:
    place.server.carrier.fleet.activation_seconds = 1.0
    said = terminal("import", place.file("order.csv", *rows(3)), *WHERE, *more)
    assert said.status == FINE
    assert said.out.count(HIDE) == said.out.count(SHOW) > 0
    assert "━" in said.out
    assert said.out.rindex(SHOW) > said.out.rindex(HIDE)
    shown = said.out[said.out.rindex("order.csv: ") :]
    assert "every line" in shown
    assert not re.search(r"━|\x1b\[\?25|\x1b\[1A", shown), "a bar was drawn after the receipt"


def test_without_a_terminal_each_stage_is_said_once(place: Any, rows: Any) -> None:
    said = place.simline("import", place.file("order.csv", *rows(3)), *WHERE)
    stages = [line for line in said.out.splitlines() if line.startswith("✓") and line.endswith(" SIMs")]
    assert stages == ["✓ claim: 3 SIMs", "✓ activate: 3 SIMs", "✓ settle: 3 SIMs"]


def test_a_receipt_of_another_manifest_that_cannot_be_put_fails_no_import(place: Any, rows: Any) -> None:
    place.unmounted("nas", after=("first.csv", rows(2)))
    said = place.simline("import", place.file("local.csv", *rows(3, first=10)), *WHERE)
    assert said.status == FINE
    assert "All 3 SIMs are active" in said.out
    assert "Receipts that wait: m-" in said.out
    assert (place.folder / "local.csv.receipt.html").exists()


@pytest.mark.parametrize("error", [SourceUnavailable("The drive is full."), OSError(28, "The drive is full", "a.html")])
def test_a_receipt_of_its_own_that_cannot_be_put_is_shown_and_makes_the_status_2(
    place: Any, rows: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> dict[str, str]:
        raise error

    file = place.file("order.csv", *rows(3))
    with monkeypatch.context() as patched:
        patched.setattr(GivenFiles, "finish", full)
        said = place.simline("import", file, *WHERE)
    assert said.status == CANNOT
    assert "All 3 SIMs are active" in said.out
    assert said.err.count("Receipts that wait: m-") == said.err.count("The drive is full") == 1
    assert place.simline("import", file, *WHERE).status == FINE
    assert (place.folder / "order.csv.receipt.html").exists()


def test_one_sim_is_said_in_the_singular(place: Any, rows: Any) -> None:
    said = place.simline("import", place.file("one.csv", *rows(1)), *WHERE)
    assert "claim: 1 SIM\n" in said.out
    assert "1 SIMs" not in said.out


def test_the_same_file_again_asks_the_carrier_for_nothing(place: Any, rows: Any) -> None:
    file = place.file("order.csv", *rows(3))
    place.simline("import", file, *WHERE)
    before = len(place.server.carrier.log.entries())
    said = place.simline("import", file, *WHERE)
    assert said.status == FINE
    assert "was imported before" in said.out
    assert len(place.server.carrier.log.entries()) == before


def test_the_file_of_the_rows_to_correct_is_named_by_import_and_by_receipt(place: Any, rows: Any, iccid: Any) -> None:
    file = place.file("ord.csv", *rows(2), f"{iccid(3)[:-1]}X,C")
    for words in (("import", file, *WHERE), ("import", file, *WHERE), ("receipt", "ord.csv")):
        assert "  to correct    ord.csv.fix.csv" in place.simline(*words).out.splitlines()


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("order.csv", ["iccid,registration_code", "{bad}> CODESECRET,", "{bad}:CODESECRET,", "{bad} CODESECRET,"]),
        ("order.txt", ["{bad} CODESECRET", "ICCID={bad} KI=CODESECRET", "Regcode: CODESECRET", "# {bad} CODESECRET"]),
    ],
)
def test_a_code_on_a_rejected_line_stands_in_no_place_but_the_senders_own_lines(
    place: Any, name: str, lines: list[str], iccid: Any
) -> None:
    file = place.folder / name
    bad = iccid(7)[:-1] + "X"
    file.write_text("".join(line.format(bad=bad) + "\n" for line in lines))
    said = place.simline("import", file, *WHERE)
    shown = place.simline("status", name)
    assert said.status == NEEDS_YOU
    assert bad in said.out
    assert "SECRET" not in said.out + said.err + shown.out + shown.err
    written = {path.name for path in place.folder.rglob("*") if path.is_file() and b"SECRET" in path.read_bytes()}
    assert written == {name, f"{name}.fix{file.suffix}"}


@pytest.mark.parametrize("command", ["import", "plan"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (f"sha256 {'0' * 64}", "its bytes are not those of the control total"),
        ('totals.json {"count": 3}', "its control total says 3 SIMs, and 2 lines give one"),
        ("totals.json garbled", "is not JSON"),
    ],
)
def test_a_control_total_beside_a_named_file_must_agree(
    place: Any, rows: Any, command: str, content: str, sentence: str
) -> None:
    file = place.file("order.csv", *rows(2))
    ending, _, said_there = content.partition(" ")
    sidecar = place.folder / f"order.csv.{ending}"
    sidecar.write_text(said_there)
    said = place.simline(command, file, *WHERE)
    assert said.status == CANNOT
    assert sentence in " ".join((said.out + said.err).split())
    assert place.changes() == []
    sidecar.unlink()
    (place.folder / "order.csv.totals.json").write_text('{"count": 2}')
    assert place.simline(command, file, *WHERE).status == FINE


def test_of_key_material_on_the_standard_input_nothing_stays(
    place: Any, iccid: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = tmp_path.parent / f"{tmp_path.name}-dump.csv"
    dump.write_text(f"ICCID,Ki\n{iccid(1)},KEYSECRET\n")
    monkeypatch.setattr("console.app.STDIN", str(dump))
    monkeypatch.setattr("console.given.STDIN", str(dump))
    for _ in range(2):
        said = place.simline("import", "-", *WHERE)
        assert said.status == CANNOT
        assert "nothing of it stays on this disk" in said.out
        assert [path for path in tmp_path.rglob("*") if path.is_file() and b"KEYSECRET" in path.read_bytes()] == []
    assert place.simline("import", place.file("dump.csv", "x,KEYSECRET", header="ICCID,Ki"), *WHERE).status == CANNOT
    assert (place.folder / "dump.csv").exists()


@pytest.mark.parametrize("command", ["import", "plan"])
def test_what_is_not_a_file_is_refused_by_import_and_plan_alike(place: Any, command: str) -> None:
    os.mkfifo(place.folder / "pipe.csv")
    (place.folder / "link.csv").symlink_to(place.file("a.csv"))
    for path in (place.folder / "pipe.csv", place.folder / "link.csv", "/dev/zero", place.folder):
        said = place.simline(command, path, *WHERE)
        assert (said.status, f"{path} is not a file" in " ".join(said.err.split())) == (CANNOT, True)


def test_rejected_lines_make_the_status_1_and_name_their_first_example(place: Any, rows: Any) -> None:
    file = place.file("order.csv", *rows(2), "89883070000000000001,X", "356938035643809,X")
    said = place.simline("import", file, *WHERE)
    assert said.status == NEEDS_YOU
    assert "Line 4: 89883070000000000001" in said.out
    assert "order.csv.fix.csv" in said.out or (place.folder / "order.csv.fix.csv").exists()


def test_the_first_example_names_the_sim_and_what_is_wrong_with_it(place: Any, rows: Any, iccid: Any) -> None:
    said = place.simline("import", place.file("order.csv", *rows(3)), *WHERE[2:])
    assert f"Line 2: {iccid(0)}: - / DE / supersim" in said.out
    assert f"{iccid(0)}: - / DE / supersim" in (place.folder / "order.csv.receipt.html").read_text()
    place.simline("import", place.file("first.csv", *rows(1)), *WHERE, "--no-activate")
    said = place.simline("import", place.file("other.csv", *rows(1)), "--product", "small", *WHERE[2:])
    assert f"Line 2: {iccid(0)}: It belongs to product tracker." in said.out


def test_the_command_that_lets_a_waiting_manifest_go_on_is_named(place: Any, rows: Any) -> None:
    place.simline("import", place.file("big.csv", *rows(31)), *WHERE)
    said = place.simline("status", "big.csv")
    assert re.search("`simline approve m-[0-9a-f]{12}` lets it go on", said.out)


def test_a_slip_among_typed_iccids_is_what_is_named(place: Any, iccid: Any) -> None:
    said = place.simline("import", iccid(1), f"{iccid(2)[:10]} {iccid(2)[10:]}", "8988307000000007502X", *WHERE)
    assert said.status == CANNOT
    assert "'8988307000000007502X' is not written like an ICCID" in said.err


def test_a_sim_that_the_carrier_refuses_makes_the_status_1(place: Any, rows: Any, iccid: Any) -> None:
    place.server.carrier.fleet.add_card(iccid(1), "CODE1", others=True)
    said = place.simline("import", place.file("order.csv", *rows(3)), *WHERE)
    assert said.status == NEEDS_YOU
    assert "2 of 3 SIMs active" in said.out
    assert "The carrier refused the SIM" in said.out


def test_a_file_with_key_material_is_quarantined_with_status_2(place: Any, iccid: Any) -> None:
    file = place.file("keys.csv", f"{iccid(1)},00112233445566778899AABBCCDDEEFF", header="iccid,ki")
    said = place.simline("import", file, *WHERE)
    assert said.status == CANNOT
    assert "Quarantined" in said.out
    assert "00112233" not in said.out + said.err


BAD_FILES = {
    "empty.csv": (b"", CANNOT),
    "binary.csv": (bytes(range(256)) * 20, CANNOT),
    "fake.xlsx": (b"PK\x03\x04 no workbook", CANNOT),
    "order.pdf": (b"%PDF-1.4\n1 0 obj\n", CANNOT),
    "other.csv": (b"name,colour\nann,red\n", CANNOT),
    "keys.csv": (b"iccid,ki\n8988307000000000001,00112233445566778899AABBCCDDEEFF\n", CANNOT),
    "header.csv": (b"iccid,registration_code\n", NEEDS_YOU),
    "prose.txt": (b"Dear customer,\nthank you.\n", NEEDS_YOU),
}


@pytest.mark.parametrize("command", ["import", "plan"])
@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_none_is_no_success(place: Any, command: str, name: str) -> None:
    content, status = BAD_FILES[name]
    (place.folder / name).write_bytes(content)
    assert place.simline(command, place.folder / name, *WHERE).status == status


@pytest.mark.parametrize("fault", ["401", "away"])
def test_a_carrier_that_does_not_take_us_needs_a_person(
    place: Any, rows: Any, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "401":
        monkeypatch.setenv("TEST_CARRIER_TOKEN", "wrong")
    else:
        place.server.close()
    said = place.simline("import", place.file("order.csv", *rows(3)), *WHERE, "--wait", "2")
    assert said.status == NEEDS_YOU
    assert "Nothing needs you" not in said.out
    assert "0 of 3 SIMs active so far." in said.out
    assert "`simline check` asks the carrier now; when it answers, `simline settle` goes on." in said.out
    assert "The schedule goes on" not in said.out


def test_no_activate_sends_nothing_and_settle_sends_it(place: Any, rows: Any) -> None:
    said = place.simline("import", place.file("order.csv", *rows(3)), *WHERE, "--no-activate")
    assert said.status == FINE
    assert "3 SIMs are planned, and nothing was sent" in said.out
    assert place.changes() == []
    assert place.simline("settle").status == FINE
    assert len(place.changes()) == 6


def test_iccids_can_be_typed_and_become_a_small_file_in_results(place: Any, iccid: Any) -> None:
    said = place.simline("import", iccid(1), iccid(2), *WHERE)
    assert said.status == NEEDS_YOU, "this carrier wants registration codes"
    assert SENTENCES[Reason.REGISTRATION_CODE_MISSING] in said.out
    assert "a table with the columns iccid and registration_code" in said.out
    (kept,) = (place.folder / "results").glob(f"typed-{12 * '?'}.txt")
    assert kept.read_text().split() == [iccid(1), iccid(2)]


def test_a_dash_reads_the_standard_input(
    place: Any, rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piped = place.file("piped", *rows(2))
    monkeypatch.setattr("console.given.STDIN", str(piped))
    monkeypatch.setattr("console.app.STDIN", str(piped))
    said = place.simline("import", "-", *WHERE)
    assert said.status == FINE
    assert "All 2 SIMs are active" in said.out


@pytest.mark.parametrize("command", ["import", "plan"])
def test_a_standard_input_beyond_the_limit_is_refused_and_leaves_nothing_behind(
    place: Any, rows: Any, process: Any, command: str
) -> None:
    with (place.folder / "simline.toml").open("a") as toml:
        toml.write("[file_limits]\nfile_bytes = 100_000\n")
    said = process(command, "-", *WHERE, input="\n".join(rows(5_000)))
    assert said.returncode == CANNOT
    assert "More than 100,000 bytes came in; at most so many are taken. Split the list." in said.stderr
    assert list((place.folder / "results").glob("*")) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Name a file"),
        (("nothing.csv",), "nothing.csv cannot be read"),
        (("manifests",), "manifests is not a file"),
        (("a.csv", "b.csv"), "Name one file at a time"),
        (("s3://bucket/key.csv",), "No [[sources]] in simline.toml covers s3://bucket/key.csv"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(place: Any, words: tuple[str, ...], sentence: str) -> None:
    said = place.simline("import", *words, *WHERE)
    assert said.status == CANNOT
    assert sentence in said.err


@pytest.mark.parametrize("command", ["import", "plan"])
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--product", "traker"), "--product traker: there is none of this name. Did you mean tracker?"),
        (("--product", "zzz"), "There is: small, tracker."),
        (("--home-country", "Germany"), "--home-country: 'Germany' is written DE."),
        (("--carrier-account", "supersym"), "Did you mean supersim?"),
    ],
)
def test_a_mistyped_option_is_refused_before_the_file_is_touched(
    place: Any, rows: Any, command: str, options: tuple[str, ...], sentence: str
) -> None:
    file = place.file("order.csv", *rows(1))
    said = place.simline(command, file, *options)
    assert said.status == CANNOT
    assert sentence in said.err
    assert place.simline("import", file, *WHERE).status == FINE


def test_without_a_key_codes_are_not_taken_and_the_file_can_be_imported_later(
    place: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, key = place.file("order.csv", *rows(2)), os.environ["SIMLINE_KEY"]
    monkeypatch.delenv("SIMLINE_KEY")
    said = place.simline("import", file, *WHERE)
    assert said.status == CANNOT
    assert "simline init --key" in said.err
    assert "CODE0" not in said.out + said.err
    monkeypatch.setenv("SIMLINE_KEY", key)
    assert place.simline("import", file, *WHERE).status == FINE


def test_far_more_than_usual_stops_and_approve_lets_it_go_on(place: Any, rows: Any) -> None:
    said = place.simline("import", place.file("big.csv", *rows(31)), *WHERE)
    assert said.status == NEEDS_YOU
    assert "31 new SIMs are more than the 30" in said.out
    assert place.changes() == []
    approved = place.simline("approve", "big.csv")
    assert approved.status == FINE
    assert "All 31 SIMs are active" in approved.out


def test_yes_really_is_the_approval(place: Any, rows: Any) -> None:
    said = place.simline("import", place.file("big.csv", *rows(31)), *WHERE, "--yes-really")
    assert said.status == FINE
    assert "All 31 SIMs are active" in said.out


def test_approving_what_does_not_wait_changes_nothing(place: Any, rows: Any) -> None:
    place.simline("import", place.file("order.csv", *rows(1)), *WHERE)
    said = place.simline("approve", "order.csv")
    assert said.status == FINE
    assert "does not wait for approval" in said.out


def test_when_the_wait_is_over_it_says_how_it_goes_on(place: Any, rows: Any) -> None:
    place.server.carrier.fleet.activation_seconds = 60.0
    said = place.simline("import", place.file("order.csv", *rows(2)), *WHERE, "--wait", "1")
    assert said.status == FINE
    assert "2 SIMs are still in progress" in said.out
    assert "simline settle" in said.out
