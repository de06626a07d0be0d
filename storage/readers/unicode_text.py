"""Whatever a spreadsheet or a vendor's script wrote, as UTF-8 and then as text. Nothing is dropped, nothing raises."""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the start of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's bytes are to be read. `wide`: more than one byte a character, so it is rewritten as UTF-8 first."""

    name: str
    mark_bytes: int = 0

    @property
    def wide(self) -> bool:
        """UTF-16 or UTF-32."""
        return self.name.startswith(("utf-16", "utf-32"))


def encoding_of(head: bytes) -> Encoding:
    """The encoding that a file's first bytes show.

    >>> encoding_of(b"8\\x009\\x003\\x004\\x00").name, encoding_of(b"M\\xfcller").name, encoding_of(b"8934").name
    ('utf-16-le', 'cp1252', 'utf-8')
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, len(mark))
    sample = head[: min(_SAMPLE_BYTES, len(head) // 2 * 2)]
    if sample and (wide := _wide_without_mark(sample)):
        return Encoding(wide)
    return Encoding("utf-8" if _is_utf8(head) else "cp1252")


def _wide_without_mark(sample: bytes) -> str | None:
    """UTF-16 of digits and Latin letters has a NUL in nearly every second place, and nowhere else."""
    half = len(sample) // 2
    first, second = sample[::2].count(0) / half, sample[1::2].count(0) / half
    if second > 0.7 and first < 0.1:
        return "utf-16-le"
    return "utf-16-be" if first > 0.7 and second < 0.1 else None


def _is_utf8(head: bytes) -> bool:
    """A character that the head's end cuts in two does not count against it."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def as_utf8(chunks: Iterable[bytes], encoding: Encoding) -> Iterator[bytes]:
    """The chunks without their byte-order mark; UTF-16 and UTF-32 as UTF-8, other bytes as they are."""
    decoder = codecs.getincrementaldecoder(encoding.name)(errors="replace") if encoding.wide else None
    mark_left = encoding.mark_bytes
    for chunk in chunks:
        body, mark_left = chunk[mark_left:], max(0, mark_left - len(chunk))
        yield decoder.decode(body).encode("utf-8", "replace") if decoder else body
    if decoder:
        yield decoder.decode(b"", True).encode("utf-8", "replace")


def text_of(line: bytes) -> str:
    """One line as text: UTF-8, and where it is not that, Windows-1252 (its five unused bytes as Latin-1)."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(_CP1252[byte] for byte in line)


_CP1252 = [
    bytes([byte]).decode("cp1252") if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(byte) for byte in range(256)
]
