"""Home countries: ISO 3166-1 alpha-2, written by people and never inferred from a number.

`XK` is taken for Kosovo: ISO leaves it to its users, and carriers' price lists and the European Union use it so.
"""

from functools import cache

import pycountry

_KOSOVO = "XK"


class UnknownCountry(ValueError):
    """This is no alpha-2 code; the sentence names the code where the text is a country written in another way."""


def country_code(text: str) -> str:
    """The code in capitals, or `UnknownCountry`. Names and three-letter codes are never translated in silence.

    >>> country_code(" de "), country_code("NA")  # Namibia is a country, not a missing value
    ('DE', 'NA')
    >>> country_code("Germany")
    Traceback (most recent call last):
        ...
    domain.countries.UnknownCountry: 'Germany' is written DE.
    """
    code = text.strip().upper()
    if code in _codes():
        return code
    meant = _code_meant(code)
    raise UnknownCountry(
        f"{text.strip()[:40]!r} is written {meant}." if meant else f"{text.strip()[:40]!r} names none."
    )


def country_name(code: str) -> str:
    """The country's short English name.

    >>> country_name("NA"), country_name("XK")
    ('Namibia', 'Kosovo')
    """
    if code == _KOSOVO:
        return "Kosovo"
    country = pycountry.countries.lookup(code)
    return str(getattr(country, "common_name", country.name))


@cache
def _codes() -> frozenset[str]:
    return frozenset({_KOSOVO, *(country.alpha_2 for country in pycountry.countries)})


def _code_meant(text: str) -> str | None:
    """The code of a country that is written as its name, its three-letter code, or the reserved UK and EL."""
    reserved = {"UK": "GB", "EL": "GR", "KOSOVO": _KOSOVO, "XKX": _KOSOVO}
    if text in reserved:
        return reserved[text]
    try:
        return str(pycountry.countries.lookup(text).alpha_2)
    except LookupError:
        return None
