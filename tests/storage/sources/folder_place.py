"""A folder source together with the hand of a sender, for the tests of its parts."""

from collections.abc import Callable
from pathlib import Path

from domain.manifests import ItemIdentity
from storage.sources.contract import Item
from storage.sources.folder import FolderSource
from storage.sources.names import to_path
from tests.storage.sources.source_contract import ROUTES, Place, results_of

LONG_AGO_NS = 946_684_800 * 10**9
ROOT_OF_THE_PROJECT = Path(__file__).parents[3]


class Folder(Place):
    """A folder on this machine."""

    odd_names = (
        "a b.txt",
        "new\nline.txt",
        "%2e%2e",
        "eu/%2e%2e/up.txt",
        "ü ☃ +&=.txt",
        "back\\slash.txt",
        "caf\udce9.txt",
        "n" * 251 + ".txt",
        "ü" * 127,
        "d" * 255 + "/" + "e" * 255 + "/x.txt",
        "-rf",
        "m-0123456789ab",
    )
    moves_originals = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source().prepare()

    def source(self, still_seconds: float = 0.0, clock: Callable[[], float] | None = None) -> FolderSource:
        return FolderSource("drops", self.root, ROUTES, still_seconds, clock)

    def put(self, name: str, content: bytes) -> None:
        path = self.root / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def delete(self, name: str) -> None:
        (self.root / "inbox" / name).unlink()

    def read(self, where: str) -> bytes:
        return Path(to_path(where)).read_bytes()

    def wait_for_the_next_second(self) -> None:
        """Nothing to wait for: the same size and time under the same name are told apart."""

    def make_unavailable(self) -> None:
        self.root.rename(self.root.with_name("unmounted"))

    def files(self, folder: str) -> dict[str, bytes]:
        """What lies below a folder, links included as what they point to."""
        base = self.root / folder
        return {path.relative_to(base).as_posix(): path.read_bytes() for path in base.rglob("*") if path.is_file()}

    def take(self, name: str) -> tuple[Item, Path]:
        item = self.only_item(name)
        return item, self.source().take(item, self.root / "never made")

    def finish(self, name: str, folder: str, made: Path) -> ItemIdentity:
        item, taken = self.take(name)
        self.source().finish(item.identity, taken, folder, results_of(made, name))
        return item.identity
