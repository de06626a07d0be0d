"""Which column of a manifest is which, and which headers mean that a file carries key material.

Headers are compared folded: letters and digits only, lower case, without what stands in brackets, so `ICC-ID`,
`icc id` and `ICCID (19 digits)` are one word. A PUK or passcode that a carrier takes as its registration code must
stand in a column called `registration_code`: under its own name it is key material and the file is not read.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from domain.manifests import ManifestColumn, ManifestRefused

SYNONYMS: Mapping[ManifestColumn, Sequence[str]] = {
    ManifestColumn.ICCID: (
        *("iccidwithluhn", "iccid", "simiccid", "iccidnumber", "iccidno", "iccidnr", "icc"),
        *("simnumber", "simcardnumber", "simno", "simnr", "simcardno", "simserialnumber", "simid", "simcardid"),
        *("integratedcircuitcardid", "integratedcircuitcardidentifier", "sim", "simcard"),
    ),
    ManifestColumn.DEVICE_ID: (
        *("deviceid", "device", "deviceidentifier", "deviceserialnumber", "particledeviceid", "coreid"),
    ),
    ManifestColumn.DEVICE_NAME: ("devicename", "devicelabel", "name", "label", "alias"),
    ManifestColumn.PRODUCT: ("product", "productid", "productname", "productslug"),
    ManifestColumn.HOME_COUNTRY: (
        *("homecountry", "homecountrycode", "country", "countrycode", "countryofuse", "countryiso", "iso"),
    ),
    ManifestColumn.CARRIER_ACCOUNT: ("carrieraccount", "carrieraccountname"),
    ManifestColumn.REGISTRATION_CODE: ("registrationcode", "regcode", "activationcode", "claimcode"),
    ManifestColumn.NOTE: ("note", "notes", "comment", "comments", "remark", "remarks", "memo"),
}
"""Folded headers of each column. Where a file has several of one column's, the one named first here is read."""

_SIM_NAMES = frozenset((*SYNONYMS[ManifestColumn.ICCID], *SYNONYMS[ManifestColumn.DEVICE_ID]))
_EXAMPLE = re.compile(r"\d[\d -]{13,}")
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_WORDS = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")

_BEFORE = "(?:e|enc|encrypted|default|initial|local|global|sim|usim|isim|card)*"
_AFTER = r"(?:\d{1,2}|hex|ascii|value|key|code|codes|enc|encrypted|number|nr)*"
_KEY_HEADER = re.compile(
    f"{_BEFORE}(?:(?:ki|k4|opc|u?pin|u?puk|pinu?puk|puku?pin|adm|chv|kic|kid|kik"
    "|unblockkey|authkey|authenticationkey|otakey|(?:transport|master|subscriber|secret)key|(?:personal|pin)?unblocking(?:key|code))"
    rf"{_AFTER}|k(?:hex|value)?|op(?:\d|hex|value|key|enc)*)"
)
_KEY_WORD = re.compile(r"(?:e?ki|k4|opc|u?pin|u?puk|adm|chv|kic|kik)\d{0,2}")
_IDENTIFIERS = frozenset({"iccid", "icc", "imsi", "msisdn", "imei", "eid"})
_TOKENS = re.compile(r"[\s,;|/:]+")
_SHOWABLE = re.compile(r"[^\W\d_][^\d]{0,38}\d?")
_HEX = re.compile(r"[0-9a-fA-F]{8,}")


def fold(header: str) -> str:
    """The header's letters and digits in lower case, without brackets and what they hold.

    >>> fold(" ICC-ID (19 digits)"), fold("Registration_Code")
    ('iccid', 'registrationcode')
    """
    text = unicodedata.normalize("NFKC", header)
    return _letters_and_digits(_BRACKETS.sub("", text)) or _letters_and_digits(text)


def _letters_and_digits(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def find_columns(cells: Sequence[str]) -> dict[ManifestColumn, int] | None:
    """Where each of our columns stands in this header; None when it has neither an ICCID nor a device ID.

    Raises `ManifestRefused` when two columns have the same claim to be one of ours.

    >>> {column.value: at for column, at in (find_columns(["Box", "SIM", "Country"]) or {}).items()}
    {'iccid': 1, 'home_country': 2}
    """
    words = [fold(cell) for cell in cells]
    found: dict[ManifestColumn, int] = {}
    for column, synonyms in SYNONYMS.items():
        word = next((synonym for synonym in synonyms if synonym in words), None)
        if word is not None:
            _refuse_twins(words, word, column)
            found[column] = words.index(word)
    return found if ManifestColumn.ICCID in found or ManifestColumn.DEVICE_ID in found else None


def names_a_sim(header: str) -> bool:
    """Whether a column of this name holds ICCIDs or devices; an example of a number behind the name does not count.

    >>> [names_a_sim(cell) for cell in ("ICCID", "ICCID (8988307000000000009)", "SIM no. 8988307000000000009", "8988")]
    [True, True, True, False]
    """
    return fold(_EXAMPLE.sub("", header)) in _SIM_NAMES


def _refuse_twins(words: Sequence[str], word: str, column: ManifestColumn) -> None:
    if words.count(word) > 1:
        raise ManifestRefused(
            f"Two columns of the header are called {word!r}, so it is open which one is the {column.value}. "
            "Rename one of them and drop the file again.",
            reason="ambiguous_header",
        )


def names_key_material(header: str) -> bool:
    """Whether a column of this name holds keys or codes of the card (Ki, OP, OPc, PIN, PUK, ADM, K4, transport keys).

    >>> [header for header in ("Ki (hex)", "PUK_2", "adm1", "Spin", "Kind", "Pinned") if names_key_material(header)]
    ['Ki (hex)', 'PUK_2', 'adm1']
    """
    text = unicodedata.normalize("NFKC", header)
    if _KEY_HEADER.fullmatch(fold(text)):
        return True
    return any(_KEY_WORD.fullmatch(word.lower()) for word in _WORDS.findall(text))


def line_shows_key_material(line: str) -> bool:
    """Whether a line without our delimiters reads like a header with key columns (`Var_Out: ICCID/PIN1/PUK1/Ki`).

    A key's name in prose is not enough: it takes two of them, or one beside an identifier, or one alone on the line.
    """
    tokens = [token for token in _TOKENS.split(line.strip("#*/ \t\ufeff")) if token]
    keys = [token for token in tokens if names_key_material(token)]
    identifiers = [token for token in tokens if fold(token) in _IDENTIFIERS]
    return bool(keys) and (len(keys) + len(identifiers) > 1 or len(tokens) == 1)


def shown_to_people(cells: Sequence[str]) -> str:
    """The cells as a list for a sentence; whatever could be a number, a key or a code is left out.

    >>> shown_to_people(["Serial", "PIN1", "8934076500002589174", "A0B1C2D3"])
    "'Serial', 'PIN1', (a value), (a value)"
    """
    return ", ".join(_showable(cell.strip()) for cell in cells[:12]) + (", ..." if len(cells) > 12 else "")


def _showable(cell: str) -> str:
    if not cell:
        return "(empty)"
    return repr(cell) if _SHOWABLE.fullmatch(cell) and not _HEX.fullmatch(cell) else "(a value)"
