"""A .txt manifest: one ICCID a line; a line that is something else is ignored and counted."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import starmap

from domain.iccid_batch import Around, classify_lines
from domain.lines import LineOutcome, Reason, Verdict
from storage.readers.block import Block, ReadingRules
from storage.readers.neighbours import with_neighbours
from storage.readers.physical_lines import Stretch
from storage.readers.table import ignored
from storage.readers.unicode_text import text_of


def list_blocks(stretches: Iterable[Stretch], header_line: int, rules: ReadingRules) -> Iterator[Block]:
    """The list's lines, stretch by stretch; `header_line` is 0 when no line says ICCID above them."""
    block = partial(_block_of, header_line=header_line, rules=rules)
    return starmap(block, with_neighbours(stretches, _ends_of))  # which holds on to no stretch that is done with


def _block_of(stretch: Stretch, around: Around, header_line: int, rules: ReadingRules) -> Block:
    batch = classify_lines(_utf8(stretch.content), stretch.first_line, rules.profiles, around=around)
    outcomes = batch.outcomes
    for at, outcome in enumerate(outcomes):
        if outcome.line in stretch.long_lines:
            outcomes[at] = LineOutcome(outcome.line, Verdict.REJECTED, Reason.LINE_TOO_LONG)
        elif outcome.line == header_line:
            outcomes[at] = ignored(outcome.line, Reason.HEADER)
    return Block(batch.line_count, batch.lines, batch.keys, outcomes=outcomes, trailer=batch.trailer)


def _ends_of(stretch: Stretch) -> Around:
    content = stretch.content
    return text_of(content[: content.find(b"\n")]), text_of(content[content.rfind(b"\n", 0, -1) + 1 : -1])


def _utf8(content: bytes) -> bytes:
    """The lines with every byte part of a character, so that a vendor's accents are shown as they were."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return b"\n".join(text_of(line).encode() for line in content.split(b"\n"))
    return content
