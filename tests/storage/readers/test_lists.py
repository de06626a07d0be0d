"""A .txt manifest: one ICCID a line, everything else ignored and counted; each fault has its exact outcome."""

import os
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.file_limits import USUAL_LIMITS, FileLimits
from domain.lines import Reason, Verdict
from domain.manifests import ManifestRefused
from storage.readers import read_blocks
from storage.readers.bare_list import list_blocks
from storage.readers.block import Block, ReadingRules
from storage.readers.opening import CHUNK_BYTES
from storage.readers.physical_lines import stretches

Read = Callable[..., Any]
BAD = "8934076500002589175"


def test_each_line_that_is_no_iccid_has_its_own_outcome(read: Read, sims: Sequence[str]) -> None:
    found = read("order.txt", f"# order 7\n{sims[0]}\n\n\nhello\n{sims[1]}\n8934076500002589175\n")
    assert found.line_count == 7
    assert found.iccids == {2: sims[0], 6: sims[1]}
    assert found.reasons == {1: Reason.COMMENT, 3: Reason.BLANK, 5: Reason.NO_ICCID, 7: Reason.WRONG_CHECK_DIGIT}
    assert found.outcomes[3].through_line == 4
    assert found.outcomes[7].text == "8934076500002589175"
    assert found.outcomes[7].verdict is Verdict.REJECTED


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lf_crlf_and_a_lone_cr_each_end_a_line(read: Read, sims: Sequence[str], ending: str) -> None:
    found = read("a.txt", ending.join([*sims[:3], ""]))
    assert found.line_count == 3
    assert found.iccids == {1: sims[0], 2: sims[1], 3: sims[2]}


def test_the_three_endings_may_be_mixed(read: Read, sims: Sequence[str]) -> None:
    found = read("a.txt", f"{sims[0]}\r{sims[1]}\r\n\r\r\n{sims[2]}\n\r")
    assert found.iccids == {1: sims[0], 2: sims[1], 5: sims[2]}
    assert found.line_count == 6


def test_a_crlf_across_two_reads_is_one_line_end(read: Read, sims: Sequence[str]) -> None:
    filler = "#" + "x" * 4000
    lines = [filler] * 262
    head = "\n".join(lines)
    content = head + "#" * ((1 << 20) - 1 - len(head)) + "\r\n" + sims[0]
    assert content.index("\r\n") == (1 << 20) - 1
    found = read("a.txt", content)
    assert found.iccids == {263: sims[0]}


def test_a_last_line_without_its_newline_is_a_line(read: Read, sims: Sequence[str]) -> None:
    assert read("a.txt", f"{sims[0]}\n{sims[1]}").iccids == {1: sims[0], 2: sims[1]}


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-32-le", b""),
        ("utf-32-be", b""),
        ("utf-32-le", b"\xff\xfe\x00\x00"),
        ("utf-32-be", b"\x00\x00\xfe\xff"),
    ],
)
def test_a_file_is_read_in_each_unicode_encoding(read: Read, sims: Sequence[str], encoding: str, mark: bytes) -> None:
    found = read("a.txt", mark + f"{sims[0]}\r\n893407650000258917ü\r\n{sims[1]}".encode(encoding))
    assert found.iccids == {1: sims[0], 3: sims[1]}
    assert found.outcomes[2].text == "893407650000258917ü"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("title", ["Заказ для склада номер семь", "注文番号七の納品書です", "Παραγγελία"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_title_in_another_script_does_not_hide_a_wide_encoding(
    read: Read, sims: Sequence[str], encoding: str, title: str, ending: str
) -> None:
    content = ending.join([title * 40, *[title] * 60, sims[0], sims[1], ""]).encode(encoding)
    assert list(read("a.txt", content).iccids.values()) == list(sims[:2])


@pytest.mark.parametrize("pad", [b"\0", b"\0\0\0"])
def test_digits_with_nuls_between_them_are_rejected_and_never_passed_over(
    read: Read, sims: Sequence[str], pad: bytes
) -> None:
    line = pad.join(bytes([octet]) for octet in sims[0].encode())
    found = read("a.txt", b"# of two encodings, for the file was joined\n" * 9 + line + b"\n")
    assert found.outcomes[10].verdict is Verdict.REJECTED


@pytest.mark.parametrize("shift", [0, 1])
def test_a_nul_here_and_there_makes_no_wide_encoding(read: Read, sims: Sequence[str], shift: int) -> None:
    found = read("a.txt", f"{'x' * shift}\0\n{sims[0]}\n\0{sims[1]}\n{sims[2]}\n")
    assert found.iccids == {2: sims[0], 4: sims[2]}
    assert found.reasons[3] is Reason.NOT_DIGITS


def test_latin_1_is_read_line_by_line_and_shown_as_it_was(read: Read, sims: Sequence[str]) -> None:
    in_1252 = f"# für Müller\n{sims[0]}\n89340765000ö2589174\n".encode("cp1252")
    found = read("a.txt", in_1252 + "89340765000Ł2589174\n".encode())
    assert found.iccids == {2: sims[0]}
    assert [found.outcomes[line].text for line in (3, 4)] == ["89340765000ö2589174", "89340765000Ł2589174"]


def test_a_nul_in_a_line_rejects_that_line_only(read: Read, sims: Sequence[str]) -> None:
    found = read("a.txt", f"{sims[0]}\n{sims[1][:9]}\0{sims[1][9:]}\n{sims[2]}\n")
    assert found.iccids == {1: sims[0], 3: sims[2]}
    assert found.reasons == {2: Reason.NOT_DIGITS}


def test_zero_width_and_direction_marks_around_an_iccid_do_no_harm(read: Read, sims: Sequence[str]) -> None:
    found = read("a.txt", f"\u200b{sims[0]}\u200b\n\u200e{sims[1]}\u200f\n\u2066{sims[2]}\u2069\n")
    assert found.iccids == {1: sims[0], 2: sims[1], 3: sims[2]}


def test_a_right_to_left_override_is_rejected(read: Read, sims: Sequence[str]) -> None:
    found = read("a.txt", f"\u202e{sims[0]}\n")
    assert found.reasons == {1: Reason.NOT_DIGITS}


@pytest.mark.parametrize("zero", ["٠", "０", "०"])
def test_digits_of_other_scripts_are_rejected_not_converted(read: Read, sims: Sequence[str], zero: str) -> None:
    foreign = "".join(chr(ord(zero) + int(digit)) for digit in sims[0])
    found = read("a.txt", f"{foreign}\n{sims[1]}\n")
    assert found.iccids == {2: sims[1]}
    assert found.reasons == {1: Reason.NOT_DIGITS}


@pytest.mark.parametrize("damaged", ["8.93E+18", "8.93408E+18", "8934076500002590000"])
def test_what_a_spreadsheet_rounded_is_rejected(read: Read, damaged: str) -> None:
    found = read("a.txt", f"{damaged}\n")
    assert found.reasons == {1: Reason.SPREADSHEET_DAMAGE}
    assert found.outcomes[1].text == damaged


def test_a_line_over_the_limit_is_rejected_and_its_neighbours_are_read(read: Read, sims: Sequence[str]) -> None:
    found = read("a.txt", "\n".join([sims[0], "9" * 4097, sims[1], "x" * 3_000_000, sims[2], "8" * 5000]))
    assert found.iccids == {1: sims[0], 3: sims[1], 5: sims[2]}
    assert found.reasons == dict.fromkeys((2, 4, 6), Reason.LINE_TOO_LONG)
    assert {outcome.text for outcome in found.outcomes.values()} == {""}


def test_a_line_of_exactly_the_limit_is_read(read: Read) -> None:
    assert read("a.txt", "x" * 4096 + "\n").reasons == {1: Reason.NO_ICCID}


def test_nothing_but_its_number_is_kept_of_a_line(read: Read) -> None:
    found = read("a.txt", f"{BAD} CODESECRET1\n{BAD}\tCODESECRET2\nRegcode: CODESECRET3\n# {BAD}: CODESECRET4\n")
    assert [found.outcomes[line].text for line in (1, 2, 3, 4)] == [BAD, BAD, "", ""]
    assert "SECRET" not in str(found.outcomes)


def test_a_control_total_that_a_spreadsheet_quoted_is_one(read: Read, sims: Sequence[str]) -> None:
    assert read("a.txt", f'{sims[0]}\n"# total=1"\n').reasons == {2: Reason.TRAILER}


GB = 1024**3


def assert_the_long_line_left_nothing(blocks: Callable[[], Iterator[Block]]) -> None:
    """Its neighbours are read, it is rejected, and no more than a stretch was ever held."""
    tracemalloc.start()
    read = list(blocks())
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [line for block in read for line in block.lines.tolist()] == [1, 3]
    assert [(one.line, one.reason) for block in read for one in block.outcomes] == [(2, Reason.LINE_TOO_LONG)]
    assert peak_bytes < 16 * 1024**2


def test_a_line_of_10_gb_takes_no_memory(sims: Sequence[str]) -> None:
    def chunks() -> Iterator[bytes]:
        yield sims[0].encode() + b"\n"
        yield from repeat(bytes(CHUNK_BYTES), 10 * GB // CHUNK_BYTES)
        yield b"\n" + sims[1].encode() + b"\n"

    assert_the_long_line_left_nothing(
        lambda: list_blocks(stretches(chunks(), USUAL_LIMITS, 65_536), header_line=0, rules=ReadingRules())
    )


@pytest.mark.slow
def test_a_file_with_a_line_of_more_than_2_gb_takes_no_memory(tmp_path: Path, sims: Sequence[str]) -> None:
    path = tmp_path / "sparse.txt"
    with path.open("wb") as file:
        file.write(sims[0].encode() + b"\n")
        file.seek(2 * GB + 1, os.SEEK_CUR)
        file.write(b"\n" + sims[1].encode() + b"\n")
    rules = ReadingRules(limits=FileLimits(file_bytes=20 * GB))
    assert_the_long_line_left_nothing(lambda: read_blocks(path, "sparse.txt", rules))


def test_memory_does_not_grow_with_the_file(tmp_path: Path, sims: Sequence[str]) -> None:
    peaks = []
    for count in (200_000, 800_000):  # more than the stretches that are held at once
        path = tmp_path / f"{count}.txt"
        path.write_text(f"{sims[0]}\n" * count)
        tracemalloc.start()
        assert sum(block.line_count for block in read_blocks(path, path.name, ReadingRules())) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


def test_a_file_of_blank_lines_is_one_outcome_a_block(read: Read) -> None:
    found = read("a.txt", "\n" * 10_000, ReadingRules(block_lines=4000))
    assert found.line_count == 10_000
    assert [(one.line, one.through_line) for one in found.outcomes.values()] == [
        (1, 4000),
        (4001, 8000),
        (8001, 10_000),
    ]


def test_too_many_lines_without_an_iccid_refuse_the_file(read: Read) -> None:
    with pytest.raises(ManifestRefused, match="no manifest") as refusal:
        read("a.txt", "hello\n" * 101, ReadingRules(limits=FileLimits(other_lines=100)))
    assert refusal.value.reason == "not_a_manifest"


def test_ten_million_short_lines_are_refused_long_before_the_last(tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_bytes(b"1\n" * 10_000_000)
    line_count = 0
    with pytest.raises(ManifestRefused) as refusal:
        for block in read_blocks(path, path.name, ReadingRules(limits=FileLimits(other_lines=100_000))):
            line_count += block.line_count
    assert refusal.value.reason == "not_a_manifest"
    assert line_count == 65_536


def test_ten_million_blank_lines_are_a_few_outcomes(tmp_path: Path) -> None:
    path = tmp_path / "blank.txt"
    path.write_bytes(b"\n" * 10_000_000)
    blocks = list(read_blocks(path, path.name, ReadingRules()))
    assert sum(one.line_count for block in blocks for one in block.outcomes) == 10_000_000
    assert sum(len(block.outcomes) for block in blocks) == len(blocks)


def test_blank_lines_do_not_count_towards_that_limit(read: Read, sims: Sequence[str]) -> None:
    found = read("a.txt", f"{sims[0]}\n\n" * 200, ReadingRules(limits=FileLimits(other_lines=100)))
    assert len(found.iccids) == 200


def test_a_line_that_says_iccid_above_a_list_is_its_header(read: Read, sims: Sequence[str]) -> None:
    found = read("a.txt", f"ICCID\n{sims[0]}\n")
    assert found.reasons == {1: Reason.HEADER}
    assert found.iccids == {2: sims[0]}


def test_header_only_is_read_as_a_file_without_sims(read: Read) -> None:
    found = read("a.txt", "ICCID\n")
    assert (found.line_count, found.iccids, found.reasons) == (1, {}, {1: Reason.HEADER})


def test_a_txt_that_is_a_table_is_read_as_one(read: Read, sims: Sequence[str]) -> None:
    assert read("a.txt", f"iccid\tcountry\n{sims[0]}\tDE\n").iccids == {2: sims[0]}
    assert read("a.txt", f"{sims[0]};box 7\n{sims[1]}\n").iccids == {1: sims[0], 2: sims[1]}


def test_a_name_without_an_ending_is_read_as_a_list(read: Read, sims: Sequence[str]) -> None:
    assert read("manifest", sims[0]).iccids == {1: sims[0]}


@pytest.mark.parametrize(
    "header", ["ICCID KI OPC", "PUK", "*Var_Out: ICCID/IMSI/PIN1/PUK1", "Serial;Ki (hex)", "# iccid ki"]
)
def test_a_list_under_a_key_header_is_quarantined_unread(read: Read, sims: Sequence[str], header: str) -> None:
    with pytest.raises(ManifestRefused) as refusal:
        read("a.txt", f"# delivery 12\n{header}\n{sims[0]} 0A1B2C3D4E5F60718293A4B5C6D7E8F9 1234\n")
    assert refusal.value.quarantine
    assert refusal.value.reason == "key_material"
    assert "0A1B" not in str(refusal.value)


def test_a_control_total_is_ignored_and_told(read: Read, sims: Sequence[str]) -> None:
    found = read("a.txt", f"{sims[0]}\n{sims[1]}\n# total=2\n\n# thanks\n")
    assert found.reasons == {3: Reason.TRAILER, 4: Reason.BLANK, 5: Reason.COMMENT}
    assert found.trailer is not None
    assert found.trailer.count == 2


def test_sims_after_the_control_total_refuse_the_file(read: Read, sims: Sequence[str]) -> None:
    with pytest.raises(ManifestRefused, match="line 2") as refusal:
        read("a.txt", f"{sims[0]}\n# total=1\n{sims[1]}\n", ReadingRules(block_lines=2))
    assert refusal.value.reason == "lines_after_control_total"


def physical_lines(content: bytes) -> int:
    text = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text.count(b"\n") + (not text.endswith(b"\n"))


odd_lines = st.one_of(
    st.sampled_from(
        [b"8934076500002589174", b"8.93E+18", b"", b" ", b"#", b'"', b"\0", b"\xff", b"x" * 80, b"\xe2\x80\xa8"]
    ),
    st.binary(max_size=30),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.lists(odd_lines, min_size=1), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.integers(1, 5))
def test_every_line_of_whatever_bytes_is_accounted_for(
    read: Read, lines: list[bytes], ending: bytes, block_lines: int
) -> None:
    rest = ending.join(lines)
    content = b"#" * (len(rest) + 5) + b"\n" + rest  # however many NULs follow, this is no UTF-16
    rules = ReadingRules(limits=FileLimits(line_bytes=64), block_lines=block_lines)
    try:
        found = read("a.txt", content, rules)
    except ManifestRefused as refusal:
        assert refusal.quarantine  # drawn by chance
    else:
        assert found.line_count == physical_lines(content)
