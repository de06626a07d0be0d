"""Text that is safe to show: nothing hidden in it, nothing that a spreadsheet would run."""

import re
from functools import lru_cache

_HIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
    r"|[\U000e0000-\U000e007f]"
)
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")


def _shown(hit: re.Match[str]) -> str:
    code = ord(hit[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"[U+{code:04X}]"


def visible(text: str) -> str:
    """The same text with every character that would not be seen written out; always encodable as UTF-8.

    Controls become their pictures, direction marks, zero-width characters and broken surrogates their code points:
    a zero-width space is a common reason why a number "looks right" and is refused.

    >>> visible("89\\u200b01\\x00")
    '89[U+200B]01␀'
    """
    return _HIDDEN.sub(_shown, text) if _HIDDEN.search(text) else text


def safe_cell(text: str) -> str:
    """`visible(text)`, with an apostrophe in front where a spreadsheet would take the cell for a formula.

    Blanks and hidden characters before the sign do not help: spreadsheets trim them. Full-width signs count too.

    >>> safe_cell("=1+1"), safe_cell(" \\n@SUM(A1)"), safe_cell("8934076500002589174")
    ("'=1+1", "' ␊@SUM(A1)", '8934076500002589174')
    """
    if text.isascii() and text.isalnum():
        return text  # letters and digits hide nothing and run nothing, and a million ICCIDs are nothing else
    return _safe(text)


@lru_cache(maxsize=4096)  # of a million rows most other cells are the same few words
def _safe(text: str) -> str:
    shown = visible(text)
    if text.startswith(("\t", "\r")) or _FORMULA.match(_HIDDEN.sub("", text)):
        return f"'{shown}"
    return shown
