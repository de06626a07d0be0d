"""CSV, TSV and their kin: headers, quotes, devices, and the outcome of every fault."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.file_limits import FileLimits
from domain.lines import Reason, Verdict
from domain.manifests import ManifestColumn, ManifestRefused
from storage.readers.block import ReadingRules
from tests.storage.readers.test_workbooks import workbook

Read = Callable[..., Any]

MARKER = "SECRET-7F3A"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_under_each_delimiter(read: Read, sims: Sequence[str], delimiter: str) -> None:
    rows = [["Box", "ICC-ID", "Country"], ["1", sims[0], "DE"], ["2", sims[1], "FR"]]
    found = read("a.csv", "\n".join(map(delimiter.join, rows)))
    assert found.iccids == {2: sims[0], 3: sims[1]}
    assert found.cells == {ManifestColumn.HOME_COUNTRY: ["DE", "FR"]}
    assert found.reasons == {1: Reason.HEADER}


def test_each_column_of_ours_is_carried_along(read: Read, sims: Sequence[str]) -> None:
    header = "SIM number,device id,Device Name,product,home country,Carrier Account,RegistrationCode,note,Box"
    found = read("a.csv", f"{header}\n {sims[0]} , d1 ,Pump 7,tracker,NA, Kore ,R1,spare,9\n")
    assert found.iccids == {2: sims[0]}
    assert found.cells == {
        ManifestColumn.DEVICE_ID: ["d1"],
        ManifestColumn.DEVICE_NAME: ["Pump 7"],
        ManifestColumn.PRODUCT: ["tracker"],
        ManifestColumn.HOME_COUNTRY: ["NA"],
        ManifestColumn.CARRIER_ACCOUNT: ["Kore"],
        ManifestColumn.REGISTRATION_CODE: ["R1"],
        ManifestColumn.NOTE: ["spare"],
    }


def test_cells_stay_with_their_row_when_others_are_rejected(read: Read, sims: Sequence[str]) -> None:
    lines = ["iccid,note", f"{sims[0]},a", "8934076500002589175,b", f"{sims[1]},c", "x,d", f"{sims[2]},e"]
    found = read("a.csv", "\n".join(lines * 1))
    assert found.cells[ManifestColumn.NOTE] == ["a", "c", "e"]
    assert found.reasons[3] is Reason.WRONG_CHECK_DIGIT


def test_a_table_without_a_header_is_read_by_its_first_column(read: Read, sims: Sequence[str]) -> None:
    found = read("a.csv", f"{sims[0]};x;1\n{sims[1]};y;2;more\n")
    assert found.iccids == {1: sims[0], 2: sims[1]}
    assert found.cells == {}


def test_titles_and_comments_may_stand_above_the_header(read: Read, sims: Sequence[str]) -> None:
    found = read("a.csv", f"sep=;\nOrder 12;;\n# from the vendor\n\nICCID;note;x\n{sims[0]};a;b\n")
    assert found.iccids == {6: sims[0]}
    assert found.reasons == {
        1: Reason.HEADER,
        2: Reason.NO_ICCID,
        3: Reason.COMMENT,
        4: Reason.BLANK,
        5: Reason.HEADER,
    }


@pytest.mark.parametrize("content", ["ICCID:Country\n{0}:DE\n", "Serial,Country\n{0},DE\n", "ICCID^Country\n{0}^DE"])
def test_a_wrong_delimiter_or_header_is_refused_with_the_columns_seen(
    read: Read, sims: Sequence[str], content: str
) -> None:
    with pytest.raises(ManifestRefused, match="Country") as refusal:
        read("a.csv", content.format(sims[0]))
    assert refusal.value.reason == "no_iccid_column"
    assert not refusal.value.quarantine


def test_values_never_stand_in_the_refusal(read: Read) -> None:
    with pytest.raises(ManifestRefused) as refusal:
        read("a.csv", f"{MARKER},0A1B2C3D4E5F60718293A4B5C6D7E8F9,1234\n")
    assert MARKER not in str(refusal.value)
    assert "0A1B" not in str(refusal.value)
    assert "1234" not in str(refusal.value)


def test_header_only_is_read_as_a_file_without_sims(read: Read) -> None:
    found = read("a.csv", "ICCID,Country\n")
    assert (found.line_count, found.iccids, found.reasons) == (1, {}, {1: Reason.HEADER})


def test_an_unclosed_quote_costs_its_own_line_only(read: Read, sims: Sequence[str]) -> None:
    rows = ["iccid,note", f'{sims[0]},"two, three"', f'{sims[1]},"never closed', f"{sims[2]},x", f'"{sims[3]}","y"']
    found = read("a.csv", "\n".join(rows))
    assert found.iccids == {2: sims[0], 4: sims[2], 5: sims[3]}
    assert found.cells[ManifestColumn.NOTE] == ["two, three", "x", "y"]
    assert found.reasons == {1: Reason.HEADER, 3: Reason.UNREADABLE_ROW}
    assert found.outcomes[3].text == ""


def test_two_unclosed_quotes_do_not_make_one_row(read: Read, sims: Sequence[str]) -> None:
    found = read("a.csv", f'iccid,note\n{sims[0]},"a\n{sims[1]},b"\n{sims[2]},c\n')
    assert found.reasons == {1: Reason.HEADER, 2: Reason.UNREADABLE_ROW}
    assert found.iccids == {3: sims[1], 4: sims[2]}


def test_a_nul_makes_a_row_unreadable(read: Read, sims: Sequence[str]) -> None:
    found = read("a.csv", f"iccid,note\n{sims[0]},a\0b\n{sims[1]},c\n")
    assert found.reasons == {1: Reason.HEADER, 2: Reason.UNREADABLE_ROW}
    assert found.iccids == {3: sims[1]}


def test_a_row_with_too_many_cells_is_rejected_because_its_columns_may_be_shifted(
    read: Read, sims: Sequence[str]
) -> None:
    rows = ["iccid,note,country", f"{sims[0]},hello, world,DE", f"{sims[1]},x,DE,,", f"{sims[2]}"]
    found = read("a.csv", "\n".join(rows))
    assert found.reasons == {1: Reason.HEADER, 2: Reason.UNREADABLE_ROW}
    assert "4 cells" in found.outcomes[2].detail
    assert found.iccids == {3: sims[1], 4: sims[2]}
    assert found.cells[ManifestColumn.HOME_COUNTRY] == ["DE", ""]


def test_an_over_long_row_is_rejected_and_its_neighbours_are_read(read: Read, sims: Sequence[str]) -> None:
    found = read("a.csv", f"iccid,note\n{sims[0]},a\n{sims[1]},{'x' * 5000}\n{sims[2]},b\n")
    assert found.reasons == {1: Reason.HEADER, 3: Reason.LINE_TOO_LONG}
    assert found.iccids == {2: sims[0], 4: sims[2]}


def test_blank_rows_and_rows_without_an_iccid_are_ignored(read: Read, sims: Sequence[str]) -> None:
    found = read("a.csv", f"iccid,note\n,,\n\n  \n{sims[0]},a\n,total\nn/a,b\n# end\n")
    assert found.iccids == {5: sims[0]}
    assert found.reasons == {
        1: Reason.HEADER,
        2: Reason.BLANK,
        6: Reason.NO_ICCID,
        7: Reason.NO_ICCID,
        8: Reason.COMMENT,
    }
    assert found.outcomes[2].through_line == 4
    assert all(outcome.verdict is Verdict.IGNORED for outcome in found.outcomes.values())


@pytest.mark.parametrize("cell", ["=CONCAT(1)8934076500002589174", "+8934076500002589174", "@8934076500002589174"])
def test_a_formula_in_the_iccid_column_is_rejected_as_text(read: Read, cell: str) -> None:
    found = read("a.csv", f"iccid,note\n{cell},a\n")
    assert found.reasons == {1: Reason.HEADER, 2: Reason.NOT_DIGITS}


def test_spreadsheet_damage_is_rejected(read: Read) -> None:
    found = read("a.csv", "iccid,note\n8.93E+18,a\n")
    assert found.reasons[2] is Reason.SPREADSHEET_DAMAGE


def test_only_the_iccid_cell_is_kept_of_a_rejected_row(read: Read) -> None:
    found = read("a.csv", f"iccid,registration_code\n893407650000258917X,{MARKER}\n8934076500002589175;{MARKER},\n")
    assert [found.outcomes[line].text for line in (2, 3)] == ["893407650000258917X", "8934076500002589175"]
    assert MARKER not in str(found.outcomes)


@pytest.mark.parametrize("mark", ["> ", ":", "/", "=", "#", " KI=", "\u00a0"])
def test_a_code_behind_the_iccid_in_one_cell_is_not_kept(read: Read, mark: str) -> None:
    found = read("a.csv", f"ICCID,Regcode\n8934076500002589175{mark}{MARKER},\n")
    assert found.outcomes[2].text == "8934076500002589175"
    assert MARKER not in str(found.outcomes)


def test_a_code_behind_a_device_in_one_cell_is_not_kept(read: Read) -> None:
    found = read("a.csv", f"device_id,Regcode\nd7:{MARKER},\n")
    assert found.outcomes[2].text == "d7"


def test_windows_1252_cells_are_read_as_they_were(read: Read, sims: Sequence[str]) -> None:
    content = f"iccid;note\n{sims[0]};Müller €\n".encode("cp1252") + f"{sims[1]};Łódź\n".encode()
    assert read("a.csv", content).cells[ManifestColumn.NOTE] == ["Müller €", "Łódź"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-16-le"])
def test_what_excel_exports_as_unicode_text_is_read(read: Read, sims: Sequence[str], encoding: str) -> None:
    content = f"ICCID\tnote\r\n{sims[0]}\tMüller\r\n".encode(encoding)
    found = read("a.csv", content)
    assert found.iccids == {2: sims[0]}
    assert found.cells[ManifestColumn.NOTE] == ["Müller"]


@pytest.mark.parametrize(
    "header", ["ICCID,Ki (hex)", "iccid;imsi;OPc", "ICCID,PIN1,PUK1", "SIM\tADM1", "IMSI|K4", "iccid,PUK_2"]
)
def test_a_table_with_key_columns_is_quarantined_unread(read: Read, sims: Sequence[str], header: str) -> None:
    with pytest.raises(ManifestRefused, match="key material") as refusal:
        read("a.csv", f"\n{header}\n{sims[0]},{MARKER},{MARKER}\n")
    assert refusal.value.quarantine
    assert MARKER not in str(refusal.value)


@pytest.mark.parametrize("header", ["ICCID,Spin", "ICCID,Kind", "ICCID,Pinned", "ICCID,registration_code"])
def test_a_table_whose_headers_only_resemble_keys_is_read(read: Read, sims: Sequence[str], header: str) -> None:
    assert read("a.csv", f"{header}\n{sims[0]},x\n").iccids == {2: sims[0]}


class Inventory:
    """Knows d1's SIM, and that d2 has none; remembers how it was asked."""

    def __init__(self, sim: str) -> None:
        self._known = {"d1": sim, "d2": None, "d4": "8934076500002589175"}
        self.asked: list[Sequence[str]] = []

    def __call__(self, device_ids: Sequence[str]) -> Mapping[str, str | None]:
        self.asked.append(device_ids)
        return {one: self._known[one] for one in device_ids if one in self._known}


def test_a_row_with_only_a_device_takes_its_built_in_sim(read: Read, sims: Sequence[str]) -> None:
    inventory = Inventory(sims[0])
    rows = ["device_id,iccid", "d1,", "d2,-", "d3,", f"d3,{sims[1]}", "d4,", "d1,"]
    found = read("a.csv", "\n".join(rows), ReadingRules(devices=inventory))
    assert found.iccids == {2: sims[0], 5: sims[1], 7: sims[0]}
    assert found.cells == {ManifestColumn.DEVICE_ID: ["d1", "d3", "d1"]}
    assert found.reasons == {
        1: Reason.HEADER,
        3: Reason.DEVICE_WITHOUT_SIM,
        4: Reason.UNKNOWN_DEVICE,
        6: Reason.WRONG_CHECK_DIGIT,
    }
    assert [found.outcomes[line].text for line in (3, 4, 6)] == ["d2", "d3", "d4"]
    assert inventory.asked == [["d1", "d2", "d3", "d4"]]


def test_devices_are_asked_once_a_block_and_not_at_all_when_none_is_needed(read: Read, sims: Sequence[str]) -> None:
    inventory = Inventory(sims[0])
    rows = ["device_id", "d1", "d1", "d3"]
    read("a.csv", "\n".join(rows), ReadingRules(devices=inventory, block_lines=2))
    assert inventory.asked == [["d1"], ["d1", "d3"]]
    inventory.asked.clear()
    read("a.csv", f"device_id,iccid\nd1,{sims[0]}\n", ReadingRules(devices=inventory))
    assert inventory.asked == []


def test_without_an_inventory_every_device_is_unknown(read: Read) -> None:
    found = read("a.txt", "Device ID\nd1\n\nd2\n")
    assert found.reasons == {1: Reason.HEADER, 2: Reason.UNKNOWN_DEVICE, 3: Reason.BLANK, 4: Reason.UNKNOWN_DEVICE}


def test_a_control_total_padded_by_a_spreadsheet_is_seen(read: Read, sims: Sequence[str]) -> None:
    found = read("a.csv", f"iccid,note,x\n{sims[0]},a,b\n# total=1,,\n")
    assert found.trailer is not None
    assert found.trailer.count == 1
    assert found.reasons[3] is Reason.TRAILER


@pytest.mark.parametrize("trailer", ['"# total=2",', " # total=2", ",# total=2", '"","# total=2"', "\t# total=2,"])
def test_a_control_total_is_seen_however_it_was_exported(read: Read, sims: Sequence[str], trailer: str) -> None:
    for name in ("a.csv", "a.txt"):
        found = read(name, f"iccid,note\n{sims[0]},a\n{trailer}\n")
        assert found.trailer is not None
        assert found.trailer.count == 2
        assert found.reasons[3] is Reason.TRAILER


def test_a_row_that_speaks_of_a_total_is_none(read: Read, sims: Sequence[str]) -> None:
    found = read("a.csv", f'note,iccid\n"#1 box",{sims[0]}\nx # total=3,{sims[1]}\n')
    assert found.iccids == {2: sims[0], 3: sims[1]}
    assert found.trailer is None


@pytest.mark.parametrize("absent", ["NA", "n/a", "N.A.", "0", "?", "-", "built-in", "Built in", "none", ""])
def test_a_device_stands_for_its_sim_however_the_number_is_left_out(
    read: Read, sims: Sequence[str], absent: str
) -> None:
    found = read("a.csv", f"device_id,iccid\nd1,{absent}\n", ReadingRules(devices=Inventory(sims[0])))
    assert found.iccids == {2: sims[0]}


@pytest.mark.parametrize("written", ["#N/A", "lost", "see label", "."])
def test_a_row_with_a_device_is_never_passed_over(read: Read, sims: Sequence[str], written: str) -> None:
    found = read("a.csv", f"device_id,iccid\nd2,{written}\n", ReadingRules(devices=Inventory(sims[0])))
    assert found.outcomes[2].verdict is Verdict.REJECTED
    assert found.iccids == {}


odd_lines = st.one_of(
    st.sampled_from(
        ["8934076500002589174,x", '"8934076500002589174","x"', '"', ',"', "", ",", " ", "#", "\0", "d,e,f", "\ufeff"]
    ),
    st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=20),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.lists(odd_lines, min_size=1), st.integers(1, 5))
def test_every_line_of_whatever_table_is_accounted_for(read: Read, lines: list[str], block_lines: int) -> None:
    rules = ReadingRules(limits=FileLimits(line_bytes=40), block_lines=block_lines)
    try:
        found = read("a.csv", "iccid,note\n" + "\n".join(lines), rules)
    except ManifestRefused as refusal:
        assert refusal.reason in {"second_header", "ambiguous_header", "key_material"}  # drawn by chance
    else:
        assert found.line_count == len(lines) + 1 - (lines[-1] == "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.sampled_from(["plain", '"quoted"', '"a,b"', " x "]))
def test_the_short_way_for_even_tables_gives_the_same_rows(read: Read, valid: list[bool], note: str) -> None:
    rows = [f"{'8934076500002589174' if one else '8934076500002589175'},{note}" for one in valid]
    content = "iccid,note\n" + "\n".join(rows)
    short = read("a.csv", content, ReadingRules(block_lines=1))
    long = read("a.csv", content + "\n# the long way", ReadingRules(block_lines=10_000))
    assert short.iccids == long.iccids
    assert short.cells[ManifestColumn.NOTE] == long.cells[ManifestColumn.NOTE]


REEL = ["8934076500002649994", "8934076500002650000", "8934076500002650018"]


@pytest.mark.parametrize("block_lines", [1, 2, 3, 10])
@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.xlsx"])
def test_what_a_card_that_ends_in_zeros_is_does_not_depend_on_where_a_block_ends(
    read: Read, name: str, block_lines: int
) -> None:
    rules = ReadingRules(block_lines=block_lines)
    for numbers in (REEL[:2], REEL[1:], REEL, [*REEL[:2], "x"]):
        lines = ["iccid,note", *(f"{number},x" for number in numbers)] if name == "a.csv" else ["iccid", *numbers]
        content = workbook([[line] for line in lines]) if name == "a.xlsx" else "\n".join(lines)
        assert list(read(name, content, rules).iccids.values()) == [one for one in numbers if one != "x"]
    alone = "\n".join(["iccid", "8934076500002586220", REEL[1], "8934076500002586576"])
    assert read("a.csv", alone, rules).reasons[3] is Reason.SPREADSHEET_DAMAGE


@pytest.mark.parametrize("blank", ["\u00a0;\u00a0", "\u2003;", " ; ", ";", "\x0b;\x0b"])
def test_a_row_of_blanks_is_blank_in_every_block(read: Read, sims: Sequence[str], blank: str) -> None:
    content = f"iccid;note\n{sims[0]};x\n{blank}\n{sims[1]};y\n"
    for lines in (1, 2, 10):
        assert read("a.csv", content, ReadingRules(block_lines=lines)).reasons[3] is Reason.BLANK
    assert read("a.csv", content + "# the long way").reasons[3] is Reason.BLANK
