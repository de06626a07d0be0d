"""Millions of ICCIDs at once, with the answers of `domain.iccid.validate`.

A plain line (18 to 20 digits and nothing else) is judged with all the others of its block; every other line goes to
`validate` itself. A block is whole lines of UTF-8; what grows with a file is its keys, 8 bytes a line.

One question needs the neighbours, those before and after the block too: a bare number with only zeros after its 15th
digit. It is refused as a spreadsheet's work, with one exception. Where the line above holds the card before it, or the
line below the card after it, it stands in its place on a reel, and a rounded number would not: what it was rounded from
would have other neighbours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.control_totals import ControlTotal, parse_trailer
from domain.iccid import TEST_ICCIDS, CheckDigit, InvalidIccid, IssuerProfile, key_of, validate
from domain.kept_text import iccid_part
from domain.lines import LineOutcome, Reason, Verdict
from domain.plain_rows import NO_DIGITS, WIDTH, Ints, Mask, Rows, check_digits, iccids_of, keys_of, luhn_sums
from domain.spreadsheet_cells import is_error

Profiles = Sequence[IssuerProfile]
Around = tuple[str, str]
"""What stands before a block and after it; nothing at the ends of a file."""
NOTHING: Around = ("", "")


class Fault(NamedTuple):
    """Why a line or cell holds no ICCID."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """A stretch of lines: `keys[i]` stands on line `lines[i]`; `outcomes` tells of all the other lines, in order.

    `trailer` is the control total that stands in one of them.
    """

    line_count: int
    lines: Ints
    keys: Ints
    outcomes: list[LineOutcome]
    trailer: ControlTotal | None = None


class Cells(NamedTuple):
    """A column: `keys[i]` where `ok[i]`, -1 elsewhere; `faults` are those of the cells that are not ok, in order.

    An empty cell is `Reason.BLANK`, a cell with nothing like a number `Reason.NO_ICCID`.
    """

    ok: Mask
    keys: Ints
    faults: list[Fault]


class Ranges(NamedTuple):
    """Keys from `edges[i]` up to `edges[i + 1]` belong to profile `owners[i]`; -1: nobody listed that issuer."""

    edges: Ints
    owners: Ints


def classify_lines(
    block: bytes, first_line: int, profiles: Profiles = (), *, zeros_are_real: bool = False, around: Around = NOTHING
) -> Batch:
    """What every line of a bare list is: a key, ignored (blank, `#` comment, no ICCID in it), or rejected.

    `zeros_are_real`: as in `validate`. `around`: the lines before and after the block. Raises `ManifestRefused` when a
    control total is garbled.
    """
    rows = Rows(block)
    keys, faults = _judge(rows, rows.text, _judge_line, profiles, around, zeros_are_real=zeros_are_real)
    outcomes: list[LineOutcome] = []
    trailer = None
    for row, last in _reported(rows, keys):
        fault = faults.get(row, _BLANK)
        text = "" if fault.reason is Reason.BLANK else rows.text(row)
        if total := parse_trailer(text):
            fault, trailer = Fault(Reason.TRAILER), total
        kept = "" if fault.reason in _IGNORED else iccid_part(text)
        _append(outcomes, fault, kept, first_line + row, first_line + last)
    ok = np.flatnonzero(keys >= 0)
    return Batch(rows.count, ok + first_line, keys[ok], outcomes, trailer)


def classify_cells(cells: Sequence[str], profiles: Profiles = (), *, around: Around = NOTHING) -> Cells:
    """What every cell of a table's ICCID column is. `around`: the cells above and below these."""
    # A line feed within a cell would shift the cells below it; the vertical tab means the same to `validate`.
    lines = [cell.replace("\n", "\v") if "\n" in cell else cell for cell in cells]
    rows = Rows("\n".join([*lines, ""]).encode("utf-8", "replace"))
    keys, faults = _judge(rows, cells.__getitem__, _judge_cell, profiles, around)
    ok = keys >= 0
    return Cells(ok, keys, [faults.get(row, _BLANK) for row in np.flatnonzero(~ok).tolist()])


def distinct(keys: Ints) -> Ints:
    """Each key once, sorted. `np.unique` takes fifty times as long."""
    ordered = np.sort(keys)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def duplicates(keys: Ints, lines: Ints) -> tuple[Ints, Ints]:
    """Positions in `keys` of every later copy, and for each the line on which that SIM stands first.

    `keys` are in the order of their `lines`, so the first line of a SIM is the one that stays.
    """
    ordered = np.sort(keys)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not repeated.size:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    nearest = repeated[np.minimum(np.searchsorted(repeated, keys), repeated.size - 1)]
    copies = np.flatnonzero(nearest == keys)
    copies = copies[np.argsort(keys[copies], kind="stable")]  # by SIM, then by line
    first = copies[np.searchsorted(keys[copies], keys[copies])]
    later = np.flatnonzero(first != copies)
    later = later[np.argsort(copies[later])]
    return copies[later], lines[first[later]]


def stretches(keys: Ints, at_most: int) -> list[tuple[str, str]]:
    """The first and last ICCID of so many stretches that hold all these keys: cut where the widest gaps are.

    SIMs come on reels of consecutive numbers, so even a large file is a few narrow stretches. `at_most` is 3 or more:
    as text, numbers of 18, 19 and 20 digits do not follow each other.
    """
    if not keys.size:
        return []
    ordered = distinct(keys)
    cuts = min(at_most, ordered.size) - 1
    gaps = np.where(np.diff(ordered // 10**18), 10**18, np.diff(ordered))
    after = np.sort(np.argpartition(gaps, gaps.size - cuts)[gaps.size - cuts :]) if cuts else np.empty(0, np.int64)
    firsts, lasts = ordered[np.append(0, after + 1)], ordered[np.append(after, ordered.size - 1)]
    return list(zip(iccids_of(firsts), iccids_of(lasts), strict=True))


def account_ranges(profiles: Profiles) -> Ranges:
    """Issuers as ranges of keys: at a given length, a prefix is one interval. The longest prefix wins."""
    return _account_ranges(tuple(profiles))


def carrier_of(keys: Ints, profiles: Profiles) -> Ints:
    """For each key the index of its issuer's profile, or -1."""
    edges, owners = account_ranges(profiles)
    return owners[np.searchsorted(edges, keys, side="right") - 1]


@lru_cache(maxsize=16)
def _account_ranges(profiles: tuple[IssuerProfile, ...]) -> Ranges:
    spans: list[tuple[int, int, int]] = []
    for index in sorted(range(len(profiles)), key=lambda index: (len(profiles[index].prefix), -index)):
        prefix = profiles[index].prefix
        for length in (18, 19, 20):
            low = key_of(prefix.ljust(length, "0"))
            spans.append((low, low + 10 ** (length - len(prefix)), index))
    edges = np.unique(np.array([0, *(edge for low, high, _ in spans for edge in (low, high))], np.int64))
    owners = np.full(edges.size, -1, np.int64)
    for low, high, index in spans:  # shorter prefixes first: the longer ones are painted over them
        owners[np.searchsorted(edges, low) : np.searchsorted(edges, high)] = index
    return Ranges(edges, owners)


_BLANK = Fault(Reason.BLANK)
_IGNORED = frozenset({Reason.BLANK, Reason.COMMENT, Reason.TRAILER, Reason.NO_ICCID})
_ROUND_TO = np.array([10**3, 10**4, 10**5], np.int64)  # by length: what the digits after the 15th count up to


def _judge(
    rows: Rows,
    text_of: Callable[[int], str],
    judge_one: Callable[[str, Profiles, bool], Fault | int],
    profiles: Profiles,
    around: Around,
    *,
    zeros_are_real: bool = False,
) -> tuple[Ints, dict[int, Fault]]:
    """The key of each row, or -1, and the faults of those that have none and are not empty."""
    keys = _plain_keys(rows, profiles)
    judged = {
        row: judge_one(text_of(row), profiles, zeros_are_real)
        for row in np.flatnonzero((keys < 0) & (rows.lengths > 0)).tolist()
    }
    for row, found in judged.items():
        if isinstance(found, int):
            keys[row] = found
    damaged = [row for row, found in judged.items() if _is_damage(found)]
    edges = [_edge_key(one, judge_one, profiles) if damaged else -1 for one in around]
    for row in damaged:
        above = int(keys[row - 1]) if row else edges[0]
        below = int(keys[row + 1]) if row + 1 < keys.size else edges[1]
        if above < 0 and below < 0:
            continue
        found = judge_one(text_of(row), profiles, True)
        if isinstance(found, int) and _is_in_its_place(found, above, below):
            judged[row] = keys[row] = found
    return keys, {row: found for row, found in judged.items() if isinstance(found, Fault)}


def _edge_key(text: str, judge_one: Callable[[str, Profiles, bool], Fault | int], profiles: Profiles) -> int:
    found = judge_one(text, profiles, False)
    return found if isinstance(found, int) else -1


def _is_in_its_place(key: int, above: int, below: int) -> bool:
    """Whether the card before it stands above it, or the card after it below; the last digit is the check digit."""
    return (above >= 0 and above // 10 == key // 10 - 1) or (below >= 0 and below // 10 == key // 10 + 1)


def _plain_keys(rows: Rows, profiles: Profiles) -> Ints:
    """The keys of the rows that are nothing but a valid ICCID; -1 for the rows that `validate` must look at."""
    keys = np.full(rows.count, -1, np.int64)
    chosen = np.flatnonzero((rows.lengths >= 18) & (rows.lengths <= WIDTH))
    lengths, pairs = rows.lengths[chosen], rows.pairs(chosen)
    found, sums = keys_of(pairs, lengths), luhn_sums(pairs)
    candidates = rows.starts_with_89(chosen) & (sums < NO_DIGITS) & (found % _ROUND_TO[lengths - 18] != 0)
    for iccid in TEST_ICCIDS:
        candidates &= found != key_of(iccid)
    printed, omitted = _length_rules(tuple(profiles))
    owners = carrier_of(found, profiles)
    whole = candidates & (sums % 10 == 0) & printed[owners, lengths - 18]
    keys[chosen[whole]] = found[whole]
    cut = np.flatnonzero(candidates & omitted[owners, lengths - 18])
    keys[chosen[cut]] = _completed(found[cut], check_digits(pairs[:, cut]))
    return keys


def _completed(keys: Ints, digits: NDArray[np.int16]) -> Ints:
    """The keys of numbers that lacked their check digit."""
    extra_digits, accounts = np.divmod(keys, 10**18)
    whole: Ints = accounts * 10 + digits + (extra_digits + 1) * 10**18
    return whole


@lru_cache(maxsize=16)
def _length_rules(profiles: tuple[IssuerProfile, ...]) -> tuple[Mask, Mask]:
    """By profile (the last row: an unlisted issuer) and length - 18: taken whole; taken without its check digit."""
    printed = [[length in profile.lengths for length in (18, 19, 20)] for profile in profiles]
    omitted = [
        [profile.check_digit is CheckDigit.OMITTED and length + 1 in profile.lengths for length in (18, 19, 20)]
        for profile in profiles
    ]
    return np.array([*printed, [False, True, True]]), np.array([*omitted, [False, False, False]])


def _judge_line(line: str, profiles: Profiles, zeros_are_real: bool) -> Fault | int:
    text = line.strip(" \t\ufeff")
    if text.startswith("#") and not is_error(text):
        return Fault(Reason.COMMENT)
    return _judge_cell(line, profiles, zeros_are_real)


def _judge_cell(cell: str, profiles: Profiles, zeros_are_real: bool) -> Fault | int:
    if not cell.strip():
        return _BLANK
    try:
        return key_of(validate(cell, profiles, zeros_are_real=zeros_are_real))
    except InvalidIccid as fault:
        if is_error(cell.strip()):
            return Fault(Reason.NOT_DIGITS, "A spreadsheet's formula ended in an error.")
        return Fault(fault.reason, fault.detail)


def _is_damage(found: Fault | int) -> bool:
    return isinstance(found, Fault) and found.reason is Reason.SPREADSHEET_DAMAGE


def _reported(rows: Rows, keys: Ints) -> list[tuple[int, int]]:
    """The rows without a key, first and last: a run of empty ones is one."""
    empty = rows.lengths == 0
    after_empty = np.concatenate(([False], empty[:-1])) if rows.count else empty
    heads = np.flatnonzero((keys < 0) & ~(empty & after_empty))
    filled = np.append(np.flatnonzero(~empty), rows.count)
    last = np.where(empty[heads], filled[np.searchsorted(filled, heads)] - 1, heads)
    return list(zip(heads.tolist(), last.tolist(), strict=True))


def _append(outcomes: list[LineOutcome], fault: Fault, text: str, line: int, last: int) -> None:
    """One more outcome; blank lines that follow blank lines join them."""
    if fault.reason is Reason.BLANK and outcomes:
        before = outcomes[-1]
        if before.reason is Reason.BLANK and line == (before.through_line or before.line) + 1:
            outcomes[-1] = before._replace(through_line=last)
            return
    verdict = Verdict.IGNORED if fault.reason in _IGNORED else Verdict.REJECTED
    through = last if last > line else None
    outcomes.append(LineOutcome(line, verdict, fault.reason, text, detail=fault.detail, through_line=through))
