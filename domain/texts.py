"""Text that every part can keep, because what carriers and files send is not always what a database takes, and lists
of names in a sentence."""

from collections.abc import Sequence


def storable(text: str) -> str:
    r"""The text as both databases take it: NUL becomes its picture, a lone surrogate a question mark.

    >>> storable("a\0b"), storable("a\ud800b")
    ('a\u2400b', 'a?b')
    """
    if text.isascii():
        return text.replace("\0", "\u2400")
    return text.replace("\0", "\u2400").encode("utf-8", "replace").decode("utf-8")


def storable_document(document: object) -> object:
    r"""A document of JSON in which every text, and every name, is storable.

    >>> storable_document({"sid": ["H\0S", 1, None]})
    {'sid': ['H\u2400S', 1, None]}
    """
    match document:
        case str():
            return storable(document)
        case list():
            return [storable_document(one) for one in document]
        case dict():
            return {storable(str(name)): storable_document(one) for name, one in document.items()}
    return document


def first_few(names: Sequence[str], most: int) -> str:
    """So many of the names, and how many more there are.

    >>> first_few(["m-1", "m-2"], 3), first_few([f"m-{n}" for n in range(9)], 3), first_few([], 3)
    ('m-1, m-2', 'm-0, m-1, m-2 and 6 more', '')
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
