"""Bytes to physical lines in stretches of bounded size. CR, LF and CRLF each end a line; nothing else does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.file_limits import FileLimits

STRETCH_BYTES = 4 << 20
TOO_LONG_STANDS_AS = b"#"  # a comment: every reader leaves the line alone, and its number stays right


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive lines; each ends with LF in `content`, so it holds exactly `line_count` of them.

    A line of `long_lines` was over the limit: its bytes were not kept and `TOO_LONG_STANDS_AS` is in its place.
    """

    first_line: int
    line_count: int
    content: bytes
    long_lines: frozenset[int] = frozenset()


def stretches(chunks: Iterable[bytes], limits: FileLimits, block_lines: int) -> Iterator[Stretch]:
    """The lines of a file, at most `block_lines` and about `STRETCH_BYTES` a stretch."""
    cutter = _Cutter(limits.line_bytes, block_lines)
    for chunk in _lf_only(chunks):
        yield from cutter.take(chunk)
    yield from cutter.finish()


def _lf_only(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""  # a CR at a chunk's end may be half of a CRLF
    for chunk in chunks:
        body = held + chunk
        held = b"\r" if body.endswith(b"\r") else b""
        body = body[: len(body) - len(held)]
        yield body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in body else body
    yield b"\n" if held else b""


class _Cutter:
    """Collects whole lines until a stretch is full. Holds at most a stretch and the start of one line."""

    def __init__(self, line_bytes: int, block_lines: int) -> None:
        self._line_bytes = line_bytes
        self._block_lines = block_lines
        self._start = b""  # of a line whose end has not come yet
        self._skipping = False  # inside a line that is too long
        self._parts: list[bytes] = []
        self._part_lines = 0
        self._part_bytes = 0
        self._long: list[int] = []
        self._next_line = 1

    def take(self, chunk: bytes) -> Iterator[Stretch]:
        """Stretches that this chunk completes."""
        end = chunk.rfind(b"\n") + 1
        if end:
            head = TOO_LONG_STANDS_AS + chunk[chunk.find(b"\n") : end] if self._skipping else self._start + chunk[:end]
            yield from self._add(head, self._skipping)
            self._start, self._skipping = b"", False
        if not self._skipping:
            self._start += chunk[end:]
            if len(self._start) > self._line_bytes:
                self._start, self._skipping = b"", True

    def finish(self) -> Iterator[Stretch]:
        """The rest; a last line without its newline is a line."""
        if self._skipping:
            yield from self._add(TOO_LONG_STANDS_AS + b"\n", True)
        elif self._start:
            yield from self._add(self._start + b"\n")
        yield from self._flush()

    def _add(self, body: bytes, first_is_long: bool = False) -> Iterator[Stretch]:
        """Take whole lines, each ending with LF, in pieces that fill one stretch after the other."""
        ends, too_long = _line_ends(body, self._line_bytes)
        if too_long:
            body = _without(body, too_long)
            ends, _ = _line_ends(body, self._line_bytes)
        first = self._next_line + self._part_lines
        self._long += [first + index for index in ([0] if first_is_long else []) + too_long]
        taken = start = 0
        while taken < ends.size:
            count = min(self._block_lines - self._part_lines, ends.size - taken)
            taken += count
            past = int(ends[taken - 1]) + 1
            self._parts.append(body[start:past])
            self._part_lines += count
            self._part_bytes += past - start
            start = past
            if self._part_lines >= self._block_lines or self._part_bytes >= STRETCH_BYTES:
                yield from self._flush()

    def _flush(self) -> Iterator[Stretch]:
        if not self._part_lines:
            return
        past = self._next_line + self._part_lines
        long_here = frozenset(line for line in self._long if line < past)
        self._long = [line for line in self._long if line >= past]
        content = b"".join(self._parts)
        stretch = Stretch(self._next_line, self._part_lines, content, long_here)
        self._parts, self._part_lines, self._part_bytes, self._next_line = [], 0, 0, past
        yield stretch


def _line_ends(body: bytes, line_bytes: int) -> tuple[NDArray[np.int64], list[int]]:
    """Where each line ends, and the indices of the lines that are too long."""
    ends = np.flatnonzero(np.frombuffer(body, np.uint8) == ord("\n"))
    too_long = np.flatnonzero(np.diff(ends, prepend=-1) - 1 > line_bytes)
    return ends, too_long.tolist()


def _without(body: bytes, too_long: list[int]) -> bytes:
    lines = body.split(b"\n")
    for index in too_long:
        lines[index] = TOO_LONG_STANDS_AS
    return b"\n".join(lines)
