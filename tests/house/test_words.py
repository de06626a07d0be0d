"""What must never be in the project's text, and what each public thing must say of itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

FORBIDDEN = {
    "a package registry's host": r"p[y]pi\.org|pythonh[o]sted\.|registry\.n[p]mjs|deb\.d[e]bian\.",
    "a path of somebody's machine": r"(?<![A-Za-z0-9_./-])/(?:w[o]rk|f[a]rm|r[o]ot|h[o]me/[a-z]+|U[s]ers/[A-Za-z]+)/",
    "a private key": r"BEGIN [A-Z ]*PRIV[A]TE KEY",
    "a merge mark": r"^(?:<{7}|>{7}|\|{7}) ",
    "a note to do something later": r"\b(?:T[O]DO|F[I]XME|X[X]X)\b",
}
GENERATED = {"package-lock.json"}


def texts(files: list[Path]) -> Iterator[tuple[Path, str]]:
    """The files that are text, with their text."""
    for file in files:
        raw = file.read_bytes()
        if b"\0" not in raw[:8192] and not file.name.endswith(".min.js"):
            yield file, raw.decode("utf-8", errors="replace")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_holds(what: str, tracked: list[Path]) -> None:
    pattern = re.compile(FORBIDDEN[what], re.MULTILINE)
    found = [f"{file}: {match[0]}" for file, text in texts(tracked) for match in pattern.finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a package registry's host", "https://files.pyth" + "onhosted.org/x"),
        ("a path of somebody's machine", "see /ho" + "me/ann/simline"),
        ("a path of somebody's machine", '"/wo' + 'rk/main"'),
        ("a private key", "-----BEGIN RSA PRI" + "VATE KEY-----"),
        ("a merge mark", "x\n" + "<" * 7 + " HEAD"),
        ("a note to do something later", "# TO" + "DO later"),
    ],
)
def test_each_pattern_finds_what_it_is_for(what: str, text: str) -> None:
    assert re.search(FORBIDDEN[what], text, re.MULTILINE)


@pytest.mark.parametrize("text", ["/v1/Sims", "docs/work/x", "a todo list"])
def test_innocent_text_is_left_alone(text: str) -> None:
    assert not any(re.search(pattern, text, re.MULTILINE) for pattern in FORBIDDEN.values())


def test_every_public_thing_has_a_docstring(product_files: list[Path]) -> None:
    missing = [
        silent for file in product_files for silent in silent_things(file.read_text(encoding="utf-8"), file.name)
    ]
    assert missing == []


def test_a_silent_function_is_seen() -> None:
    text = '"""M."""\nclass A:\n    """A."""\n    def b(self): ...\n    def _c(self): ...\ndef d(): ...\n'
    assert list(silent_things(text, "m.py")) == ["m.py:6 d", "m.py:4 b"]
    assert list(silent_things("x = 1\n", "m.py")) == ["m.py"]


def silent_things(text: str, name: str) -> Iterator[str]:
    """The module, and its public classes, functions and methods, that have no docstring."""
    tree = ast.parse(text)
    if not ast.get_docstring(tree):
        yield name
    definitions = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for scope in (node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef)):
        for node in scope.body:
            if isinstance(node, definitions) and not node.name.startswith("_") and not ast.get_docstring(node):
                yield f"{name}:{node.lineno} {node.name}"
