"""The first reading of a file: what makes it unusable as a whole, and which lines repeat an earlier one."""

import gzip
import hashlib
from pathlib import Path

import pytest

from domain.control_totals import ControlTotal
from domain.file_limits import FileLimits
from domain.iccid import IssuerProfile
from domain.manifests import ManifestRefused
from engine.surveying import TAIL_BYTES, Survey, sha256_before_trailer, survey
from storage.readers import read_blocks
from storage.readers.block import ReadingRules
from tests.engine.rig import ISSUER, iccids

RULES = ReadingRules(profiles=[IssuerProfile(ISSUER, "KORE")])


def written(folder: Path, *lines: str, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_bytes("\n".join([*lines, ""]).encode())
    return path


def surveyed(path: Path, sidecar: ControlTotal | None = None) -> Survey:
    return survey(path, path.name, RULES, sidecar)


def digest(*lines: str) -> str:
    return hashlib.sha256("\n".join([*lines, ""]).encode()).hexdigest()


def test_lines_sizes_and_the_hash_are_the_files(tmp_path: Path) -> None:
    path = written(tmp_path, *iccids(3), "", "# a comment")
    seen = surveyed(path)
    assert (seen.line_count, seen.well_formed_count, seen.size_bytes) == (5, 3, path.stat().st_size)
    assert seen.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_repeated_sim_stands_first_on_one_line(tmp_path: Path) -> None:
    one, two, three = iccids(3)
    path = written(tmp_path, one, two, f"{one[:4]} {one[4:]}", one, three, three)
    seen = surveyed(path)
    firsts: list[int] = []
    copies: dict[int, int] = {}
    for block in read_blocks(path, path.name, RULES):
        first, copied = seen.split(block)
        firsts += block.lines[first].tolist()
        copies |= copied
    assert firsts == [1, 2, 5]
    assert copies == {3: 1, 4: 1, 6: 5}
    assert seen.with_copies([1, 2, 3, 5]) == {1, 5}
    assert seen.with_copies([]) == set()


@pytest.mark.parametrize("total", ["# total=3", "#TOTAL = 3", "# total=3 sha256={before}", "# total=3 sum={before}"])
def test_a_trailer_that_agrees_lets_the_file_pass(tmp_path: Path, total: str) -> None:
    lines = iccids(3)
    path = written(tmp_path, *lines, total.format(before=digest(*lines)))
    assert surveyed(path).well_formed_count == 3


@pytest.mark.parametrize(
    ("total", "sentence"),
    [
        ("# total=4", "says 4 SIMs, and 3 lines give one"),
        ("# total=2", "says 2 SIMs, and 3 lines give one"),
        (f"# total=3 sha256={'a' * 64}", "its bytes are not those of the control total"),
    ],
)
def test_a_trailer_that_disagrees_refuses_the_file(tmp_path: Path, total: str, sentence: str) -> None:
    with pytest.raises(ManifestRefused, match=sentence) as refused:
        surveyed(written(tmp_path, *iccids(3), total))
    assert (refused.value.reason, refused.value.quarantine) == ("control_total", False)


def test_a_control_total_counts_bad_and_repeated_numbers_and_no_comment(tmp_path: Path) -> None:
    one, two = iccids(2)
    seen = surveyed(written(tmp_path, one, one, "89883070000000000001", "# note", two, "# total=4"))
    assert (seen.well_formed_count, seen.line_count) == (3, 6)


@pytest.mark.parametrize("count", [1, 4000])
def test_the_hash_of_a_trailer_is_of_everything_before_its_line(tmp_path: Path, count: int) -> None:
    lines = iccids(count)
    path = written(tmp_path, *lines, "# total=1")
    assert count == 1 or path.stat().st_size > TAIL_BYTES
    assert sha256_before_trailer(path) == digest(*lines)


def test_the_hash_of_a_trailer_in_a_packed_file_is_of_the_unpacked_bytes(tmp_path: Path) -> None:
    lines = iccids(3)
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, f"# total=3 sha256={digest(*lines)}", ""]).encode()))
    assert surveyed(path).well_formed_count == 3


def test_a_sidecar_speaks_of_the_whole_file(tmp_path: Path) -> None:
    path = written(tmp_path, *iccids(3))
    right = ControlTotal(3, hashlib.sha256(path.read_bytes()).hexdigest())
    assert surveyed(path, right).line_count == 3
    with pytest.raises(ManifestRefused, match="its bytes are not those"):
        surveyed(path, ControlTotal(3, "b" * 64))


def test_both_totals_must_agree(tmp_path: Path) -> None:
    path = written(tmp_path, *iccids(3), "# total=3")
    with pytest.raises(ManifestRefused, match="says 9 SIMs"):
        surveyed(path, ControlTotal(9))


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = written(tmp_path, *iccids(3))
    small = ReadingRules(profiles=RULES.profiles, limits=FileLimits(file_bytes=10))
    with pytest.raises(ManifestRefused, match="63 bytes; at most 10 are taken") as refused:
        survey(path, path.name, small, None)
    assert refused.value.reason == "file_too_large"
