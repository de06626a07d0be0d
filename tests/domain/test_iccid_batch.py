"""The batch gives the answers of the one-number function, for whatever lines."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stdnum import luhn

from domain.iccid import CheckDigit, InvalidIccid, IssuerProfile, iccid_of, key_of, profile_of, validate
from domain.iccid_batch import (
    Fault,
    carrier_of,
    classify_cells,
    classify_lines,
    duplicates,
    stretches,
)
from domain.lines import Reason, Verdict
from domain.plain_rows import iccids_of

A, B = "8934076500002589174", "89014103273166754725"
PROFILES = (
    IssuerProfile("8944", "eighteen", frozenset({18})),
    IssuerProfile("894450", "omits", frozenset({19}), CheckDigit.OMITTED),
    IssuerProfile("8946", "omits 20", frozenset({20}), CheckDigit.OMITTED),
    IssuerProfile("8901", "twenty", frozenset({20})),
)


def with_check_digit(number: str) -> str:
    return number + str(luhn.calc_check_digit(number))


def number_of(prefix: str, length: int, account: int) -> str:
    width = length - 1 - len(prefix)
    return with_check_digit(prefix + str(account % 10**width).zfill(width))


iccids = st.builds(
    number_of,
    st.sampled_from(["8944", "894450", "8946", "8901", "893407", "89000123456789"]),
    st.sampled_from([17, 18, 19, 20]),
    st.integers(0, 10**16) | st.integers(0, 10**13).map(lambda account: account * 1000),
)


def spelled(iccid: str, way: int, place: int, letter: str) -> str:
    place %= len(iccid)
    return [
        iccid,
        iccid[:-1],
        iccid[:place] + letter + iccid[place + 1 :],
        iccid[:place] + letter + iccid[place:],
        iccid[:place],
        iccid + letter,
        f" {iccid}F",
        "98" + iccid[2:],
        f"{iccid}\r",
        iccid[:15] + "0" * (len(iccid) - 15),
    ][way]


characters = st.sampled_from("0123456789 \t-F\r#E+.,O\x00\u200b\u00a0\u0661\ud7ff") | st.characters(
    exclude_characters="\n"
)
damaged = st.builds(
    spelled, iccids, st.integers(0, 9), st.integers(0, 30), characters.map(lambda c: c.replace("\n", ""))
)
junk = st.sampled_from(["", " ", "\r", "\t ", "# note", " \ufeff# note", "ICCID", "8.93E+18", "0" * 19, "9" * 20])
anything = damaged | junk | st.text(characters, max_size=40)


def expected(text: str, profiles: Sequence[IssuerProfile], *, zeros_are_real: bool = False) -> str | Reason:
    text = text.removesuffix("\r")
    if not text.strip():
        return Reason.BLANK
    if text.lstrip(" \t\ufeff").startswith("#"):
        return Reason.COMMENT
    try:
        return validate(text, profiles, zeros_are_real=zeros_are_real)
    except InvalidIccid as fault:
        return fault.reason


def in_their_places(lines: Sequence[str], profiles: Sequence[IssuerProfile]) -> list[str | Reason]:
    """What the one-number function says of each line, where it is told which zeros stand in their place on a reel."""
    said = [expected(line, profiles) for line in lines]
    for at, (line, verdict) in enumerate(zip(lines, said[:], strict=True)):
        if verdict is not Reason.SPREADSHEET_DAMAGE:
            continue
        real = expected(line, profiles, zeros_are_real=True)
        if isinstance(real, Reason):  # a reason is a word, and so a `str`
            continue
        beside = [(said[at - 1], 1)] if at else []
        beside += [(said[at + 1], -1)] if at + 1 < len(said) else []
        cards = [(str(iccid), step) for iccid, step in beside if not isinstance(iccid, Reason)]
        if any(len(iccid) == len(real) and int(iccid[:-1]) + step == int(real[:-1]) for iccid, step in cards):
            said[at] = real
    return said


def told(block: bytes, profiles: Sequence[IssuerProfile]) -> list[str | Reason]:
    """What the batch says of each line, one by one."""
    batch = classify_lines(block, 11, profiles)
    said: dict[int, str | Reason] = dict(zip(batch.lines.tolist(), iccids_of(batch.keys), strict=True))
    for outcome in batch.outcomes:
        for line in range(outcome.line, outcome.line + outcome.line_count):
            assert line not in said, "a line has two ends"
            said[line] = outcome.reason
    assert sorted(said) == list(range(11, 11 + batch.line_count))
    return [said[line] for line in sorted(said)]


@settings(max_examples=400, deadline=None)
@given(st.lists(anything, max_size=40), st.sampled_from([(), PROFILES]), st.booleans())
@example(lines=["894400000000000002", "8.93E+18"], profiles=PROFILES, final_newline=False)
def test_the_batch_says_of_every_line_what_the_one_number_function_says(
    lines: list[str], profiles: tuple[IssuerProfile, ...], final_newline: bool
) -> None:
    block = "\n".join(lines).encode("utf-8", "replace")
    if final_newline and lines:
        block += b"\n"
    elif lines and not lines[-1]:
        lines = lines[:-1]  # nothing after the last line feed is no line
    assert told(block, profiles) == in_their_places(lines, profiles)


@settings(max_examples=200, deadline=None)
@given(st.lists(anything | st.just("two\nlines") | st.just(f"{A}\n"), max_size=40), st.sampled_from([(), PROFILES]))
def test_cells_get_the_same_answers(cells: list[str], profiles: tuple[IssuerProfile, ...]) -> None:
    found = classify_cells(cells, profiles)
    faults = iter(found.faults)
    for cell, ok, key in zip(cells, found.ok.tolist(), found.keys.tolist(), strict=True):
        try:
            wanted: str | Reason = validate(cell, profiles) if cell.strip() else Reason.BLANK
        except InvalidIccid as fault:
            wanted = fault.reason
        assert (iccid_of(key) if ok else next(faults).reason) == wanted
    assert next(faults, None) is None


@given(st.binary(max_size=200))
def test_bytes_that_are_no_text_lose_no_line(block: bytes) -> None:
    assert len(told(block, PROFILES)) == block.count(b"\n") + (not block.endswith(b"\n") and block != b"")


def test_each_line_keeps_its_place_and_a_rejected_one_its_number() -> None:
    batch = classify_lines(f"{A}\r\n\n \n# note\n{A[:-1]}5\nSIM cards\n{B}".encode(), 1)
    assert batch.line_count == 7
    assert batch.lines.tolist() == [1, 7]
    assert iccids_of(batch.keys) == [A, B]
    assert [(o.line, o.through_line, o.verdict, o.reason, o.text) for o in batch.outcomes] == [
        (2, 3, Verdict.IGNORED, Reason.BLANK, ""),
        (4, None, Verdict.IGNORED, Reason.COMMENT, ""),
        (5, None, Verdict.REJECTED, Reason.WRONG_CHECK_DIGIT, f"{A[:-1]}5"),
        (6, None, Verdict.IGNORED, Reason.NO_ICCID, ""),
    ]


def test_a_million_blank_lines_are_one_outcome() -> None:
    batch = classify_lines(b"\n" * 500_000 + b"\r\n" * 500_000, 1)
    assert [(o.line, o.through_line) for o in batch.outcomes] == [(1, 1_000_000)]
    assert batch.outcomes[0].line_count == batch.line_count == 1_000_000


def test_the_gsmas_test_numbers_are_refused_though_luhn_passes() -> None:
    numbers = ["89000123456789012341", "89000123456789012358"]
    assert all(luhn.is_valid(number) for number in numbers)
    assert told("\n".join(numbers).encode(), ()) == [Reason.TEST_ICCID, Reason.TEST_ICCID]


def test_of_a_rejected_line_its_number_alone_is_kept() -> None:
    batch = classify_lines(f"{A[:-1]}5 CODESECRET1\nKI {'0123456789ABCDEF' * 2}\nPUK 4711 CODESECRET2\n".encode(), 1)
    assert [outcome.text for outcome in batch.outcomes] == [f"{A[:-1]}5", "", ""]


def test_an_empty_block_has_no_lines() -> None:
    batch = classify_lines(b"", 1, PROFILES)
    assert (batch.line_count, batch.lines.size, batch.keys.size, batch.outcomes) == (0, 0, 0, [])
    assert classify_cells([]).faults == []


def test_an_empty_cell_is_told_apart_from_one_without_a_number() -> None:
    found = classify_cells([A, "", "n/a", " "])
    assert found.ok.tolist() == [True, False, False, False]
    assert found.faults == [Fault(Reason.BLANK), Fault(Reason.NO_ICCID), Fault(Reason.BLANK)]


def sound_numbers(count: int) -> list[str]:
    return [number_of("893407", 19, account) for account in range(1001, 1001 + 2 * count) if account % 1000][:count]


ROUND = "8934076500002650000"


ABOVE, BELOW = number_of("893407", 19, 650000264999), number_of("893407", 19, 650000265001)


@pytest.mark.parametrize("lines", [[ABOVE, ROUND, A], [A, ROUND, BELOW], [ABOVE, ROUND], [f" {ROUND}", f"{BELOW}F"]])
def test_a_number_of_zeros_is_taken_where_it_stands_in_its_place_on_a_reel(lines: list[str]) -> None:
    assert ROUND in told("\n".join(lines).encode(), ())
    assert classify_cells(lines).ok.all()


@pytest.mark.parametrize(("around", "believed"), [((ABOVE, ""), True), (("", BELOW), True), ((BELOW, A), False)])
def test_the_neighbour_on_the_reel_may_stand_in_another_block(around: tuple[str, str], believed: bool) -> None:
    assert classify_cells([ROUND], around=around).ok.tolist() == [believed]
    assert (classify_lines(ROUND.encode(), 1, around=around).lines.tolist() == [1]) is believed


@pytest.mark.parametrize(
    "lines",
    [[ROUND], [A, ROUND, A], [BELOW, ROUND, ABOVE], [ABOVE, "", ROUND], [ROUND, "# box 2", BELOW], [ROUND, ROUND]],
)
def test_a_number_of_zeros_is_refused_everywhere_else(lines: list[str]) -> None:
    assert Reason.SPREADSHEET_DAMAGE in told("\n".join(lines).encode(), ())
    assert ROUND not in told("\n".join(lines).encode(), ())


def test_no_number_of_sound_ones_makes_a_number_of_zeros_believed() -> None:
    lines = [*sound_numbers(3000), ROUND]
    assert told("\n".join(lines).encode(), ())[-1] is Reason.SPREADSHEET_DAMAGE


@pytest.mark.parametrize("place", range(1, 12))
def test_a_card_of_a_reel_that_a_spreadsheet_rounded_is_never_taken_for_the_round_one(place: int) -> None:
    reel = [number_of("893407", 19, 650000265000 + account) for account in range(-3, 12)]
    rounded = reel[:]
    rounded[3 + place] = ROUND
    assert told("\n".join(rounded).encode(), ())[3 + place] is Reason.SPREADSHEET_DAMAGE
    assert told("\n".join(reel).encode(), ()) == reel


def test_a_number_of_zeros_with_a_wrong_check_digit_is_refused_in_its_place_too() -> None:
    beside = number_of("893407", 19, 650000257999)
    assert told(f"{beside}\n8934076500002580000".encode(), ())[-1] is Reason.SPREADSHEET_DAMAGE


def test_a_wholly_damaged_file_gives_no_number_at_all() -> None:
    lines = [str(number)[:15] + "0000" for number in sound_numbers(3000)]
    batch = classify_lines("\n".join(lines).encode(), 1)
    assert batch.keys.size == 0
    assert {outcome.reason for outcome in batch.outcomes} == {Reason.SPREADSHEET_DAMAGE}


def test_a_file_that_omits_check_digits_is_completed_as_one_number_is() -> None:
    lines = [number_of("894450", 19, account)[:-1] for account in range(1, 900)]
    found = classify_cells(lines, PROFILES)
    assert found.ok.all()
    assert iccids_of(found.keys) == [validate(line, PROFILES) for line in lines]


@given(st.lists(iccids.filter(lambda iccid: len(iccid) >= 18), max_size=20), st.permutations(PROFILES))
def test_issuers_are_found_by_range_as_by_prefix(numbers: list[str], profiles: list[IssuerProfile]) -> None:
    keys = np.array([key_of(number) for number in numbers], np.int64)
    owners = carrier_of(keys, profiles).tolist()
    assert [profiles[owner] if owner >= 0 else None for owner in owners] == [profile_of(n, profiles) for n in numbers]


def test_of_two_profiles_with_one_prefix_the_first_wins_in_both_ways() -> None:
    twins = [IssuerProfile("8934", "first"), IssuerProfile("8934", "second")]
    assert carrier_of(np.array([key_of(A)]), twins).tolist() == [0]
    assert profile_of(A, twins) is twins[0]


def test_a_duplicate_keeps_the_first_line_and_names_it() -> None:
    keys = np.array([7, 5, 7, 9, 5, 7], np.int64)
    later, first_lines = duplicates(keys, np.array([10, 20, 30, 40, 50, 60], np.int64))
    assert later.tolist() == [2, 4, 5]
    assert first_lines.tolist() == [10, 20, 10]


@given(st.lists(st.integers(0, 30)))
def test_duplicates_are_those_that_a_set_has_seen(numbers: list[int]) -> None:
    seen: dict[int, int] = {}
    wanted = [
        (place, seen[n]) for place, n in enumerate(numbers) if n in seen or seen.setdefault(n, 100 + place) is None
    ]
    later, first_lines = duplicates(np.array(numbers, np.int64), np.arange(len(numbers)) + 100)
    assert list(zip(later.tolist(), first_lines.tolist(), strict=True)) == wanted


@given(st.lists(iccids.filter(lambda iccid: len(iccid) >= 18)), st.integers(3, 8))
def test_stretches_hold_every_number_and_are_no_more_than_asked_for(numbers: list[str], at_most: int) -> None:
    found = stretches(np.array([key_of(number) for number in numbers], np.int64), at_most)
    assert len(found) == min(at_most, len(set(numbers)))
    assert all(any(first <= number <= last for first, last in found) for number in numbers)
    assert {bound for stretch in found for bound in stretch} <= set(numbers)


def test_reels_are_stretches_of_their_own() -> None:
    reels = [sorted(number_of("8944", 19, reel * 10**6 + card) for card in range(50)) for reel in range(4)]
    keys = np.array([key_of(number) for reel in reels for number in reversed(reel)], np.int64)
    assert stretches(keys, 4) == [(reel[0], reel[-1]) for reel in reels]


@given(st.lists(iccids.filter(lambda iccid: len(iccid) >= 18)))
def test_keys_are_written_out_as_their_numbers(numbers: list[str]) -> None:
    assert iccids_of(np.array([key_of(number) for number in numbers], np.int64)) == numbers


@pytest.mark.slow
def test_hundreds_of_thousands_of_lines_take_less_than_a_tenth_of_one_by_one() -> None:
    lines = sound_numbers(200_000)
    block = "\n".join(lines).encode()
    started = time.process_time()
    batch = classify_lines(block, 1)
    together = time.process_time() - started
    started = time.process_time()
    for line in lines[:20_000]:
        validate(line)
    one_by_one = 10 * (time.process_time() - started)
    assert batch.keys.size > 199_000
    assert together < one_by_one / 10
