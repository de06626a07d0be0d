"""Text that every part can keep: what carriers and files send is not always what a database takes."""


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
