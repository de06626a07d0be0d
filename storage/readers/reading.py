"""The door to the readers: a manifest's format from its name and its first bytes, then its blocks.

`ManifestRefused` can come from any block, the last one too (a gzip file cut off at its end): whoever reads keeps
nothing of a manifest before its last block.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from domain.file_limits import USUAL_LIMITS, FileLimits
from domain.lines import Reason
from domain.manifests import ManifestRefused
from storage.readers.bare_list import list_blocks
from storage.readers.block import Block, ReadingRules
from storage.readers.delimited import delimited_blocks, lines_of
from storage.readers.layout import Layout, NamedAs, layout_of, named_as
from storage.readers.opening import ZIP_MAGIC, chunks, open_manifest, refuse_foreign, refused_as_empty
from storage.readers.physical_lines import Stretch, stretches
from storage.readers.unicode_text import Encoding, as_utf8, encoding_of
from storage.readers.workbook import Sheet, open_sheet, sheet_blocks

HEAD_BYTES = 1 << 16
_FILLERS = frozenset({Reason.COMMENT, Reason.BLANK, Reason.NO_ICCID})


@dataclass(frozen=True, slots=True)
class TextManifest:
    """A list or table: how it is written, and its lines as UTF-8 (or, line by line, Windows-1252)."""

    encoding: Encoding
    layout: Layout
    stretches: Iterator[Stretch]


def read_blocks(path: Path, name: str, rules: ReadingRules) -> Iterator[Block]:
    """The manifest at `path`, whose name was `name`, block by block; every line is in exactly one block.

    Raises `ManifestRefused`, with `quarantine` when the header shows key material. Memory does not grow with the file.
    """
    with opened_manifest(path, name, rules.limits, rules.block_lines) as manifest:
        if isinstance(manifest, Sheet):
            blocks = sheet_blocks(manifest, rules)
        elif manifest.layout.header:
            blocks = delimited_blocks(manifest.stretches, manifest.layout.header, rules)
        else:
            blocks = list_blocks(manifest.stretches, manifest.layout.header_line, rules)
        yield from _checked(blocks, rules.limits)


def describe_format(path: Path, name: str, limits: FileLimits = USUAL_LIMITS) -> str:
    """The manifest's format for people (`table parted by ';', cp1252, gzip`). Raises `ManifestRefused`."""
    with open_manifest(path, limits) as opened:
        packing = ", gzip" if opened.packed else ""
    with opened_manifest(path, name, limits) as manifest:
        if isinstance(manifest, Sheet):
            return f"workbook, sheet {manifest.name!r}{packing}"
        header, encoding = manifest.layout.header, manifest.encoding.name
        delimiter = {"\t": "tabs"}.get(header.delimiter, repr(header.delimiter)) if header else ""
        return f"{f'table parted by {delimiter}' if header else 'list'}, {encoding}{packing}"


@contextmanager
def opened_manifest(
    path: Path, name: str, limits: FileLimits, block_lines: int = 65_536
) -> Iterator[TextManifest | Sheet]:
    """The manifest, opened as what it is. Raises `ManifestRefused` when name and bytes do not fit each other or us."""
    named = named_as(name)
    with open_manifest(path, limits) as opened:
        head, stream = peeked(chunks(opened, limits))
        if is_workbook(head, named):
            with open_sheet(opened, stream, limits, block_lines) as sheet:
                yield sheet
        else:
            yield _text_manifest(head, stream, named, limits, block_lines)


def is_workbook(head: bytes, named: NamedAs) -> bool:
    """Whether these first bytes are a workbook's. Raises `ManifestRefused` where name and bytes do not fit."""
    refuse_foreign(head)
    is_zip = head.startswith(ZIP_MAGIC)
    if is_zip and named is not NamedAs.WORKBOOK:
        what = "The file is a workbook or a zip archive, and its name says that it is text."
        raise ManifestRefused(f"{what} Name a workbook .xlsx; unpack an archive.", reason="unsupported_format")
    if named is NamedAs.WORKBOOK and not is_zip:
        what = "The file is called .xlsx and is no workbook."
        raise ManifestRefused(f"{what} Save it as a workbook, or name it .csv or .txt.", reason="unsupported_format")
    return is_zip


def _text_manifest(
    head: bytes, stream: Iterable[bytes], named: NamedAs, limits: FileLimits, block_lines: int
) -> TextManifest:
    encoding = encoding_of(head)
    if len(head) <= encoding.mark_bytes:
        raise refused_as_empty()
    first_lines = _first_lines(head, encoding, limits)
    layout = layout_of(first_lines, named)
    header_line = layout.header.line if layout.header else layout.header_line
    if header_line and len(first_lines[header_line - 1].encode()) > limits.line_bytes:
        raise ManifestRefused(
            f"The header is longer than {limits.line_bytes:,} bytes. Take out the columns that are not needed, and "
            "drop the file again.",
            reason="header_too_long",
        )
    return TextManifest(encoding, layout, stretches(as_utf8(stream, encoding), limits, block_lines))


def _first_lines(head: bytes, encoding: Encoding, limits: FileLimits) -> list[str]:
    """The lines of a file's head, also those over the limit: keys are looked for in all of them."""
    whole = replace(limits, line_bytes=3 * HEAD_BYTES)  # a byte of UTF-16 is at most 1.5 of UTF-8
    first = stretches(as_utf8([head], encoding), whole, HEAD_BYTES)
    lines = [line for stretch in first for line in lines_of(stretch.content)]
    cut = len(head) >= HEAD_BYTES and len(lines) > 1  # the head may end within its last line
    return lines[:-1] if cut else lines


def peeked(stream: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and the whole stream again."""
    taken: list[bytes] = []
    while sum(map(len, taken)) < HEAD_BYTES and (chunk := next(stream, b"")):
        taken.append(chunk)
    return b"".join(taken)[:HEAD_BYTES], chain(taken, stream)


def _checked(blocks: Iterable[Block], limits: FileLimits) -> Iterator[Block]:
    """The blocks as they are; refuse a file that is no manifest, or that goes on after its control total."""
    other_lines, trailer_line = 0, 0
    for block in blocks:
        other_lines += sum(outcome.reason is not Reason.BLANK for outcome in block.outcomes)
        if other_lines > limits.other_lines:
            sentence = f"More than {limits.other_lines:,} lines hold no ICCID that can be used: this is no manifest."
            raise ManifestRefused(f"{sentence} Check what was exported, and drop it again.", reason="not_a_manifest")
        trailer_line = _trailer_line(block, trailer_line)
        yield block


def _trailer_line(block: Block, above: int) -> int:
    """Where the control total stands (0: not yet); only blank lines and comments may follow it."""
    at = [outcome.line for outcome in block.outcomes if outcome.reason is Reason.TRAILER]
    trailer = above or min(at, default=0)
    if not trailer:
        return 0
    sims_after = block.lines.size and int(block.lines[-1]) > trailer
    others = (outcome for outcome in block.outcomes if outcome.reason not in _FILLERS)
    if sims_after or any(outcome.line > trailer for outcome in others):
        raise ManifestRefused(
            f"Lines follow the control total on line {trailer}: two files may have been joined. Drop them one by one.",
            reason="lines_after_control_total",
        )
    return trailer
