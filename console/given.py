"""What a person named: a file, an S3 object, or ICCIDs themselves, as a delivery that the engine can claim."""

import hashlib
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from console.app import STDIN
from console.door import CannotDo

if TYPE_CHECKING:
    from config.settings import Settings
    from engine.context import Context
    from engine.placing import Defaults
    from storage.sources.contract import Item, Source

LIKE_AN_ICCID = re.compile(r"[0-9A-Fa-f][0-9A-Fa-f -]{9,}")


def delivery_of(context: "Context", settings: "Settings", words: Sequence[str]) -> "tuple[Source, Item]":
    """The source and item of what was named. Raises `CannotDo` and `SourceUnavailable`."""
    from storage.sources.given import GivenFiles

    if words and words[0].startswith("s3://"):
        return _object(context, settings, *words)
    given = context.sources[GivenFiles.name]
    assert isinstance(given, GivenFiles)  # noqa: S101 - config/build.py puts it there
    return given, given.item(file_of(words, settings.path("results")))


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


def file_of(words: Sequence[str], kept_in: Path) -> Path:
    """The file that was named, or a new one in `kept_in` with the ICCIDs that were. The same ICCIDs, the same file."""
    if not words:
        raise CannotDo("Name a file, an s3:// address, ICCIDs, or - to read them from the standard input.")
    if words[0] == STDIN:
        _refuse_more(words)
        return _kept(Path(STDIN).read_bytes(), kept_in)
    if all(LIKE_AN_ICCID.fullmatch(word) and not Path(word).exists() for word in words):
        return _kept("".join(f"{word}\n" for word in words).encode(), kept_in)
    _refuse_more(words)
    return Path(words[0])


def _refuse_more(words: Sequence[str]) -> None:
    if len(words) > 1:
        raise CannotDo(f"Name one file at a time, or ICCIDs only: {words[1]!r} is too much.")


def _kept(content: bytes, folder: Path) -> Path:
    """A small manifest of its own; its receipt comes to lie beside it."""
    if not content.strip():
        raise CannotDo("No ICCID came in. Give at least one.")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"typed-{hashlib.sha256(content).hexdigest()[:12]}.txt"
    path.write_bytes(content)
    return path


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
