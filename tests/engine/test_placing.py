"""Every row that counts is placed once, or has an outcome."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.iccid import IssuerProfile
from domain.lines import LineOutcome, Reason
from domain.manifests import ManifestColumn
from domain.plans import Plan
from domain.routing import AccountRule, Placement, Router
from engine.placing import Defaults, Placer, Rows
from storage.readers.block import Block

PLANS = [
    Plan(f"{account}/world", account, "world", frozenset(), None, 100, 5_000_000, 1.0, "EUR", "HF1")
    for account in ("one", "two")
]
ISSUERS = [
    IssuerProfile("89001", "first", carrier_account="one"),
    IssuerProfile("89002", "second", carrier_account="one"),
    IssuerProfile("89003", "third", carrier_account="two"),
    IssuerProfile("89004", "fourth"),
]
ROUTER = Router(
    frozenset({"tracker"}), PLANS, {"one": AccountRule(), "two": AccountRule(needs_registration_code=True)}, 5_000_000
)


def block_of(prefixes: list[int], **cells: list[str]) -> Block:
    """A block with one key per issuer number given (5: nobody's)."""
    keys = np.array([10**18 + int(f"00{prefix}{i:014d}") for i, prefix in enumerate(prefixes)], np.int64)
    lines = np.arange(1, len(prefixes) + 1, dtype=np.int64)
    return Block(len(prefixes), lines, keys, {ManifestColumn(name): column for name, column in cells.items()})


def placed(block: Block, defaults: Defaults) -> tuple[list[tuple[Placement, Rows]], list[LineOutcome]]:
    outcomes: list[LineOutcome] = []
    placer = Placer(ROUTER, ISSUERS, defaults)
    return list(placer.place(block, np.ones(len(block.lines), np.bool_), outcomes)), outcomes


def test_issuers_that_share_an_account_keep_all_their_rows() -> None:
    rows, outcomes = placed(block_of([1, 2, 1, 2]), Defaults("tracker", "DE"))
    assert sorted(line for _, one in rows for line in one.lines) == [1, 2, 3, 4]
    assert outcomes == []


def test_another_unknown_word_on_each_line_costs_no_memory() -> None:
    placer = Placer(ROUTER, ISSUERS, Defaults("tracker", "DE"))
    tracemalloc.start()
    for first in range(0, 8_000, 500):
        block = block_of([1] * 500, product=[f"{line:05d}{'x' * 2500}" for line in range(first, first + 500)])
        outcomes: list[LineOutcome] = []
        assert list(placer.place(block, np.ones(500, np.bool_), outcomes)) == []
        assert (len(outcomes), max(len(one.text) for one in outcomes)) == (500, 200)
        del block, outcomes
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 6_000_000


def test_a_sim_of_no_configured_carrier_is_rejected_with_that_reason() -> None:
    rows, outcomes = placed(block_of([4, 5, 1]), Defaults("tracker", "DE"))
    assert [(one.line, one.reason) for one in outcomes] == [(1, Reason.NO_CARRIER), (2, Reason.NO_CARRIER)]
    assert [one.lines for _, one in rows] == [[3]]


def test_the_row_beats_the_route_and_an_empty_cell_does_not() -> None:
    block = block_of([1, 1], product=["tracker", ""], home_country=["DE", " "])
    rows, _ = placed(block, Defaults("tracker", "FR"))
    assert sorted((placement.home_country, one.lines) for placement, one in rows) == [("DE", [1]), ("FR", [2])]


@pytest.mark.parametrize(("default", "otherwise"), [(None, "one"), ("one", "one"), ("two", "two")])
def test_the_rows_account_beats_the_default_and_the_default_the_issuer(default: str | None, otherwise: str) -> None:
    words = ["two", "", " TWO ", "one"]
    block = block_of([1, 1, 1, 1], carrier_account=words, registration_code=["code"] * 4)
    rows, outcomes = placed(block, Defaults("tracker", "DE", default))
    where = {line: placement.carrier_account for placement, one in rows for line in one.lines}
    assert where == {1: "two", 2: otherwise, 3: "two", 4: "one"}
    assert outcomes == []


def test_a_row_gives_a_sim_of_no_configured_carrier_its_account() -> None:
    rows, outcomes = placed(block_of([4, 5, 5], carrier_account=["one", "one", ""]), Defaults("tracker", "DE"))
    assert [one.lines for _, one in rows] == [[1, 2]]
    assert [(one.line, one.reason) for one in outcomes] == [(3, Reason.NO_CARRIER)]


def test_an_unknown_account_is_the_rows_own_fault_and_the_sentence_names_those_there_are() -> None:
    rows, outcomes = placed(block_of([1, 1], carrier_account=["Vodafone", "one"]), Defaults("tracker", "DE"))
    assert [one.lines for _, one in rows] == [[2]]
    (outcome,) = outcomes
    assert (outcome.line, outcome.reason) == (1, Reason.UNKNOWN_CARRIER_ACCOUNT)
    assert (outcome.text, outcome.detail) == ("tracker / DE / Vodafone", "The accounts are: one, two.")


def test_a_missing_code_is_judged_by_the_rows_account_and_not_by_the_issuers() -> None:
    block = block_of([1, 1, 3, 3], carrier_account=["two", "two", "one", ""], registration_code=["code", "", "", ""])
    rows, outcomes = placed(block, Defaults("tracker", "DE"))
    assert sorted((placement.carrier_account, one.lines) for placement, one in rows) == [("one", [3]), ("two", [1])]
    assert sorted((one.line, one.reason) for one in outcomes) == [
        (2, Reason.REGISTRATION_CODE_MISSING),
        (4, Reason.REGISTRATION_CODE_MISSING),
    ]


def test_words_stay_with_their_rows_when_some_rows_do_not_count() -> None:
    block = block_of([1, 1, 1, 1], carrier_account=["two", "one", "nobody", "one"], home_country=["", "FR", "XX", ""])
    outcomes: list[LineOutcome] = []
    placer = Placer(ROUTER, ISSUERS, Defaults("tracker", "DE"))
    rows = list(placer.place(block, np.array([False, True, False, True]), outcomes))
    assert sorted((placement.home_country, one.lines) for placement, one in rows) == [("DE", [4]), ("FR", [2])]
    assert outcomes == []


@given(
    st.lists(st.integers(1, 5), max_size=40),
    st.booleans(),
    st.sampled_from([None, ["one", "", "x", " ONE", "two"]]),
    st.sampled_from([None, "one"]),
)
def test_no_row_is_lost_or_placed_twice(
    prefixes: list[int], with_countries: bool, accounts: list[str] | None, account: str | None
) -> None:
    cells = {"home_country": ["DE", "", "XX", "FR"] * len(prefixes)} if with_countries else {}
    cells |= {"carrier_account": accounts * len(prefixes)} if accounts else {}
    block = block_of(prefixes, **{name: column[: len(prefixes)] for name, column in cells.items()})
    rows, outcomes = placed(block, Defaults("tracker", "US", account))
    met = [line for _, one in rows for line in one.lines] + [one.line for one in outcomes]
    assert sorted(met) == block.lines.tolist()
