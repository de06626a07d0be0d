"""Control totals are read strictly: what cannot be read refuses the file."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.control_totals import ControlTotal, attempted, disagreement, parse_sidecar, parse_trailer
from domain.lines import LineCounts
from domain.manifests import ManifestRefused

HASH = hashlib.sha256(b"manifest").hexdigest()
OTHER = hashlib.sha256(b"changed").hexdigest()


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("# total=500", ControlTotal(500)),
        ("#total = 0", ControlTotal(0)),
        ("\ufeff# TOTAL=12\r\n", ControlTotal(12)),
        ('"# total=500",,,', ControlTotal(500)),
        (f"# total=500 sha256={HASH}", ControlTotal(500, HASH)),
        (f"# total=500 sum={HASH.upper()}", ControlTotal(500, HASH)),
    ],
)
def test_a_trailer_is_read_in_each_of_its_spellings(text: str, total: ControlTotal) -> None:
    assert parse_trailer(text) == total


@pytest.mark.parametrize("text", ["", "# batch 12 pallet 7", "# totals follow", "total=500", "8934076500002589174"])
def test_another_line_is_no_trailer(text: str) -> None:
    assert parse_trailer(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "# total=",
        "# total=five",
        "# total=-1",
        "# total=1,000",
        "# total=\u0661",
        "# total=500 sha256=",
        f"# total=500 sha256={HASH[:-1]}",
        f"# total=500 md5={HASH}",
        f"# total=500 sha256={HASH} more",
    ],
)
def test_a_garbled_trailer_refuses_the_file(text: str) -> None:
    with pytest.raises(ManifestRefused, match="cannot be read") as caught:
        parse_trailer(text)
    assert caught.value.reason == "control_total"
    assert not caught.value.quarantine


@pytest.mark.parametrize(
    ("name", "content", "total"),
    [
        ("a.csv.sha256", f"{HASH}  a.csv\n", ControlTotal(sha256=HASH)),
        ("a.csv.sha256", f"{HASH} *a.csv\r\n", ControlTotal(sha256=HASH)),
        ("eu/a b.csv.sha256", f"{HASH}  ./out/a b.csv\n", ControlTotal(sha256=HASH)),
        ("a.csv.sha256", HASH.upper(), ControlTotal(sha256=HASH)),
        ("a.csv.sha256", f"\ufeff{HASH}\n", ControlTotal(sha256=HASH)),
        ("a.csv.totals.json", f'{{"count": 500, "sha256": "{HASH.upper()}"}}', ControlTotal(500, HASH)),
        ("a.csv.totals.json", '{"count": 0}', ControlTotal(0)),
        ("a.csv.totals.json", f'{{"sha256": "{HASH}"}}', ControlTotal(None, HASH)),
    ],
)
def test_a_sidecar_is_read_in_each_of_its_spellings(name: str, content: str, total: ControlTotal) -> None:
    assert parse_sidecar(name, content.encode()) == total


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.csv.sha256", b"", "sha256sum"),
        ("a.csv.sha256", b"\xff\xfe", "UTF-8"),
        ("a.csv.sha256", b"deadbeef  a.csv", "sha256sum"),
        ("a.csv.sha256", f"{HASH}  a.csv\n{OTHER}  b.csv\n".encode(), "one line"),
        ("a.csv.sha256", f"{HASH}  b.csv\n".encode(), "'a.csv'"),
        ("a.csv.totals.json", b"", "JSON"),
        ("a.csv.totals.json", b"[" * 100_000, "JSON"),
        ("a.csv.totals.json", b"[]", "object"),
        ("a.csv.totals.json", b"{}", "object"),
        ("a.csv.totals.json", b'{"count": 5, "lines": 5}', "nothing else"),
        ("a.csv.totals.json", b'{"count": "5"}', "count"),
        ("a.csv.totals.json", b'{"count": 5.0}', "count"),
        ("a.csv.totals.json", b'{"count": true}', "count"),
        ("a.csv.totals.json", b'{"count": -1}', "count"),
        ("a.csv.totals.json", b'{"count": null}', "count"),
        ("a.csv.totals.json", b'{"sha256": "abc"}', "64 hex"),
        ("a.csv.totals.json", b'{"count": 5, "sha256": null}', "64 hex"),
    ],
)
def test_a_garbled_sidecar_refuses_the_file(name: str, content: bytes, word: str) -> None:
    with pytest.raises(ManifestRefused, match=word):
        parse_sidecar(name, content)


@given(st.sampled_from(["a.csv.sha256", "a.csv.totals.json"]), st.binary())
def test_no_sidecar_ends_in_another_error(name: str, content: bytes) -> None:
    try:
        total = parse_sidecar(name, content)
    except ManifestRefused:
        return
    assert total != ControlTotal()


@pytest.mark.parametrize(
    ("total", "agrees"),
    [
        (ControlTotal(), True),
        (ControlTotal(500), True),
        (ControlTotal(499), False),
        (ControlTotal(0), False),
        (ControlTotal(500, HASH), True),
        (ControlTotal(None, OTHER), False),
        (ControlTotal(500, OTHER), False),
    ],
)
def test_the_file_agrees_only_when_everything_that_was_said_is_so(total: ControlTotal, agrees: bool) -> None:
    assert (disagreement(total, 500, HASH.upper()) is None) is agrees


def test_a_disagreement_names_both_counts_and_what_to_do() -> None:
    sentence = disagreement(ControlTotal(1500, OTHER), 1499, HASH) or ""
    assert "1,500" in sentence
    assert "1,499" in sentence
    assert OTHER[:12] in sentence
    assert "sent again" in sentence


def test_every_line_with_an_attempt_counts_and_no_other() -> None:
    assert attempted(
        LineCounts(lines=111_111, ignored=1, accepted=10, rejected=100, duplicate=1_000, known=10_000)
    ) == (11_110)


def test_one_sim_and_one_line_are_said_so() -> None:
    assert "says 2 SIMs, and 1 line gives one" in (disagreement(ControlTotal(2), 1, "") or "")
    assert "says 1 SIM, and 0 lines give one" in (disagreement(ControlTotal(1), 0, "") or "")
