"""Open a manifest safely and unpack it as a stream: no links, no devices, no bombs, no format that we cannot read."""

import errno
import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from domain.file_limits import FileLimits
from domain.manifests import ManifestRefused

CHUNK_BYTES = 1 << 20
ALWAYS_ALLOWED_BYTES = 1 << 20  # unpacked; below this no ratio is suspicious

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK"
FOREIGN_MAGIC: dict[bytes, str] = {
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old .xls workbook, or an .xlsx with a password",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A regular file, open for reading, and whether it is packed with gzip."""

    raw: BinaryIO
    size_bytes: int
    packed: bool

    def allowance(self, limits: FileLimits) -> int:
        """How many bytes may come out of it."""
        return min(limits.file_bytes, max(ALWAYS_ALLOWED_BYTES, limits.unpacked_ratio * self.size_bytes))


@contextmanager
def open_manifest(path: Path, limits: FileLimits) -> Iterator[Opened]:
    """The regular file at `path`. Raises `ManifestRefused` for a link, a device, an empty file, one over the limit."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refused("It is a symbolic link. Drop the file itself.", "symbolic_link") from None
        raise
    with os.fdopen(descriptor, "rb") as raw:
        status = os.fstat(raw.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise _refused("It is not a regular file. Drop a file.", "not_a_file")
        if status.st_size == 0:
            raise refused_as_empty()
        if status.st_size > limits.file_bytes:
            raise _refused(f"The file is larger than {limits.file_bytes:,} bytes. Split it.", "file_too_large")
        yield Opened(raw, status.st_size, packed=raw.read(2) == GZIP_MAGIC)


def chunks(opened: Opened, limits: FileLimits) -> Iterator[bytes]:
    """The file's bytes from its start, unpacked, at most `CHUNK_BYTES` at a time.

    Raises `ManifestRefused` when more comes out than the limits allow, or when the packing is damaged or cut off.
    """
    opened.raw.seek(0)
    if not opened.packed:
        while chunk := opened.raw.read(CHUNK_BYTES):
            yield chunk
        return
    left = opened.allowance(limits)
    for chunk in _unpacked(opened.raw):
        left -= len(chunk)
        if left < 0:
            raise _refused(
                f"Unpacked, the file is larger than {opened.allowance(limits):,} bytes "
                f"({limits.unpacked_ratio} times its packed size, or a file's limit). Drop it unpacked, or split it.",
                "unpacks_too_large",
            )
        yield chunk


def _unpacked(raw: BinaryIO) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=raw) as unpacker:
            while chunk := unpacker.read(CHUNK_BYTES):
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _refused("The gzip file is cut off or damaged. Pack it again and drop it again.", "damaged") from error


def refuse_foreign(head: bytes) -> None:
    """Raise `ManifestRefused` when a file's first bytes, unpacked, are those of a format that we do not read."""
    for magic, what in FOREIGN_MAGIC.items():
        if head.startswith(magic):
            raise _refused(f"The file is {what}. Export it as .csv, .txt or .xlsx.", "unsupported_format")
    if head.startswith(GZIP_MAGIC):
        raise _refused("The file is packed twice with gzip. Pack it once.", "unsupported_format")


def refused_as_empty() -> ManifestRefused:
    """A file of no bytes, or of none but its packing and its byte-order mark: surely not what was meant."""
    return _refused("The file is empty. Drop it again when it is complete.", "empty")


def _refused(sentence: str, reason: str) -> ManifestRefused:
    return ManifestRefused(sentence, reason=reason)
