"""Every row that counts is placed once, or has an outcome."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain.iccid import IssuerProfile
from domain.lines import LineOutcome, Reason
from domain.manifests import ManifestColumn
from domain.plans import Plan
from domain.routing import AccountRule, Placement, Router
from engine.placing import Defaults, Placer, Rows
from storage.readers.block import Block

PLAN = Plan("one/world", "one", "world", frozenset(), None, 100, 5_000_000, 1.0, "EUR", "HF1")
ISSUERS = [
    IssuerProfile("89001", "first", carrier_account="one"),
    IssuerProfile("89002", "second", carrier_account="one"),
    IssuerProfile("89003", "third", carrier_account="two"),
    IssuerProfile("89004", "fourth"),
]
ROUTER = Router(
    frozenset({"tracker"}), [PLAN], {"one": AccountRule(), "two": AccountRule(needs_registration_code=True)}, 5_000_000
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


def test_a_sim_of_no_configured_carrier_is_rejected_with_that_reason() -> None:
    rows, outcomes = placed(block_of([4, 5, 1]), Defaults("tracker", "DE"))
    assert [(one.line, one.reason) for one in outcomes] == [(1, Reason.NO_CARRIER), (2, Reason.NO_CARRIER)]
    assert [one.lines for _, one in rows] == [[3]]


def test_the_row_beats_the_route_and_an_empty_cell_does_not() -> None:
    block = block_of([1, 1], product=["tracker", ""], home_country=["DE", " "])
    rows, _ = placed(block, Defaults("tracker", "FR"))
    assert sorted((placement.home_country, one.lines) for placement, one in rows) == [("DE", [1]), ("FR", [2])]


@given(st.lists(st.integers(1, 5), max_size=40), st.booleans(), st.sampled_from([None, "one"]))
def test_no_row_is_lost_or_placed_twice(prefixes: list[int], with_countries: bool, account: str | None) -> None:
    cells = {"home_country": ["DE", "", "XX", "FR"] * len(prefixes)} if with_countries else {}
    block = block_of(prefixes, **{name: column[: len(prefixes)] for name, column in cells.items()})
    rows, outcomes = placed(block, Defaults("tracker", "US", account))
    met = [line for _, one in rows for line in one.lines] + [one.line for one in outcomes]
    assert sorted(met) == block.lines.tolist()
