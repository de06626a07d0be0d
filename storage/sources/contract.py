"""The contract of a source: a place where manifests appear and where their results go."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Item:
    """A file or object that is complete and waits to be taken."""

    identity: ItemIdentity
    size_bytes: int
    modified_at: datetime
    sidecar: bytes | None = None  # a small control-total file beside it, if there is one


class ItemChanged(Exception):
    """The item was overwritten, deleted or taken by somebody else since it was listed; the next sweep sees anew."""


class SourceUnavailable(Exception):
    """The source cannot be reached or read. The sentence says what to do."""


class Source(Protocol):
    """One configured place. Listing is the truth; events are hints at most."""

    name: str
    routes: tuple[Route, ...]

    def items(self) -> Iterator[Item]:
        """The items that are complete, oldest first. Half-written ones are not among them. Raises `SourceUnavailable`."""

    def take(self, item: Item, scratch: Path) -> Path:
        """The item's bytes as a local file that nobody else changes. Raises `ItemChanged`.

        A folder moves the file into `processing/` by one rename, so of two takers one loses; S3 downloads the listed
        version into `scratch`. Safe to repeat for the same item by whoever holds the manifest's lease.
        """

    def finish(
        self, item: ItemIdentity, taken: Path | None, folder: str, results: Mapping[str, Path]
    ) -> dict[str, str]:
        """Put the original (where the source moves files) and its results where people look for them.

        `folder` is `processed` or `rejected`; `results` maps a suffix (`.receipt.json`) to a local file. Returns where
        each result now is (suffix -> path or URL). Safe to repeat: results of the same manifest are replaced.
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
