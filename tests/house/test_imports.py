"""Importing a module does nothing: no connection, no file written, no look at the environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("carriers", "channels", "config", "console", "domain", "engine", "flows", "reports", "storage", "tasks")

WATCH = """
import os, pkgutil, importlib, sys

OURS = set(sys.argv[1:])

def of_ours(frame):
    "The name of our module when the nearest frame outside the standard library's own is one of ours."
    while frame and frame.f_globals.get("__name__", "") in ("os", "_collections_abc", "collections.abc", "__main__"):
        frame = frame.f_back
    name = frame.f_globals.get("__name__", "") if frame else ""
    return name if name.split(".")[0] in OURS else None

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen"):
        print("FOUND", event, arguments[:1])
        raise RuntimeError(event + " at import")

kind = type(os.environ)
look = kind.__getitem__

def noted(self, key):
    module = of_ours(sys._getframe(1))
    if module:
        print("FOUND", module, "reads", key)
    return look(self, key)

kind.__getitem__ = noted
sys.addaudithook(watch)
seen = 0
for name in sorted(OURS):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:  # Alembic runs these itself
            importlib.import_module(module.name)
            seen += 1
print("SEEN", seen)
"""


def import_all(folder: Path, packages: tuple[str, ...], home: Path) -> str:
    """Import every module of these packages in a fresh process, watched; what the watch wrote."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PREFECT_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(
        [sys.executable, "-c", WATCH, *packages],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout + result.stderr[-2000:]


@pytest.mark.slow
def test_importing_every_module_neither_connects_nor_reads_the_environment(root: Path, tmp_path: Path) -> None:
    said = import_all(root, PACKAGES, tmp_path)
    assert "FOUND" not in said
    assert "SEEN" in said, said
    assert int(said.split("SEEN ")[1].split()[0]) > 30


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import os; HOST = os.environ.get('HOST_X', '')", "FOUND astray.bad reads HOST_X"),
        ("import os; HOST = os.getenv('HOST_X')", "FOUND astray.bad reads HOST_X"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "FOUND socket"),
        ("import sqlite3; sqlite3.connect(':memory:')", "FOUND sqlite3.connect"),
    ],
)
def test_a_module_that_does_something_at_import_is_seen(tmp_path: Path, line: str, found: str) -> None:
    package = tmp_path / "astray"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "bad.py").write_text(line + "\n")
    assert found in import_all(tmp_path, ("astray",), tmp_path)
