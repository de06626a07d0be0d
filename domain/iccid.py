"""ICCID: the number of a SIM card (ITU-T E.118).

It is `89`, the country's calling code, the issuer, the account and a Luhn check digit: 19 or 20 digits in the field,
18 where an issuer's profile says so. The canonical form is those digits and nothing else. Nothing is ever repaired:
a number that is not clearly one card's is refused with the rule that it breaks.

>>> validate("8934 0765 0000 2589 174")
'8934076500002589174'
>>> validate("984370560000529871F4")  # as EF_ICCID holds it: nibbles swapped, filler at the end
'8934076500002589174'
>>> validate("89014103273166754725")
'89014103273166754725'
>>> validate("89883074500011906351")
Traceback (most recent call last):
    ...
domain.iccid.InvalidIccid: The last digit does not fit the others: a digit is mistyped. Correct it from the card.
>>> validate("8.93408E+18")
Traceback (most recent call last):
    ...
domain.iccid.InvalidIccid: A spreadsheet turned the ICCID into a rounded number. Export the column as text.
>>> validate("893407650000258917", [IssuerProfile("893407", "Example", frozenset({19}), CheckDigit.OMITTED)])
'8934076500002589174'
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from stdnum import luhn

from domain.lines import SENTENCES, Reason


class CheckDigit(StrEnum):
    """Whether an issuer's manifests print the Luhn digit."""

    PRINTED = "printed"
    OMITTED = "omitted"


@dataclass(frozen=True, slots=True)
class IssuerProfile:
    """What config knows of an issuer. The longest prefix wins."""

    prefix: str
    name: str
    lengths: frozenset[int] = frozenset({19, 20})  # with the check digit
    check_digit: CheckDigit = CheckDigit.PRINTED
    carrier_account: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"89[0-9]{0,15}", self.prefix):
            raise ValueError(f"The issuer prefix {self.prefix!r} must be 89 and further digits.")
        if not self.lengths or not self.lengths <= {18, 19, 20}:
            raise ValueError(f"Issuer {self.prefix}: an ICCID has 18, 19 or 20 digits with its check digit.")
        if self.check_digit is CheckDigit.OMITTED and any(length + 1 in self.lengths for length in self.lengths):
            raise ValueError(
                f"Issuer {self.prefix} omits the check digit, so name its one length (with the digit): "
                "else a 19-digit number could be a whole one or a cut one of 20."
            )


class InvalidIccid(ValueError):
    """This text is not one card's ICCID; `reason` is the rule that it breaks, `detail` completes the sentence."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{SENTENCES[self.reason]} {self.detail}".rstrip()


_BLANKS_AND_QUOTES = " \u00a0\u2007\u2009\u202f" + "\"'\u2018\u2019\u201c\u201d"
# Byte-order, zero-width and direction marks. The overrides U+202D and U+202E are not among them: a person who compared
# the line with the card saw its digits in another order.
_INVISIBLE = "\ufeff\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2060\u2066\u2067\u2068\u2069"
_HYPHENS = "-\u2010\u2011\u2012\u2013"
_AT_THE_ENDS = "\t\r\n\v\f"  # inside a line, a tab parts two columns: never joined

_WITHOUT_SEPARATORS = str.maketrans("", "", _BLANKS_AND_QUOTES + _INVISIBLE + _HYPHENS)
_WITHOUT_BLANKS = str.maketrans("", "", _BLANKS_AND_QUOTES + _INVISIBLE)
_SEPARATOR = re.compile(f"[{re.escape(_BLANKS_AND_QUOTES + _INVISIBLE + _HYPHENS)}]+")
_FILLER = re.compile(r"[Ff]{1,2}$")
_EF_ICCID = re.compile(r"98(?:[0-9]{18}|[0-9]{16}[Ff][0-9Ff])")
_DIGITS = re.compile(r"[0-9]+")
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]*)?[eE]\+?[1-3][0-9]|[0-9]{15}0+[.,]0*|[0-9]{1,3}(?:[.,][0-9]{3}){4,}")
_CUT_OUT_OF_PROSE = re.compile(r"89[0-9]{13}")
TEST_ICCIDS = frozenset({"89000123456789012341", "89000123456789012358"})  # the GSMA's
_IMEI_BODY = re.compile("00|01|10|3[035]|4[459]|5[0-4]|86|91|9[89]")  # who may allocate IMEIs
_USUAL_LENGTHS = frozenset({19, 20})


def compact(text: str, profiles: Sequence[IssuerProfile] = ()) -> str:
    """The number without separators, invisible marks and filler, nibbles in visible order; no digit added or dropped.

    >>> compact('"8934-0765-0000-2589-174F"')
    '8934076500002589174'
    """
    number = text.translate(_WITHOUT_SEPARATORS).strip(_AT_THE_ENDS)
    if _EF_ICCID.fullmatch(number):
        number = _visible_form(number, profiles)
    return _FILLER.sub("", number)


def validate(text: str, profiles: Sequence[IssuerProfile] = (), *, zeros_are_real: bool = False) -> str:
    """The canonical ICCID, or `InvalidIccid`. Two spellings of one card give the same canonical form.

    A spreadsheet keeps 15 digits and fills up with zeros, which passes Luhn one time in ten; so a bare number of that
    shape is refused, unless `zeros_are_real`: the caller knows that no spreadsheet had it (a scan, typing, its place
    on a reel). Written with hyphens or its filler it is text, and taken.
    """
    if not looks_like_an_attempt(text):
        raise InvalidIccid(Reason.NO_ICCID)
    number = compact(text, profiles)
    _refuse_what_is_no_number(number)
    _refuse_other_identifiers(number)
    if not number.startswith("89") and len(number) in (18, 19, 20):
        raise InvalidIccid(Reason.WRONG_START)
    iccid = _with_check_digit(number, profile_of(number, profiles))
    if not zeros_are_real and ends_in_zeros(number) and text.translate(_WITHOUT_BLANKS).strip(_AT_THE_ENDS) == number:
        detail = "All digits after the 15th are zero; if the card says so too, write it with hyphens."
        raise InvalidIccid(Reason.SPREADSHEET_DAMAGE, detail)
    if not luhn.is_valid(iccid):
        raise InvalidIccid(Reason.WRONG_CHECK_DIGIT)
    _refuse_a_whole_number_and_more(text, number, profiles)
    return iccid


def is_valid(text: str, profiles: Sequence[IssuerProfile] = ()) -> bool:
    """Whether `validate` takes it."""
    try:
        validate(text, profiles)
    except InvalidIccid:
        return False
    return True


def looks_like_an_attempt(text: str) -> bool:
    """Whether somebody meant this line as an ICCID, so that it is refused aloud; everything else is ignored.

    Without its separators it starts with 89; or it holds 89 and 13 more digits anywhere; or it is a spreadsheet's
    rounded number; or it has at least six digits (of any script) and they are more than half of it. NULs between the
    digits are a wide encoding's, and hide none of this.

    >>> [looks_like_an_attempt(line) for line in ("893407650O0O2589174", "8.93E+18", "PO 4711 for hall 3", "ICCID")]
    [True, True, False, False]
    """
    body = text.replace("\0", "").translate(_WITHOUT_SEPARATORS).strip(_AT_THE_ENDS)
    if body.startswith("89") or _CUT_OUT_OF_PROSE.search(body) or _ROUNDED.fullmatch(body):
        return True
    digit_count = sum(map(str.isdigit, body))
    return digit_count >= 6 and 2 * digit_count > len(body)


def profile_of(iccid: str, profiles: Sequence[IssuerProfile]) -> IssuerProfile | None:
    """The profile with the longest prefix; an issuer that nobody listed is no fault (public lists are incomplete)."""
    fitting = [profile for profile in profiles if iccid.startswith(profile.prefix)]
    return max(fitting, key=lambda profile: len(profile.prefix), default=None)


def ends_in_zeros(number: str) -> bool:
    """Whether everything after the 15th digit is zero, as after a trip through a spreadsheet's number."""
    return len(number) > 15 and not number[15:].strip("0")


def key_of(iccid: str) -> int:
    """The canonical ICCID as a 63-bit number: the digits after 89, and the length above them.

    >>> key_of("8934076500002589174"), iccid_of(key_of("8934076500002589174"))
    (1034076500002589174, '8934076500002589174')
    """
    return int(iccid[2:]) + (len(iccid) - 18) * 10**18


def iccid_of(key: int) -> str:
    """The canonical ICCID of a key."""
    extra, account = divmod(key, 10**18)
    return f"89{account:0{16 + extra}d}"


def _visible_form(number: str, profiles: Sequence[IssuerProfile]) -> str:
    """The number that 10 bytes of EF_ICCID stand for; left alone where it might be a mistyped 89 just as well.

    20 digits that start with 98 can be read both ways, and either can pass Luhn by chance; then only a listed issuer
    decides.
    """
    swapped = "".join(number[i + 1] + number[i] for i in range(0, 20, 2))
    if not number.isdigit():
        return swapped
    mistyped = "89" + number[2:]
    either = luhn.is_valid(mistyped) and not (profile_of(swapped, profiles) and not profile_of(mistyped, profiles))
    return swapped if luhn.is_valid(swapped) and not either else number


def _refuse_what_is_no_number(number: str) -> None:
    if _ROUNDED.fullmatch(number):
        raise InvalidIccid(Reason.SPREADSHEET_DAMAGE)
    if not _DIGITS.fullmatch(number):
        place = next((i for i, letter in enumerate(number) if not "0" <= letter <= "9"), 0)
        raise InvalidIccid(Reason.NOT_DIGITS, f"Character {place + 1} of the number is {number[place : place + 1]!r}.")


def _refuse_other_identifiers(number: str) -> None:
    if number in TEST_ICCIDS:
        raise InvalidIccid(Reason.TEST_ICCID)
    if len(number) == 32:
        raise InvalidIccid(Reason.EID)
    if len(number) == 15 and not number.startswith(
        "89"
    ):  # 89 is no issuer of IMEIs and no country of IMSIs: a cut ICCID
        imei_like, imsi_like = luhn.is_valid(number), number[0] in "234567" or number.startswith(("001", "901"))
        if imei_like and (_IMEI_BODY.match(number) or not imsi_like):
            raise InvalidIccid(Reason.IMEI)
        if imsi_like:
            raise InvalidIccid(Reason.IMSI)


def _with_check_digit(number: str, profile: IssuerProfile | None) -> str:
    """The number with its check digit, which is worked out only where the issuer's profile says that it is left out."""
    lengths = profile.lengths if profile else _USUAL_LENGTHS
    if len(number) in lengths:
        return number
    if profile and profile.check_digit is CheckDigit.OMITTED and len(number) + 1 in lengths:
        return number + str(luhn.calc_check_digit(number))
    usual = " or ".join(map(str, sorted(lengths)))
    raise InvalidIccid(
        Reason.WRONG_LENGTH, f"It has {len(number)}; {profile.name if profile else 'an ICCID'} has {usual}."
    )


def _refuse_a_whole_number_and_more(text: str, number: str, profiles: Sequence[IssuerProfile]) -> None:
    """`8934076500002589174 8` is a card and a quantity, and would pass Luhn as a number of 20 digits."""
    for group in _SEPARATOR.split(text.strip(_AT_THE_ENDS)):
        if len(group) >= 17 and compact(group, profiles) != number and is_valid(group, profiles):
            raise InvalidIccid(Reason.WRONG_LENGTH, f"{group} is a whole ICCID, and more digits follow or precede it.")
