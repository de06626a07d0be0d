"""The ICCID rules, on published numbers and on damaged spellings of them."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from domain.iccid import (
    CheckDigit,
    InvalidIccid,
    IssuerProfile,
    compact,
    ends_in_zeros,
    iccid_of,
    is_valid,
    key_of,
    looks_like_an_attempt,
    profile_of,
    validate,
)
from domain.lines import Reason

VALID = (
    "8934076500002589174",
    "8934076500002586220",
    "8934076500002586576",
    "89014103273166754725",
    "89014103272880448051",
    "89010303300014910310",
    "89450421180216254864",
)
OMITTED_19 = IssuerProfile("893407", "Example", frozenset({19}), CheckDigit.OMITTED)


def nibbles_swapped(number: str) -> str:
    padded = number.ljust(20, "F")
    return "".join(padded[i + 1] + padded[i] for i in range(0, 20, 2))


def reason_of(text: str, *profiles: IssuerProfile) -> Reason:
    with pytest.raises(InvalidIccid) as caught:
        validate(text, profiles)
    return caught.value.reason


def with_check_digit(number: str) -> str:
    return number + str(luhn.calc_check_digit(number))


numbers = st.tuples(st.sampled_from([16, 17]), st.integers(10**17, 10**18 - 1)).map(
    lambda drawn: with_check_digit("89" + str(drawn[1])[: drawn[0]])
)


@pytest.mark.parametrize("iccid", VALID)
def test_published_numbers_are_valid_and_canonical(iccid: str) -> None:
    assert validate(iccid) == iccid


@pytest.mark.parametrize(
    "spelling",
    [
        "8934 0765 0000 2589 174",
        "8934-0765-0000-2589-174",
        "8934\u00a00765\u202f0000\u20112589\u2013174",
        '"8934076500002589174"',
        "\u201c8934076500002589174\u201d",
        "'8934076500002589174",
        "\t8934076500002589174 \t\r",
        "\ufeff8934076500002589174",
        "\u200e8934\u200b0765\u200d00002589174\u2069",
        "8934076500002589174F",
        "8934076500002589174 f",
        "984370560000529871F4",
        "98 43 70 56 00 00 52 98 71 f4",
    ],
)
def test_every_documented_spelling_gives_the_same_canonical_form(spelling: str) -> None:
    assert validate(spelling) == "8934076500002589174"


def test_the_ef_form_of_a_20_digit_number_is_all_digits_and_starts_98() -> None:
    assert validate("98101430721366577452") == "89014103273166754725"


def test_an_18_digit_number_has_two_fillers_in_its_ef_form() -> None:
    eighteen = with_check_digit("89340765000025891")
    profile = IssuerProfile("893407", "Example", frozenset({18}))
    assert validate(nibbles_swapped(eighteen), [profile]) == eighteen


def test_a_98_that_may_be_a_mistyped_89_is_refused_until_a_listed_issuer_decides() -> None:
    ambiguous = nibbles_swapped("89010303300014910310")
    assert is_valid("89" + ambiguous[2:]), "both readings must pass Luhn, or this test shows nothing"
    assert reason_of(ambiguous) is Reason.WRONG_START
    assert validate(ambiguous, [IssuerProfile("8901030", "AT&T")]) == "89010303300014910310"
    assert reason_of(ambiguous, IssuerProfile("8901030", "AT&T"), IssuerProfile("89" + ambiguous[2:7], "Other"))


@given(numbers)
def test_a_transposed_89_never_becomes_another_card(iccid: str) -> None:
    assert reason_of("98" + iccid[2:]) in {Reason.WRONG_START, Reason.SPREADSHEET_DAMAGE}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.NO_ICCID),
        ("ICCID", Reason.NO_ICCID),
        ("Box 12 of 40", Reason.NO_ICCID),
        ("893407650O002589174", Reason.NOT_DIGITS),
        ("898600B5012345678901", Reason.NOT_DIGITS),
        ("\u0668\u0669\u0663\u0664\u0660\u0667\u0666\u0665", Reason.NOT_DIGITS),
        ("\uff18\uff19\uff13\uff14\uff10\uff17\uff16\uff15\uff10", Reason.NOT_DIGITS),
        ("893407650000258917\u00b2", Reason.NOT_DIGITS),
        ("8934\t076500002589174", Reason.NOT_DIGITS),
        ("\u202e8934076500002589174", Reason.NOT_DIGITS),
        ("ICCID: 8934076500002589174", Reason.NOT_DIGITS),
        ("see card 8934 0765 0000 2589 174, handed over by the plant in Brno", Reason.NOT_DIGITS),
        ("89340765000025891", Reason.WRONG_LENGTH),
        ("893407650000258917", Reason.WRONG_LENGTH),
        ("890141032731667547250", Reason.WRONG_LENGTH),
        ("893407650000258", Reason.WRONG_LENGTH),
        ("491701234567", Reason.WRONG_LENGTH),
        ("8834076500002589174", Reason.WRONG_START),
        ("9834076500002589174", Reason.WRONG_START),
        ("89883074500011906351", Reason.WRONG_CHECK_DIGIT),
        ("8934076500002589175", Reason.WRONG_CHECK_DIGIT),
        ("984370560000529871F5", Reason.WRONG_CHECK_DIGIT),
        ("89049032003008882600001234567890", Reason.EID),
        ("8904 9032 0030 0888 2600 0012 3456 7890", Reason.EID),
        ("490154203237518", Reason.IMEI),
        ("352099001761481", Reason.IMEI),
        ("310150123456789", Reason.IMSI),
        ("901700000012345", Reason.IMSI),
        ("89000123456789012341", Reason.TEST_ICCID),
        ("8900 0123 4567 8901 2358", Reason.TEST_ICCID),
        ("98001032547698103214", Reason.TEST_ICCID),
        ("8.93408E+18", Reason.SPREADSHEET_DAMAGE),
        ("8,93E+18", Reason.SPREADSHEET_DAMAGE),
        ("9E+18", Reason.SPREADSHEET_DAMAGE),
        ("8934076500002580000", Reason.SPREADSHEET_DAMAGE),
        ("8934076500002580000.0", Reason.SPREADSHEET_DAMAGE),
        ("8,934,076,500,002,580,000", Reason.SPREADSHEET_DAMAGE),
        ("8 934 076 500 002 580 000", Reason.SPREADSHEET_DAMAGE),
    ],
)
def test_each_rule_has_its_own_reason(text: str, reason: Reason) -> None:
    assert reason_of(text) is reason


def test_zeros_after_the_15th_digit_are_refused_even_where_luhn_passes() -> None:
    damaged = "8934076500002650000"
    assert luhn.is_valid(damaged)
    assert reason_of(damaged) is Reason.SPREADSHEET_DAMAGE
    assert reason_of(f'"{damaged}"') is Reason.SPREADSHEET_DAMAGE


@pytest.mark.parametrize("spelling", ["8934-0765-0000-2650-000", "8934076500002650000F", "984370560000620500F0"])
def test_zeros_are_believed_where_the_spelling_shows_that_it_never_was_a_number(spelling: str) -> None:
    assert validate(spelling) == "8934076500002650000"


def test_zeros_are_believed_when_the_caller_knows_better() -> None:
    assert validate("8934076500002650000", zeros_are_real=True) == "8934076500002650000"


def test_a_whole_number_and_a_quantity_are_not_joined_into_another_number() -> None:
    joined = next(f"8934076500002589174 {digit}" for digit in range(10) if luhn.is_valid(f"8934076500002589174{digit}"))
    assert reason_of(joined) is Reason.WRONG_LENGTH


def test_a_missing_check_digit_is_worked_out_under_its_issuers_profile_only() -> None:
    assert reason_of("893407650000258917") is Reason.WRONG_LENGTH
    assert reason_of("893407650000258917", IssuerProfile("893407", "Example", frozenset({19}))) is Reason.WRONG_LENGTH
    assert validate("893407650000258917", [OMITTED_19]) == "8934076500002589174"


def test_with_and_without_its_check_digit_it_is_the_same_card_under_such_a_profile() -> None:
    assert validate("8934076500002589174", [OMITTED_19]) == validate("8934-0765-0000-2589-17", [OMITTED_19])


def test_a_printed_check_digit_is_checked_even_where_it_may_be_omitted() -> None:
    assert reason_of("8934076500002589175", OMITTED_19) is Reason.WRONG_CHECK_DIGIT


def test_a_profiles_length_refuses_the_other_length() -> None:
    cut = "8901410327288044805"
    assert is_valid(cut), "Luhn alone takes the cut number"
    assert reason_of(cut, IssuerProfile("8901410", "AT&T", frozenset({20}))) is Reason.WRONG_LENGTH


def test_a_profile_may_allow_18_digits() -> None:
    eighteen = with_check_digit("89340765000025891")
    assert reason_of(eighteen) is Reason.WRONG_LENGTH
    assert validate(eighteen, [IssuerProfile("893407", "Example", frozenset({18}))]) == eighteen


def test_an_issuer_that_nobody_listed_is_no_fault() -> None:
    assert validate("8934076500002589174", [IssuerProfile("8901410", "AT&T")]) == "8934076500002589174"


def test_the_longest_prefix_wins() -> None:
    broad, narrow = IssuerProfile("8934", "broad"), IssuerProfile("893407", "narrow")
    assert profile_of("8934076500002589174", [broad, narrow]) is narrow
    assert profile_of("8934176500002589174", [broad, narrow]) is broad
    assert profile_of("8901410327316675472", [broad, narrow]) is None


@pytest.mark.parametrize(
    ("prefix", "lengths", "check_digit"),
    [
        ("49", {19}, CheckDigit.PRINTED),
        ("89\u0661", {19}, CheckDigit.PRINTED),
        ("893407", {21}, CheckDigit.PRINTED),
        ("893407", set(), CheckDigit.PRINTED),
        ("893407", {19, 20}, CheckDigit.OMITTED),
    ],
)
def test_a_profile_that_cannot_be_applied_is_refused(prefix: str, lengths: set[int], check_digit: CheckDigit) -> None:
    with pytest.raises(ValueError, match=r"\."):
        IssuerProfile(prefix, "Example", frozenset(lengths), check_digit)


def test_the_error_says_what_is_wrong_and_survives_pickling() -> None:
    with pytest.raises(InvalidIccid) as caught:
        validate("893407650O002589174")
    assert "something other than digits" in str(caught.value)
    assert "Character 10 of the number is 'O'" in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (again.reason, str(again)) == (caught.value.reason, str(caught.value))


@pytest.mark.parametrize(
    "line", ["893407650O0O2589174", "8.93E+18", "12345678", "tel 0171234567", "a89340765000025891x"]
)
def test_what_somebody_meant_as_a_number_is_an_attempt(line: str) -> None:
    assert looks_like_an_attempt(line)


@pytest.mark.parametrize("line", ["", "ICCID", "Pallet 7", "12345", "Order 123456 of the Brno plant", "2.5E3 Ohm"])
def test_other_text_is_no_attempt(line: str) -> None:
    assert not looks_like_an_attempt(line)


@given(numbers, st.integers(1, 9))
def test_any_one_wrong_digit_is_noticed(iccid: str, shift: int) -> None:
    for place in range(2, len(iccid)):
        wrong = iccid[:place] + str((int(iccid[place]) + shift) % 10) + iccid[place + 1 :]
        assert not is_valid(wrong)


@given(numbers.filter(lambda iccid: not ends_in_zeros(iccid)), st.sampled_from([" ", "-", "\u00a0", "\u200b"]))
def test_grouping_in_fours_changes_nothing(iccid: str, separator: str) -> None:
    assert validate(separator.join(iccid[i : i + 4] for i in range(0, 20, 4))) == iccid


@given(numbers)
def test_a_key_gives_its_number_back_and_fits_63_bits(iccid: str) -> None:
    assert iccid_of(key_of(iccid)) == iccid
    assert 0 <= key_of(iccid) < 2**63


@given(st.text())
def test_whatever_is_taken_is_canonical_and_stays_itself(text: str) -> None:
    try:
        iccid = validate(text)
    except InvalidIccid as refused:
        assert refused.reason in Reason
        return
    assert iccid == validate(iccid, zeros_are_real=True) == compact(iccid)
    assert iccid.isascii() and iccid.isdigit() and len(iccid) in (19, 20) and iccid.startswith("89")
