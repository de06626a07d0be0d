"""What may be kept of a line that was not accepted: at most the part that somebody meant as its ICCID.

Beside the ICCID a line may hold a registration code, a PUK or a Ki, with any delimiter or none. So nothing is kept
because it looks harmless; only what looks like the number is. The line number finds the rest, in the sender's own file.

>>> iccid_part("ICCID=8934076500002589175 KI=0123456789ABCDEF0123456789ABCDEF")
'8934076500002589175'
>>> iccid_part("8934 0765 0000 2589 175 CODE12"), iccid_part("893407650O0O2589174:CODE12"), iccid_part("PUK 12345678")
('8934 0765 0000 2589 175', '893407650O0O2589174', '')
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

MOST_TEXT = 200
"""Characters that are kept of a word for a product, a country or an account."""
_FEWEST, _MOST = 18, 20
_ALONE = 15
"""So many characters in one group are a number by themselves: what follows them is something else."""
_EID_DIGITS = 32
_STRANGE_LETTERS = 3
_WORD = re.compile(r"[^\W_]+")
_JOINT = re.compile(r"[^\w,;:|=<>\t\r\n\v\f]{1,3}|_")
"""Between the groups of one number: blanks, hyphens, dots, marks that nobody sees."""
_ROUNDED = re.compile(
    r"(?<![\w.,])(?:[0-9](?:[.,][0-9]{0,20})?[eE]\+?[1-3][0-9]|[0-9]{1,3}(?:[.,][0-9]{3}){4,6})(?!\w)"
)
_LOOKS_LIKE_A_DIGIT = frozenset("OoIl")
_DEVICE = re.compile(r"[\w.-]{1,64}")


def iccid_part(text: str) -> str:
    """The number that was meant, in the writing that it had; empty where nothing is like one. A longer one is cut."""
    if text.isdigit() and _FEWEST <= len(text) <= _MOST:
        return text
    found = [(_rank(groups), -start, end) for start, end, groups in _numbers(text)]
    found += [(3, -rounded.start(), rounded.end()) for rounded in _ROUNDED.finditer(text)]
    rank, before, end = max(found, default=(0, 0, 0))
    best = text[-before:end] if rank else ""
    return best if rank > 1 or _size(best) <= _MOST else f"{best[:_MOST]}\u2026"


def device_part(text: str) -> str:
    """The device's ID at the start of a cell."""
    found = _DEVICE.match(text.strip())
    return found[0] if found else ""


def _numbers(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """From where to where a number may stand: each word, and with it those behind it that only separators part."""
    words = [(word.start(), word.end()) for word in _WORD.finditer(text)]
    for first, (start, end) in enumerate(words):
        if end - start > _MOST or _is_like_digits(text[start:end]):
            groups = [text[start:end]]
            yield start, end, groups
            before = end
            for after, stops in words[first + 1 : first + _MOST]:
                group = text[after:stops]
                if not (_JOINT.fullmatch(text[before:after]) and _is_like_digits(group) and _fits(groups, group)):
                    break
                groups, before = [*groups, group], stops
                yield start, stops, groups


def _fits(groups: Sequence[str], group: str) -> bool:
    """Whether one more group belongs to the number; behind a long one only its last digits do."""
    size = sum(map(len, groups)) + len(group)
    return size <= _MOST and (len(group) <= 2 or all(len(one) < _ALONE for one in [*groups, group]))


def _rank(groups: Sequence[str]) -> int:
    """How surely it was meant as an ICCID, or is another number that may stand in its place by mistake; 0: not."""
    word = "".join(groups)
    starts = "".join(str(unicodedata.digit(letter, letter)) for letter in word[:2]) == "89"
    if len(word) == _EID_DIGITS and word.isdigit() and starts:
        return 4
    if not _is_like_digits(word[:_MOST]):
        return 0
    if _FEWEST <= len(word) <= _MOST:
        return 4 if starts else 2
    if len(word) == _ALONE and len(groups) == 1 and word.isdigit() and not starts:
        return 2
    return int(starts and (len(groups) == 1 or max(map(len, groups)) <= 5))


def _is_like_digits(word: str) -> bool:
    """Digits (of any script), with some letters among them; a letter that looks like a digit counts as one."""
    strange = sum(not letter.isdigit() and letter not in _LOOKS_LIKE_A_DIGIT for letter in word)
    return strange <= _STRANGE_LETTERS and 3 * strange < len(word)


def _size(part: str) -> int:
    return sum(map(str.isalnum, part))
