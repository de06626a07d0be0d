"""The fix-only-the-bad-rows file: a manifest's header and some of its lines, to be corrected and dropped again.

It is written in the manifest's own format and delimiter, never packed. Lines of 8-bit encodings stand as they stood,
byte by byte; UTF-16 becomes UTF-8 with a byte-order mark; every cell of a workbook becomes text, so the next
correction cannot lose digits. Its registration codes come along: keep it where the manifest was.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from domain.file_limits import USUAL_LIMITS, FileLimits
from storage.readers.delimited import is_separator_line
from storage.readers.physical_lines import Stretch
from storage.readers.reading import TextManifest, opened_manifest
from storage.readers.unicode_text import text_of
from storage.readers.workbook import Sheet, text_cells

_UTF8_MARK = b"\xef\xbb\xbf"


def write_fix_file(
    path: Path, name: str, lines: Sequence[int], target: Path, limits: FileLimits = USUAL_LIMITS
) -> None:
    """Write the chosen lines (by number, in any order) of the manifest at `path` to `target`, line by line.

    A line that was too long to be read becomes a comment that says so. The control total is left out. Raises
    `ManifestRefused` as reading does.
    """
    wanted = frozenset(lines)
    with opened_manifest(path, name, limits) as manifest:
        if isinstance(manifest, Sheet):
            _write_sheet(manifest, wanted, target)
        else:
            _write_text(manifest, wanted, target)


def _write_text(manifest: TextManifest, wanted: frozenset[int], target: Path) -> None:
    header_line = manifest.layout.header.line if manifest.layout.header else manifest.layout.header_line
    with target.open("wb") as file:
        if manifest.encoding.wide or manifest.encoding.mark_bytes:
            file.write(_UTF8_MARK)
        for stretch in manifest.stretches:
            file.writelines(line + b"\n" for line in _chosen(stretch, wanted, header_line))


def _chosen(stretch: Stretch, wanted: frozenset[int], header_line: int) -> Iterator[bytes]:
    numbers = range(stretch.first_line, stretch.first_line + stretch.line_count)
    if stretch.first_line > header_line and wanted.isdisjoint(numbers):
        return
    for number, line in zip(numbers, stretch.content.split(b"\n"), strict=False):
        if number in wanted and number in stretch.long_lines:
            yield b"# Line %d was too long and is not copied." % number
        elif number in wanted or number == header_line or _steers(number, line, header_line):
            yield line


def _steers(number: int, line: bytes, header_line: int) -> bool:
    return number < header_line and is_separator_line(text_of(line))


def _write_sheet(sheet: Sheet, wanted: frozenset[int], target: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(target, {"constant_memory": True}) as workbook:
        as_text = workbook.add_format({"num_format": "@"})
        page = workbook.add_worksheet("SIMs")
        page.set_column(0, 0, 24, as_text)
        rows = enumerate(chain.from_iterable(sheet.parts()), 1)
        chosen: Iterable[list[str]] = (
            text_cells(cells) for line, cells in rows if line in wanted or line == sheet.header.line
        )
        for row, cells in enumerate(chosen):
            for column, cell in enumerate(cells):
                page.write_string(row, column, cell, as_text)
