"""The contract of a place in which the shelf keeps files: a folder, or a prefix of a bucket."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class ShelfUnavailable(Exception):
    """The place where reports are kept cannot be used. The sentence says what to do."""

    retryable = True


class Place(Protocol):
    """Files under short names, whole or not at all. Every method raises `ShelfUnavailable`."""

    def put(self, name: str, made: Path) -> None:
        """The file's bytes under this name: readers see the old ones or the new ones, never a part."""

    def read(self, name: str) -> bytes | None:
        """The bytes under this name; None where there are none."""

    def read_all(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes under each of these names that is there."""

    def names(self, prefix: str) -> list[str]:
        """The names that begin so, sorted."""

    def has(self, name: str) -> bool:
        """Whether something is there, whoever put it."""

    def remove(self, name: str) -> None:
        """What is under this name is gone. Safe to repeat."""

    def address(self, name: str) -> str:
        """Where people find it: a path or a URL."""

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else changes this place meanwhile, where the place can promise that; otherwise nothing."""
