from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import Text, literal, select

from storage.among import among
from storage.database import Database
from storage.schema import operations

Numbers = Callable[[int], list[str]]


@pytest.fixture
def loaded(stocked: Database, delivered: Callable[..., str], iccids: Numbers) -> Database:
    delivered("a.txt", iccids(5))
    return stocked


def test_the_rows_whose_value_is_listed_are_found(loaded: Database, iccids: Numbers) -> None:
    o = operations.c
    with loaded.read() as tx:
        ids = list(tx.execute(select(o.id).order_by(o.id)).scalars())
        for chosen in (ids[1:3], [*ids, 2**62]):
            found = tx.execute(select(o.id).where(among(tx, o.id, chosen)).order_by(o.id)).scalars()
            assert list(found) == [one for one in chosen if one in ids]
        found = tx.execute(select(o.iccid).where(among(tx, o.iccid, iccids(2)))).scalars()
        assert sorted(found) == iccids(2)


@pytest.mark.parametrize("values", [range(20), [f"{number}'\\" for number in range(20)]], ids=["numbers", "texts"])
def test_a_long_list_is_an_array_to_the_planner(
    loaded: Database, explained: Callable[..., str], values: Sequence[int] | Sequence[str]
) -> None:
    if not loaded.is_postgresql:
        pytest.skip("SQLite makes a table of the list")
    column = operations.c.attempt if isinstance(values[0], int) else operations.c.detail
    with loaded.begin() as tx:
        rows = select(operations.c.id).where(among(tx, column, list(values)))  # type: ignore[arg-type]
        plan = explained(tx, lambda: tx.execute(rows).all())
    assert "= ANY ('{" in plan


@pytest.mark.parametrize("values", [[""], ["", "a"], ["a", "b", "a\x1fb"], ["{a,b}", 'é"\\', "NULL", " a"]])
def test_every_text_is_found_among_its_like_and_no_part_of_one(loaded: Database, values: list[str]) -> None:
    with loaded.read() as tx:
        for text, is_there in [*((value, True) for value in values), ("b,a", False), ("NULL,", False), ("e", False)]:
            column = literal(text, Text())
            assert tx.execute(select(literal(1)).where(among(tx, column, values))).all() == [(1,)] * is_there


@pytest.mark.parametrize("asked", ["first", "once more"])
def test_two_lists_in_one_statement_are_held_apart(loaded: Database, iccids: Numbers, asked: str) -> None:
    o, numbers = operations.c, iccids(5)
    with loaded.read() as tx:
        lines = [1, 3] if asked == "first" else [2, 4, 5]
        both = select(o.line).where(among(tx, o.iccid, numbers[1:4]), among(tx, o.line, lines)).order_by(o.line)
        assert list(tx.execute(both).scalars()) == [line for line in lines if line in (2, 3, 4)]
