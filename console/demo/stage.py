"""The demo's folder: settings, key and manifests. Nothing outside it is touched."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from console.door import CannotDo

if TYPE_CHECKING:
    from config.settings import Settings

DROPS = {
    "depot-berlin.txt": "tracker/de/depot-berlin.txt",
    "vendor-mixed.csv": "vendor-mixed.csv",
    "box-17.xlsx": "sensor/us/box-17.xlsx",
    "five-carriers.csv": "five-carriers.csv",
}
"""Shipped manifest -> where in the inbox it is dropped; the order is the order of delivery."""

_MARK = ".simline-demo"
_OURS = files("console.demo")


@contextmanager
def stage(folder: Path) -> Iterator[Path]:
    """The folder, made or found again, for this demo alone. Raises `CannotDo` for somebody else's folder."""
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise CannotDo(f"{folder} holds something else. Name an empty or a new folder: simline demo --folder NAME.")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _MARK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotDo(f"A demo runs in {folder} already. Wait for it, or name another folder.") from None
        yield folder


def write_settings(folder: Path, addresses: Mapping[str, str]) -> "Settings":
    """The demo's own settings with the carriers' addresses in them; the user's environment has no say in them."""
    from config.build import make_folders
    from config.loading import load_settings

    for name in ("simline.toml", "carriers.toml", "plans.toml"):
        text = (_OURS / "settings" / name).read_text(encoding="utf-8")
        for account, address in addresses.items():
            text = text.replace(f"{account.upper()}_URL", address)
            text = text.replace(f"{account.upper()}_JAPAN_URL", address.replace("127.0.0.1", "localhost"))
        (folder / name).write_text(text, encoding="utf-8")
    settings = load_settings(folder / "simline.toml", {"SIMLINE_KEY": _key(folder)})
    make_folders(settings)
    return settings


def _key(folder: Path) -> str:
    """The demo's key; real ones live in the environment, never in a file."""
    from config.starter import new_key

    path = folder / "demo.key"
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new_key())
    return path.read_text(encoding="utf-8")


def cards_file(folder: Path) -> Path:
    """Which cards the simulated carrier has made, with their registration codes."""
    return _copied("cards.csv", folder / "carriers" / "cards.csv")


def drop_manifests(folder: Path) -> list[Path]:
    """The shipped manifests into the inbox, one after the other, as people would: written aside, then renamed."""
    dropped = []
    now = time.time()
    for nth, (name, place) in enumerate(DROPS.items()):
        target = folder / "manifests" / "inbox" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = _copied(f"manifests/{name}", target.with_name(target.name + ".part"))
        os.utime(partial, (now, now - len(DROPS) + nth))
        dropped.append(partial.rename(target))
    return dropped


@contextmanager
def shipped_manifests() -> Iterator[dict[str, Path]]:
    """Where each is dropped -> its bytes as we ship them: what the checker compares with what became of them."""
    with ExitStack() as opened:
        yield {place: opened.enter_context(as_file(_OURS / "manifests" / name)) for name, place in DROPS.items()}


def delivered_iccids(account: str) -> list[str]:
    """What the carrier put into this account when it sent the SIMs: the box for Berlin, and all that 1NCE sells."""
    name, prefix = {"delivered": ("depot-berlin.txt", "8910392"), "1nce": ("five-carriers.csv", "8988228")}[account]
    lines = (_OURS / "manifests" / name).read_text(encoding="utf-8").splitlines()
    return [line.partition(",")[0] for line in lines if line.startswith(prefix)]


def _copied(name: str, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with as_file(_OURS.joinpath(name)) as shipped:
        shutil.copyfile(shipped, target)
    return target
