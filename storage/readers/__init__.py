"""Manifest readers: bytes in any of the formats in the wild to lines, each with its number."""

from storage.readers.fix_file import write_fix_file
from storage.readers.layout import suffix_of
from storage.readers.reading import describe_format, read_blocks

__all__ = ["describe_format", "read_blocks", "suffix_of", "write_fix_file"]
