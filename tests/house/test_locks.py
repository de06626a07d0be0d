"""The locks: complete, hashed, without an address; each dependency has its reason."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
LOCKS = ("requirements/run.txt", "requirements/dev.txt")


def pins(lock: Path) -> dict[str, set[str]]:
    """The pinned versions by name; several where markers choose."""
    found: dict[str, set[str]] = {}
    for name, version in PIN.findall(lock.read_text()):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def declared(root: Path) -> dict[str, list[str]]:
    """What pyproject.toml asks for, by lock."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    run: list[str] = project["dependencies"]
    return {LOCKS[0]: run, LOCKS[1]: run + project["optional-dependencies"]["dev"]}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_no_address(root: Path, lock: str) -> None:
    text = (root / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(?:-i|--index-url|--extra-index-url|-f|--find-links|-e) ?", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_its_hashes(root: Path, lock: str) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (root / lock).read_text().strip())
    assert len(blocks) > 50
    assert [block[:60] for block in blocks if not PIN.match(block) or "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_pinned_within_its_range(root: Path, lock: str) -> None:
    pinned = pins(root / lock)
    for text in declared(root)[lock]:
        wanted = Requirement(text)
        versions = pinned.get(canonicalize_name(wanted.name), set())
        assert versions, f"{wanted.name} is not in {lock}: run `make lock`"
        assert all(wanted.specifier.contains(version) for version in versions), f"{text}: {lock} pins {versions}"


def test_both_locks_agree(root: Path) -> None:
    run, dev = (pins(root / lock) for lock in LOCKS)
    assert {name: versions for name, versions in run.items() if dev.get(name) != versions} == {}


def test_every_dependency_says_why(root: Path) -> None:
    lines = (root / "pyproject.toml").read_text().splitlines()
    silent = [line.strip() for line in lines if re.match(r'\s+"[a-z][^"]*[<>=][^"]*",\s*$', line)]
    assert silent == []


def test_the_javascript_lock_holds_no_address(root: Path) -> None:
    for lock in root.glob("package-lock.json"):
        assert '"resolved"' not in lock.read_text()
