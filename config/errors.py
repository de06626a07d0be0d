"""What is wrong with the configuration, one sentence for each fault: where it stands, which key, what to do."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]
"""Where a value stands: keys, and places in lists counted from 0."""


class ConfigurationError(Exception):
    """The configuration cannot be used. One sentence per fault; never holds a secret or a pydantic traceback."""

    def __init__(self, sentences: str | Sequence[str]) -> None:
        self.sentences = (sentences,) if isinstance(sentences, str) else tuple(sentences)
        super().__init__("\n".join(self.sentences))


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at one place. `sentence` says what and what to do, and starts after the key's name."""

    location: Location
    sentence: str


@dataclass(frozen=True, slots=True)
class Layer:
    """One origin of settings: a file, the environment, or the defaults."""

    name: str
    values: Mapping[str, Any]
    is_environment: bool = False


def sentences_of(faults: Collection[Fault], layers: Sequence[Layer]) -> list[str]:
    """Each fault as one sentence that names its origin and its key. The first layer wins, as for the values."""
    return [_sentence(fault, _origin(fault.location, layers)) for fault in faults]


def faults_of(errors: Sequence[ErrorDetails], values: Mapping[str, Any], known_keys: Collection[str]) -> list[Fault]:
    """pydantic's errors as faults. `values` are what was validated; its texts are never repeated."""
    return [
        Fault(location := plain_location(error["loc"], values), _what_to_do(error, location, known_keys))
        for error in errors
    ]


def plain_location(location: Location, values: Any) -> Location:
    """The location without pydantic's own words (the tag of a union), so that it can be found in the file.

    >>> plain_location(("sources", 0, "s3", "bucket"), {"sources": [{"kind": "s3"}]})
    ('sources', 0, 'bucket')
    """
    plain: list[str | int] = []
    for position, part in enumerate(location):
        inside = _step(values, part)
        if part == "[key]" or (inside is _NOTHING and position < len(location) - 1):
            continue
        plain.append(part)
        values = inside
    return tuple(plain)


def key_of(location: Location, values: Any) -> str:
    """The key as people look for it: list items by their name where they have one, else counted from 1.

    >>> key_of(("plans", 0, "currency"), {"plans": [{"name": "germany"}]})
    'plans[germany].currency'
    """
    text = ""
    for part in location:
        values = _step(values, part)
        if isinstance(part, int):
            text += f"[{_name_of(values, list_key=text) or part + 1}]"
        else:
            text += f".{part}" if text else part
    return text


def near(word: str, words: Collection[str]) -> str:
    """`; did you mean ...?` when one of the words is close, else nothing.

    >>> near("databse", ["database", "sources"])
    '; did you mean `database`?'
    """
    found = difflib.get_close_matches(word, sorted(words), n=1)
    return f"; did you mean `{found[0]}`?" if found else ""


_NOTHING: Any = object()


def _step(values: Any, part: str | int) -> Any:
    if isinstance(values, Mapping):
        return values.get(part, _NOTHING)
    if isinstance(values, list) and isinstance(part, int) and part < len(values):
        return values[part]
    return _NOTHING


def _name_of(item: Any, list_key: str) -> str | None:
    if not isinstance(item, Mapping):
        return None
    keys = ("prefix",) if list_key == "issuers" else ("id", "name", "prefix")
    return next((str(item[key]) for key in keys if item.get(key)), None)


def _depth(location: Location, layer: Layer) -> int:
    """How far along the location this layer has something to say."""
    values: Any = layer.values
    for depth, part in enumerate(location):
        values = _step(values, part)
        if values is _NOTHING:
            return depth
    return len(location)


def _origin(location: Location, layers: Sequence[Layer]) -> Layer:
    return max(layers, key=lambda layer: _depth(location, layer))


def _sentence(fault: Fault, layer: Layer) -> str:
    if layer.is_environment and fault.location:
        name = "__".join(str(part) for part in fault.location).upper()
        return f"The environment variable SIMLINE_{name} {fault.sentence}"
    return f"{layer.name}: `{key_of(fault.location, layer.values)}` {fault.sentence}"


_WORDS = {
    "missing": "is missing. Add it.",
    "union_tag_not_found": "has no `kind`. Say `folder` or `s3`.",
    "union_tag_invalid": "has a `kind` that there is not. Say `folder` or `s3`.",
    "too_short": "must not be empty.",
}


def _what_to_do(error: ErrorDetails, location: Location, known_keys: Collection[str]) -> str:
    if error["type"] in _WORDS:
        return _WORDS[error["type"]]
    if error["type"] == "extra_forbidden":
        hint = near(str(location[-1]), known_keys) or ". Remove it, or look it up in docs/configuration.md."
        return f"is not a setting{hint}"
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    return f"{error['msg'].removeprefix('Input ').replace('should be', 'must be')}."
