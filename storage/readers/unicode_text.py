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
_DIGITS_OF_A_NUMBER = 15


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
    if b"\0" in head and (wide := _wide_without_mark(head)):
        return Encoding(wide)
    return Encoding("utf-8" if _is_utf8(head) else "cp1252")


def _wide_without_mark(head: bytes) -> str | None:
    """The first wide encoding that the bytes fit; a text of 8 bits with a NUL here and there fits none."""
    sample = head[: len(head) // 4 * 4]
    if sample and (wide := next((name for name in ("utf-32-le", "utf-32-be") if _is_text(sample, name)), None)):
        return wide
    sample = head[: min(_SAMPLE_BYTES, len(head) // 2 * 2)]
    if sample and (wide := _mostly_latin(sample)):
        return wide
    sample = head[: len(head) // 2 * 2]
    return next((name for name in ("utf-16-le", "utf-16-be") if _has_wide_digits(sample, name)), None)


def _is_text(sample: bytes, encoding: str) -> bool:
    """Whether all of it is characters; bytes that are not UTF-32 hardly ever are."""
    try:
        return "\0" not in sample.decode(encoding)
    except UnicodeDecodeError:
        return False


def _mostly_latin(sample: bytes) -> str | None:
    """UTF-16 of digits and Latin letters has a NUL in nearly every second place, and nowhere else."""
    half = len(sample) // 2
    first, second = sample[::2].count(0) / half, sample[1::2].count(0) / half
    if second > 0.7 and first < 0.1:
        return "utf-16-le"
    return "utf-16-be" if first > 0.7 and second < 0.1 else None


def _has_wide_digits(sample: bytes, encoding: str) -> bool:
    """Whether it holds the digits of a number in this UTF-16, whatever script the rest is in.

    Two Latin letters in 8 bits would be one character of UTF-16, so a text that is mostly of these is none.
    """
    high, low = (sample[1::2], sample[::2]) if encoding == "utf-16-le" else (sample[::2], sample[1::2])
    pairs = list(zip(high, low, strict=True))
    digits = sum(one == 0 and 48 <= other < 58 for one, other in pairs)
    letters = sum(32 <= one < 127 and 32 <= other < 127 for one, other in pairs)
    return digits >= _DIGITS_OF_A_NUMBER and 2 * letters <= len(pairs) and _is_text(sample[:-2], encoding)


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
