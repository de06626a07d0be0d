"""What is kept of a line that was not accepted: the number that was meant, and nothing beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kept_text import device_part, iccid_part

A = "8934076500002589175"
KI = "0123456789ABCDEF0123456789ABCDEF"


@pytest.mark.parametrize(
    "line",
    [
        f"{A}> CODESECRET1",
        f"{A}:CODESECRET1",
        f"{A} CODESECRET1",
        f"{A}\tCODESECRET1",
        f"{A},CODESECRET1",
        f"{A} 12345678",
        f"{A} 1234",
        f"{A} {KI}",
        f"ICCID={A} KI={KI}",
        f"KI={KI} ICCID={A}",
        f"KI=89{KI[2:]} ICCID={A}",
        f"12345678 {A}",
        f"PIN 1234 ICCID {A}",
        f'="{A}"',
    ],
)
def test_only_the_iccid_stays_of_a_line_with_a_secret(line: str) -> None:
    assert iccid_part(line) == A


@pytest.mark.parametrize(
    "number",
    [
        "893407650O0O2589174",
        "893407650000258917X",
        "898600B5123456789012",
        "8934 0765 0000 2589 175",
        "8934-0765-0000-2589-175",
        "8934.0765.0000.2589.175",
        "8934 O765 OOOO 2589 175",
        "893407650000258917 5",
        "8.93408E+18",
        "8.93407650000259e+18",
        "8,934,076,500,002,589,174",
        "89049032001001234500012345678901",  # an EID
        "984370560000529871F4",
        "490154203237518",  # an IMEI
        "7934076500002589174",
        "٨٩٣٤٠٧٦٥٠٠٠٠٢٥٨٩١٧٥",
        "89340765",
    ],
)
def test_a_mistyped_number_stays_as_it_was_written(number: str) -> None:
    assert iccid_part(number) == iccid_part(f"Nr: {number}; CODESECRET1") == number


@pytest.mark.parametrize("line", ["", KI, f"89{KI[2:]}", "12345678", "PUK 12345678", "CODESECRET1", "89" + "x" * 4000])
def test_nothing_stays_where_nothing_is_like_an_iccid(line: str) -> None:
    assert iccid_part(line) == ""


def test_a_number_that_is_too_long_is_cut_and_says_so() -> None:
    assert iccid_part(f"{A}CODESECRET") == f"{A}C\u2026"
    assert iccid_part(f"{A}123") == f"{A}1\u2026"


@given(st.text(max_size=200) | st.text("0189 -.,E+FOX", max_size=80))
def test_little_is_kept_and_it_stood_so_in_the_line(line: str) -> None:
    part = iccid_part(line)
    assert part.removesuffix("\u2026") in line
    assert sum(map(str.isalnum, part)) <= 32


@pytest.mark.parametrize(("cell", "device"), [("d7", "d7"), ("d7:CODE", "d7"), ("e00fce68 CODE", "e00fce68")])
def test_a_device_is_kept_without_what_follows_it(cell: str, device: str) -> None:
    assert device_part(cell) == device
