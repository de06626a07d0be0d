"""Each piece of a file with what stands before it and after it, so that no answer depends on where a piece ends."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from domain.iccid_batch import Around

Piece = TypeVar("Piece")


def with_neighbours(pieces: Iterable[Piece], ends_of: Callable[[Piece], Around]) -> Iterator[tuple[Piece, Around]]:
    """The pieces, each with the last text of the one before it and the first text of the one after it.

    `ends_of` says the first and the last text of a piece. One piece is read ahead.
    """
    above, held = "", None
    for piece in pieces:
        ends = ends_of(piece)
        if held:
            yield held[0], (above, ends[0])
            above = held[1][1]
        held = piece, ends
    if held:
        yield held[0], (above, "")
