"""What a person named: a file, an S3 object, or ICCIDs themselves, as a delivery that the engine can claim."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from console.app import STDIN
from console.door import CannotDo

if TYPE_CHECKING:
    from config.settings import Settings
    from engine.context import Context
    from engine.placing import Defaults
    from storage.sources.contract import Item, Source

CHUNK_BYTES = 1 << 20
LIKE_AN_ICCID = re.compile(r"[0-9A-Fa-f][0-9A-Fa-f -]{9,}")


def delivery_of(
    context: "Context", settings: "Settings", words: Sequence[str], kept_in: Path | None = None
) -> "tuple[Source, Item]":
    """The source and item of what was named; what was typed lies in `kept_in`, else in `results`.

    Raises `CannotDo` and `SourceUnavailable`.
    """
    from storage.sources.given import GivenFiles

    if words and words[0].startswith("s3://"):
        return _object(context, settings, *words)
    given = context.sources[GivenFiles.name]
    assert isinstance(given, GivenFiles)  # noqa: S101 - config/build.py puts it there
    return given, given.item(file_of(words, kept_in or settings.path("results"), context.file_limits.file_bytes))


def refuse_unknown(context: "Context", asked: "Defaults") -> None:
    """A mistyped option would reject every line, so it is refused before the file is touched. Raises `CannotDo`."""
    from domain.countries import UnknownCountry, country_code
    from storage import catalogue

    with context.database.read() as tx:
        products = [product.id for product in catalogue.products(tx)]
    for option, word, known in (
        ("--product", asked.product, products),
        ("--carrier-account", asked.carrier_account, sorted(context.carriers)),
    ):
        if word is not None and word not in known:
            near = get_close_matches(word, known, n=1)
            meant = f"Did you mean {near[0]}?" if near else f"There is: {', '.join(known) or 'none yet'}."
            raise CannotDo(f"{option} {word}: there is none of this name. {meant}")
    try:
        country_code(asked.home_country or "DE")
    except UnknownCountry as error:
        raise CannotDo(f"--home-country: {error} Give the ISO 3166-1 code of two letters.") from None


def file_of(words: Sequence[str], kept_in: Path, at_most_bytes: int) -> Path:
    """The file that was named, or a new one in `kept_in` with the ICCIDs that were. The same ICCIDs, the same file.

    Raises `CannotDo`; the standard input may have so many bytes.
    """
    if not words:
        raise CannotDo("Name a file, an s3:// address, ICCIDs, or - to read them from the standard input.")
    if words[0] == STDIN:
        _refuse_more(words)
        with Path(STDIN).open("rb") as stream:
            return _kept(iter(partial(stream.read, CHUNK_BYTES), b""), kept_in, at_most_bytes)
    if all(LIKE_AN_ICCID.fullmatch(word) and not Path(word).exists() for word in words):
        return _kept((f"{word}\n".encode() for word in words), kept_in, at_most_bytes)
    _refuse_strange(words)
    _refuse_more(words)
    return Path(words[0])


def forget_typed(words: Sequence[str], item: "Item") -> bool:
    """Delete what we wrote ourselves of what came in; whether that was so. A file that was named is its sender's."""
    from storage.sources.given import GivenFiles
    from storage.sources.names import to_path

    kept = Path(to_path(item.identity.key))
    if item.identity.source != GivenFiles.name or Path(words[0]).resolve() == kept:
        return False
    kept.unlink(missing_ok=True)
    return True


def there(path: Path) -> Path:
    """The file, if it is one. Raises `CannotDo`."""
    if path.is_file():
        return path
    if path.exists():
        raise CannotDo(f"{path} is not a file. Name one.")
    raise CannotDo(f"There is no file {path}. Check the name.")


def _refuse_strange(words: Sequence[str]) -> None:
    """One word among ICCIDs that is none: a slip of the hand, and no file."""
    strange = [word for word in words if not LIKE_AN_ICCID.fullmatch(word)]
    if len(words) > len(strange) and not Path(words[0]).exists() and strange:
        raise CannotDo(
            f"{strange[0]!r} is not written like an ICCID (digits, blanks, hyphens). Correct it, or drop it."
        )


def _refuse_more(words: Sequence[str]) -> None:
    if len(words) > 1:
        raise CannotDo(f"Name one file at a time, or ICCIDs only: {words[1]!r} is too much.")


def _kept(pieces: Iterable[bytes], folder: Path, at_most_bytes: int) -> Path:
    """A manifest of its own, written as it comes in; its receipt comes to lie beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    waiting = folder / f".typed-{uuid4().hex}.part"
    try:
        digest = _written(pieces, waiting, at_most_bytes)
        return waiting.replace(folder / f"typed-{digest[:12]}.txt")
    finally:
        waiting.unlink(missing_ok=True)


def _written(pieces: Iterable[bytes], path: Path, at_most_bytes: int) -> str:
    """The hash of what was written; no more than one piece is held, and no more than the limit is kept."""
    digest, size, is_blank = hashlib.sha256(), 0, True
    with path.open("wb") as file:
        for piece in pieces:
            size += len(piece)
            if size > at_most_bytes:
                raise CannotDo(f"More than {at_most_bytes:,} bytes came in; at most so many are taken. Split the list.")
            is_blank = is_blank and not piece.strip()
            digest.update(piece)
            try:
                file.write(piece)
            except OSError as error:  # it names no file
                raise CannotDo(f"{path.parent}: {error.strerror}. Make room on its disk, then run again.") from None
    if is_blank:
        raise CannotDo("No ICCID came in. Give at least one.")
    return digest.hexdigest()


def _object(context: "Context", settings: "Settings", address: str, *more: str) -> "tuple[Source, Item]":
    _refuse_more((address, *more))
    from storage.sources.names import to_path

    bucket, _, key = address.removeprefix("s3://").partition("/")
    for section in settings.sources:
        if section.kind == "s3" and section.bucket == bucket and key.startswith(section.prefix):
            source, below = context.sources[section.name], key.removeprefix(section.prefix).lstrip("/")
            for item in source.items():
                if to_path(item.identity.key) == below:
                    return source, item
            raise CannotDo(f"There is no {address}, or it is not complete yet. Check the name.")
    raise CannotDo(f"No [[sources]] in simline.toml covers {address}. Add its bucket and prefix there.")
