"""Home countries are ISO 3166-1 alpha-2 codes, and nothing else is guessed into one."""

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.countries import UnknownCountry, country_code, country_name


def test_na_is_namibia_and_not_a_missing_value() -> None:
    assert country_code("NA") == "NA"
    assert country_name("NA") == "Namibia"


def test_kosovo_is_taken_by_its_users_code() -> None:
    assert country_code("xk") == "XK"
    assert country_name("XK") == "Kosovo"


@pytest.mark.parametrize("country", list(pycountry.countries), ids=lambda country: str(country.alpha_2))
def test_every_iso_code_is_taken_and_has_a_name(country: object) -> None:
    code = str(getattr(country, "alpha_2", ""))
    assert country_code(f" {code.lower()}\t") == code
    assert country_name(code)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("UK", "GB"), ("EL", "GR"), ("DEU", "DE"), ("germany", "DE"), ("276", "DE"), ("Kosovo", "XK")],
)
def test_another_spelling_is_refused_with_the_code_to_write(text: str, meant: str) -> None:
    with pytest.raises(UnknownCountry, match=f"is written {meant}"):
        country_code(text)


@pytest.mark.parametrize("text", ["", "EU", "ZZ", "D", "D E", "49", "+49", "Atlantis", "\uff24\uff25"])
def test_what_names_no_country_is_refused(text: str) -> None:
    with pytest.raises(UnknownCountry, match="names none"):
        country_code(text)


@given(st.text())
def test_whatever_is_taken_is_two_capitals(text: str) -> None:
    try:
        code = country_code(text)
    except UnknownCountry:
        return
    assert code.isascii() and code.isupper() and len(code) == 2
