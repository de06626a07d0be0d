"""The contract of a source: a place where manifests appear and where their results go."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from domain.manifests import ItemIdentity


@dataclass(frozen=True, slots=True)
class Route:
    """What the keys under `prefix` belong to, where rows do not say so themselves. The longest prefix wins."""

    prefix: str = ""
    product: str | None = None
    home_country: str | None = None
    carrier_account: str | None = None


def no_sidecar() -> bytes | None:
    """Nothing lies beside the item."""
    return None


@dataclass(frozen=True, slots=True)
class Item:
    """A file or object that is complete and waits to be taken."""

    identity: ItemIdentity
    size_bytes: int
    modified_at: datetime
    sidecar_name: str | None = None  # of a small control-total file beside it: NAME.totals.json, else NAME.sha256
    open_sidecar: Callable[[], bytes | None] = field(default=no_sidecar, compare=False, repr=False)

    @property
    def sidecar(self) -> bytes | None:
        """The sidecar's first 64 KiB, read now: a sweep of known items reads none. Raises `SourceUnavailable`."""
        return self.open_sidecar()


class ItemChanged(Exception):
    """The item as it was listed is gone for good: overwritten or deleted. What is there now is another delivery."""


class SourceUnavailable(Exception):
    """The source cannot be reached or read. The sentence says what to do."""

    retryable = True


class Source(Protocol):
    """One configured place. Listing is the truth; events are hints at most."""

    name: str
    routes: tuple[Route, ...]

    def items(self) -> Iterator[Item]:
        """The items that are complete; half-written ones are not among them. Raises `SourceUnavailable`.

        A folder yields the oldest first, and those too that somebody took and did not finish, with the identity that
        they were taken under. S3 yields in key order, page by page, and again in every sweep: originals stay there.
        """

    def take(self, item: Item, scratch: Path) -> Path:
        """The item's bytes as a local file that nobody else changes. Raises `ItemChanged`.

        A folder moves the file into `processing/` by one rename; S3 downloads the listed version into `scratch`.
        Only `item.identity` decides, so an item can be rebuilt from its manifest's row. Safe to repeat: whoever takes
        the same identity again gets the same bytes, before and after `finish`. Who may go on is the lease's to say.
        """

    def finish(
        self, item: ItemIdentity, taken: Path | None, folder: str, results: Mapping[str, Path]
    ) -> dict[str, str]:
        """Put the original (where the source moves files) and its results where people look for them.

        `folder` is `processed` or `rejected`, always the same for one manifest; `results` maps a suffix
        (`.receipt.json`) to a local file. Returns where each result now is (suffix -> path or URL). Safe to repeat:
        results of the same manifest are replaced, another manifest's never. `taken` is gone afterwards: moved, or
        deleted if it was a download.
        """

    def check(self) -> str:
        """Prove that the source can be listed and written; a sentence for people. Raises `SourceUnavailable`."""


def route_for(routes: tuple[Route, ...], key: str) -> Route:
    """The route with the longest prefix of `key`; an empty route when none fits.

    >>> route_for((Route("eu/", product="tracker"), Route("eu/de/", home_country="DE")), "eu/de/a.txt").home_country
    'DE'
    """
    fitting = [route for route in routes if key.startswith(route.prefix)]
    return max(fitting, key=lambda route: len(route.prefix), default=Route())
