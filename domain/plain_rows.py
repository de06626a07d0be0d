"""Lines of digits read and written many at a time.

The 20 bytes up to the end of each line are taken as ten pairs, and tables say of each pair of bytes its value and its
part of the Luhn sum, so a few additions read and judge a whole block.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Sums = NDArray[np.int16]
Pairs = NDArray[np.uint16]
Mask = NDArray[np.bool_]

WIDTH = 20  # the longest ICCID
NO_DIGITS = 200  # a Luhn sum from here on: not all of it is digits (ten pairs of digits reach 180 at most)

_ZERO_ZERO, _ZERO = 0x3030, 0x30
# By length (18, 19, 20): what turns the value of the last 18 digits into a key, that is, takes the 89 out of it.
_INTO_KEY = np.array([-89 * 10**16, 10**18 - 9 * 10**17, 2 * 10**18], np.int64)


class Rows:
    """Where the lines of a block begin and end: parted by line feeds, without the carriage return before them."""

    def __init__(self, block: bytes) -> None:
        end = b"" if not block or block.endswith(b"\n") else b"\n"
        self._buffer = b"\n" * WIDTH + block + end  # so that a window of 20 bytes fits before the end of any line
        self._bytes = np.frombuffer(self._buffer, np.uint8)
        feeds = np.flatnonzero(self._bytes == ord("\n"))[WIDTH - 1 :]
        self._starts = feeds[:-1] + 1
        self._ends = feeds[1:] - (self._bytes[feeds[1:] - 1] == ord("\r"))
        self.lengths: Ints = self._ends - self._starts
        self.count = int(self.lengths.size)

    def text(self, row: int) -> str:
        """One line as text."""
        return self._buffer[self._starts[row] : self._ends[row]].decode("utf-8", "replace")

    def starts_with_89(self, chosen: Ints) -> Mask:
        """Which of the chosen lines (of 2 bytes or more) do."""
        starts = self._starts[chosen]
        found: Mask = (self._bytes[starts] == ord("8")) & (self._bytes[starts + 1] == ord("9"))
        return found

    def pairs(self, chosen: Ints) -> Pairs:
        """The chosen lines (18 to 20 bytes) as ten rows of byte pairs; before a shorter line stand zeros."""
        windows: NDArray[np.void] = np.ndarray(
            (len(self._buffer) - WIDTH + 1,), f"V{WIDTH}", self._buffer, strides=(1,)
        )
        pairs: Pairs = windows[self._ends[chosen] - WIDTH].view("<u2").reshape(-1, WIDTH // 2).T.copy()
        first = pairs[0]
        pairs[0] = np.choose(self.lengths[chosen] - 18, (_ZERO_ZERO, first & 0xFF00 | _ZERO, first))
        return pairs


def keys_of(pairs: Pairs, lengths: Ints) -> Ints:
    """The keys (see `domain.iccid.key_of`) of lines that are digits and start with 89; of others, nonsense."""
    keys: Ints = _VALUES[pairs[1]]
    for pair in pairs[2:]:
        keys *= 100
        keys += _VALUES[pair]
    keys += _INTO_KEY[lengths - 18]
    return keys


def iccids_of(keys: Ints) -> list[str]:
    """The other way round: the canonical ICCIDs of these keys, in their order."""
    extra_digits, left = np.divmod(keys, 10**18)
    fours = np.empty((keys.size, 6), "<u4")
    for place in range(4, 0, -1):
        above = left // 10**4
        fours[:, place] = _FOUR_DIGITS[left - above * 10**4]
        left = above
    fours[:, 0] = _FOUR_DIGITS[8900 + left]
    fours[:, 5] = _LINE_FEED
    wanted = np.full((keys.size, 24), True)
    wanted[:, 2], wanted[:, 3], wanted[:, 21:] = extra_digits > 1, extra_digits > 0, False
    lines: str = fours.view(np.uint8)[wanted].tobytes().decode("ascii")
    return lines.split("\n")[:-1]


def luhn_sums(pairs: Pairs) -> Sums:
    """The Luhn sum of each line, its last digit being the check digit; `NO_DIGITS` or more where one is no digit."""
    return _summed(_LUHN, pairs)


def check_digits(pairs: Pairs) -> Sums:
    """The check digit that each line (all digits) lacks."""
    return -_summed(_LUHN_BEFORE_CHECK_DIGIT, pairs) % 10


def _summed(table: Sums, pairs: Pairs) -> Sums:
    sums: Sums = table[pairs[0]]
    for pair in pairs[1:]:
        sums += table[pair]
    return sums


def _tables() -> tuple[Ints, Sums, Sums]:
    """By pair of bytes, the first in the low byte: its value, and its part of the Luhn sum, either digit doubled."""
    bytes_ = np.arange(1 << 16)
    first, second = bytes_ % 256 - ord("0"), bytes_ // 256 - ord("0")
    digits = (first >= 0) & (first <= 9) & (second >= 0) & (second <= 9)
    return (
        np.where(digits, 10 * first + second, 0).astype(np.int64),
        np.where(digits, _doubled(first) + second, NO_DIGITS).astype(np.int16),
        np.where(digits, first + _doubled(second), NO_DIGITS).astype(np.int16),
    )


def _doubled(digits: Ints) -> Ints:
    """Twice the digit, its own digits added.

    >>> _doubled(np.array([4, 5, 9])).tolist()
    [8, 1, 9]
    """
    return 2 * digits - 9 * (digits > 4)


_FOUR_DIGITS = np.frombuffer(b"".join(b"%04d" % number for number in range(10**4)), "<u4")
_LINE_FEED = ord("\n")  # the first of the four bytes after the 20 digits; the other three are left out
_VALUES, _LUHN, _LUHN_BEFORE_CHECK_DIGIT = _tables()
