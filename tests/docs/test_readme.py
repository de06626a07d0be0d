"""README.md: its two commands are there, its picture is small, its numbers are counted."""

import struct
from collections.abc import Callable

from carriers.registry import CARRIERS
from carriers.simulated.faults import Fault
from tests.docs.conftest import ROOT, Page

PICTURE = ROOT / "docs" / "images" / "receipt.png"


def test_the_picture_is_a_png_of_twice_its_width_and_less_than_200_kb() -> None:
    content = PICTURE.read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    assert (width, len(content) < 200_000) == (1440, True)
    assert height > 1000


def test_the_two_commands_are_targets_of_the_makefile(page: Callable[[str], Page]) -> None:
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = page("README.md").text
    assert [
        name for name in ("demo", "test", "check") if f"make {name}" not in text or f"\n{name}:" not in targets
    ] == []


def test_the_number_of_carriers_and_faults_is_counted_right(page: Callable[[str], Page]) -> None:
    text = page("README.md").text
    assert f"{len(Fault)} kinds of fault" in text
    assert ("**Five carriers**" in text) == (len(CARRIERS) == 5)


def test_every_page_is_in_the_index(pages: list[Page], page: Callable[[str], Page]) -> None:
    index = page("docs/README.md").text
    below = [one.path for one in pages if one.path.parent == ROOT / "docs" and one.path.name != "README.md"]
    assert [path.name for path in below if f"]({path.name})" not in index] == []
    assert len(below) > 7
