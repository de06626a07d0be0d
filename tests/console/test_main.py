"""The entry point: quick where nothing is asked, and never a traceback."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.commands import CANNOT, COMMANDS, FINE
from console.trouble import details_of

Process = Callable[..., subprocess.CompletedProcess[str]]
HEAVY = ("pandas", "prefect", "sqlalchemy", "numpy", "boto3", "pydantic")


def test_the_overview_names_every_command_and_loads_nothing_heavy(process: Process) -> None:
    said = process("--help")
    assert said.returncode == FINE
    assert all(f"  {command.name} " in said.stdout for command in COMMANDS)
    assert all(len(line) <= 80 for line in said.stdout.splitlines())


def test_the_overview_comes_within_300_milliseconds(process: Process) -> None:
    def seconds() -> float:
        started = time.perf_counter()
        assert process("--help").returncode == FINE
        return time.perf_counter() - started

    assert min(seconds() for _ in range(5)) < 0.3


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_the_help_of_a_command_says_its_sentence_and_fits_80_columns(simline: Any, command: str) -> None:
    said = simline(command, "--help")
    sentence = next(each.sentence for each in COMMANDS if each.name == command)
    assert said.status == FINE
    assert sentence in " ".join(said.out.split())
    assert "With every command:" in said.out
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_no_help_loads_what_only_the_work_needs() -> None:
    calls = "\n".join(f"run([{command.name!r}, '--help'])" for command in COMMANDS)
    script = f"import sys\nfrom console.main import run\n{calls}\nprint(*[m for m in {HEAVY} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == ""


def test_no_idle_threads_of_numpy_spin_at_the_start_of_a_command() -> None:
    script = (
        "import os, sys\nfrom console.main import main\nsys.argv[1:] = ['help']\ntry: main()\nexcept SystemExit: pass\n"
    )
    script += "import numpy; print(len(os.listdir('/proc/self/task')))"
    bare = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=bare)
    assert said.stdout.splitlines()[-1] == "1"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("imprt",), "There is no command imprt. Did you mean import?"),
        (("import", "--prodct", "x"), "Did you mean --product? `simline import --help`"),
        (("sims", "--limit", "many"), "`simline sims --help`"),
        (("sims", "--limit", "0"), "`simline sims --help`"),
        (("status", "--after"), "`simline status --help`"),
        (("rerun", "m-1"), "--reason"),
    ],
)
def test_a_wrong_command_line_is_answered_with_a_sentence(simline: Any, words: tuple[str, ...], sentence: str) -> None:
    said = simline(*words)
    assert said.status == CANNOT
    assert sentence in said.err
    assert said.out == ""


def test_without_a_configuration_a_command_says_how_to_get_one(
    simline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("SIMLINE_CONFIG", "SIMLINE_DATABASE__URL"):
        monkeypatch.delenv(name, raising=False)
    said = simline("status")
    assert said.status == CANNOT
    assert "simline init" in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("breaks", "words", "sentence"),
    [
        ("simline.toml", ("status",), "not valid TOML"),
        ("carriers.toml", ("import", "a.txt"), "not valid TOML"),
        ("simline.db", ("sims",), "file is not a database"),
        ("simline.db", ("import", "a.txt"), "file is not a database"),
    ],
)
def test_a_broken_file_is_named(place: Any, breaks: str, words: tuple[str, ...], sentence: str) -> None:
    (place.folder / breaks).write_bytes(b"\x00nonsense [" * 500)
    said = place.simline(*words)
    assert said.status == CANNOT
    assert sentence in said.err
    assert "Traceback" not in said.out + said.err


def test_a_missing_secret_is_named_by_its_variable(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_CARRIER_TOKEN")
    said = place.simline("settle")
    assert said.status == CANNOT
    assert "TEST_CARRIER_TOKEN" in said.err


def test_what_nobody_foresaw_is_a_sentence_and_a_file_with_the_details(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sims.page", lambda *_, **__: 1 / 0)
    said = place.simline("sims")
    assert said.status == CANNOT
    assert "(ZeroDivisionError)" in said.err
    assert "Traceback" not in said.err
    log = Path(next(word for word in said.err.split() if "simline-error-" in word).rstrip(";."))
    assert "ZeroDivisionError: division by zero" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0
    log.unlink()


def test_debug_shows_the_traceback(place: Any) -> None:
    said = place.simline("status", "nothing-of-this-name", "--debug")
    assert said.status == CANNOT
    assert "NoSuchManifest" in said.err
    assert "Traceback" in said.err


def test_the_details_hold_no_value_of_a_secret_variable() -> None:
    try:
        raise RuntimeError("sent with hunter2-hunter2 to somebody")
    except RuntimeError as error:
        text = details_of(error, {"CARRIER_TOKEN": "hunter2-hunter2", "HOME": "somebody"})
    assert "hunter2" not in text
    assert "[CARRIER_TOKEN] to somebody" in text


def test_whoever_reads_only_the_beginning_of_the_output_is_no_error(process: Process) -> None:
    command = f"{sys.executable} -m console.main import --help | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}"
    said = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "0"
    assert said.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is full")
@pytest.mark.parametrize("words", [("--help",), ("import", "--help"), ("carriers",), ("carriers", "--json")])
def test_an_output_that_cannot_be_written_is_a_sentence(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "console.main", *words]
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert said.returncode == CANNOT
    assert said.stderr.startswith("✗ The output cannot be written: No space left on device.")
    assert said.stderr.count("\n") == 1
