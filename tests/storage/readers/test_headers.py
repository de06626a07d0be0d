"""Where the header stands, what may stand above it, and every place in which key columns are seen."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from domain.lines import Reason, Verdict
from domain.manifests import ManifestColumn, ManifestRefused
from tests.storage.readers.test_workbooks import workbook

Read = Callable[..., Any]

KEY = "0A1B2C3D4E5F60718293A4B5C6D7E8F9"
DATES = ["20261130", "2026-11-30", "30.11.2026", "Order: 20261130", "89 SIMs"]


def quarantined(read: Read, name: str, content: bytes | str) -> bool:
    with pytest.raises(ManifestRefused) as refusal:
        read(name, content)
    assert KEY not in str(refusal.value)
    return refusal.value.quarantine


@pytest.mark.parametrize("title", DATES)
@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_a_date_above_the_header_does_not_hide_it(read: Read, sims: Sequence[str], name: str, title: str) -> None:
    found = read(name, f"{title}\nBox;ICCID;Country\n1;{sims[0]};US\n")
    assert found.iccids == {3: sims[0]}
    assert found.cells == {ManifestColumn.HOME_COUNTRY: ["US"]}
    assert found.reasons == {1: Reason.NO_ICCID, 2: Reason.HEADER}


@pytest.mark.parametrize("title", [*DATES, 20261130])
def test_a_date_above_the_header_of_a_sheet_does_not_hide_it(read: Read, sims: Sequence[str], title: object) -> None:
    found = read("a.xlsx", workbook([[title], ["ICCID", "Country"], [sims[0], "US"]]))
    assert found.iccids == {3: sims[0]}
    assert found.cells == {ManifestColumn.HOME_COUNTRY: ["US"]}


@pytest.mark.parametrize("title", DATES)
def test_keys_below_a_date_quarantine_the_file(read: Read, sims: Sequence[str], title: str) -> None:
    assert quarantined(read, "a.csv", f"{title}\nICCID,OPc,Country\n{sims[0]},{KEY},US\n")
    assert quarantined(read, "a.xlsx", workbook([[title], ["ICCID", "OPc"], [sims[0], KEY]]))


def test_a_number_above_a_header_that_might_be_a_card_is_rejected_and_not_a_title(
    read: Read, sims: Sequence[str]
) -> None:
    found = read("a.csv", f"8934076500002589175\nICCID,Country\n{sims[0]},US\n")
    assert found.iccids == {3: sims[0]}
    assert found.outcomes[1].verdict is Verdict.REJECTED
    assert "above the header" in found.outcomes[1].detail
    sheet = read("a.xlsx", workbook([["", 8934076500002589174.0], ["ICCID", "Country"], [sims[0], "US"]]))
    assert sheet.outcomes[1].verdict is Verdict.REJECTED


def test_a_list_of_nothing_but_bad_numbers_is_still_a_table_of_them(read: Read) -> None:
    found = read("a.csv", "8934076500002589175;x\n8934076500002589176;y\n")
    assert found.reasons == {1: Reason.WRONG_CHECK_DIGIT, 2: Reason.WRONG_CHECK_DIGIT}


def test_a_title_above_the_header_of_a_txt_is_a_title(read: Read, sims: Sequence[str]) -> None:
    found = read("a.txt", f"Order 7\nICCID;Country\n{sims[0]};US\n")
    assert found.iccids == {3: sims[0]}
    assert found.cells == {ManifestColumn.HOME_COUNTRY: ["US"]}
    assert found.reasons == {1: Reason.NO_ICCID, 2: Reason.HEADER}


def test_a_sentence_with_our_words_above_a_list_makes_no_table_of_it(read: Read, sims: Sequence[str]) -> None:
    found = read("a.txt", f"Order 7\nHello, SIM\n{sims[0]}\n{sims[1]}\n")
    assert found.iccids == {3: sims[0], 4: sims[1]}
    assert read("a.txt", f"Order 7\nDevice\n{sims[0]}\n").iccids == {3: sims[0]}


@pytest.mark.parametrize("named", ["ICCID (8988307000000000009)", "ICCID 8988307000000000009"])
def test_an_example_in_the_header_does_not_hide_its_keys(read: Read, sims: Sequence[str], named: str) -> None:
    assert quarantined(read, "a.csv", f"{named},Ki,Note\n{sims[0]},{KEY},x\n")
    assert quarantined(read, "a.xlsx", workbook([[named, "Ki", "Note"], [sims[0], KEY, "x"]]))
    assert quarantined(read, "a.txt", f"{named};Ki;Note\n{sims[0]};{KEY};x\n")


def test_a_value_that_is_also_a_keys_name_is_no_header(read: Read, sims: Sequence[str]) -> None:
    rows = ["iccid,device id,country,note", f"{sims[0]},,KI,PIN is on the card", ",d1,KI,", ",,KI,PIN"]
    assert read("a.csv", "\n".join(rows)).cells[ManifestColumn.HOME_COUNTRY] == ["KI"]
    assert read("a.csv", f"{sims[0]},SIM,KI\n").iccids == {1: sims[0]}


def test_a_header_of_two_rows_shows_its_keys(read: Read, sims: Sequence[str]) -> None:
    assert quarantined(read, "a.csv", f"ICCID,,\n,Ki,OPc\n{sims[0]},{KEY},{KEY}\n")
    assert quarantined(read, "a.xlsx", workbook([["ICCID"], ["", "Ki", "OPc"], [sims[0], KEY, KEY]]))


@pytest.mark.parametrize("rows_between", [1, 30, 3000])
def test_a_second_header_with_keys_quarantines_wherever_it_stands(
    read: Read, sims: Sequence[str], rows_between: int
) -> None:
    lines = [["ICCID", "Note"], *[[sims[0], "x"]] * rows_between, ["ICCID", "Ki"], [sims[1], KEY]]
    assert quarantined(read, "a.csv", "\n".join(map(",".join, lines)))
    assert quarantined(read, "a.csv", "\n".join(map(",".join, lines[1:])))
    assert quarantined(read, "a.xlsx", workbook(lines))
    devices = ["Device ID,Note", *["d1,x"] * rows_between, "Device ID,Ki", f"d2,{KEY}"]
    assert quarantined(read, "a.csv", "\n".join(devices))


def test_a_second_header_with_other_columns_refuses_the_file(read: Read, sims: Sequence[str]) -> None:
    for second in ("ICCID,Product,Country", "Country,ICCID,Product"):
        with pytest.raises(ManifestRefused, match="second header") as refusal:
            read("a.csv", f"ICCID,Country,Product\n{sims[0]},US,p\n{second}\n{sims[1]},p,US\n")
        assert refusal.value.reason == "second_header"


def test_the_same_header_again_is_a_header(read: Read, sims: Sequence[str]) -> None:
    found = read("a.csv", f"ICCID,Device ID\n{sims[0]},d1\nICCID,Device ID\n{sims[1]},d2\n")
    assert found.iccids == {2: sims[0], 4: sims[1]}
    assert found.reasons == {1: Reason.HEADER, 3: Reason.HEADER}
    short = read("a.csv", f"ICCID,Country\n{sims[0]},US\nICCID\n{sims[1]},DE\n")
    assert short.reasons == {1: Reason.HEADER, 3: Reason.HEADER}
    with pytest.raises(ManifestRefused, match="second header"):
        read("a.csv", f"ICCID,Country\n{sims[0]},US\nICCID,Box\n{sims[1]},DE\n")


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
@pytest.mark.parametrize("width", [5_000, 200_000])
def test_keys_are_seen_in_a_header_that_is_too_long_to_be_a_line(
    read: Read, sims: Sequence[str], name: str, width: int
) -> None:
    assert quarantined(read, name, f"ICCID;Ki;{'x' * width}\n{sims[0]};{KEY}\n")


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
@pytest.mark.parametrize("width", [5_000, 200_000])
def test_a_header_that_is_too_long_refuses_the_file(read: Read, sims: Sequence[str], name: str, width: int) -> None:
    with pytest.raises(ManifestRefused, match="header is longer") as refusal:
        read(name, f"ICCID;Country;{'x' * width}\n{sims[0]};US\n")
    assert refusal.value.reason == "header_too_long"
    assert not refusal.value.quarantine


def test_a_value_that_is_also_a_columns_name_makes_no_second_header(read: Read, sims: Sequence[str]) -> None:
    found = read("a.csv", f"ICCID,Kind,Count\n{sims[0]},SIM,1\nTotal,SIM,1\n,SIM,\n")
    assert found.iccids == {2: sims[0]}
    assert found.reasons == {1: Reason.HEADER, 3: Reason.NO_ICCID, 4: Reason.NO_ICCID}
