import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from domain.lines import LineOutcome, Reason, Verdict
from storage import loading
from storage.database import Database
from storage.loading import LoadBlock
from storage.schema import operations, rejections, sims

Numbers = Callable[[int], list[str]]
Block = Callable[..., LoadBlock]


def test_every_new_sim_gets_one_planned_activation_due_at_once(
    stocked: Database, iccids: Numbers, block: Block
) -> None:
    with stocked.begin() as tx:
        now = tx.now()
        result = loading.load_block(tx, "m-1", block(iccids(3)), now)
    assert (result.new_count, result.known, result.other_product) == (3, [], [])
    o = operations.c
    with stocked.read() as tx:
        rows = tx.execute(select(o.iccid, o.action, o.generation, o.step, o.stage, o.due_at, o.line).order_by(o.id))
        made = [tuple(row) for row in rows]
    numbers = iccids(3)
    assert [(*row[:5], row[6]) for row in made] == [
        (numbers[i], "activate", 1, "planned", "claim", i + 1) for i in range(3)
    ]
    assert all(now - timedelta(seconds=5) < row[5] <= now for row in made)


def test_a_sim_keeps_everything_its_line_said(stocked: Database, iccids: Numbers, block: Block) -> None:
    rows = block(
        iccids(2),
        home_countries=["DE", "FR"],
        registration_codes=[b"\x00sealed\\\n", None],
        device_ids=["dev-1", ""],
        device_names=['a\tb\\c "x"\r\n', None],
        notes=["Küche ✓ \\N", "\\."],
        steps=["planned", "held"],
    )
    with stocked.begin() as tx:
        loading.load_block(tx, "m-1", rows, tx.now())
    s = sims.c
    columns = (s.home_country, s.registration_code, s.device_id, s.device_name, s.note, s.state, s.manifest_id, s.line)
    with stocked.read() as tx:
        kept = [tuple(row) for row in tx.execute(select(*columns).order_by(s.iccid))]
        steps = tx.execute(select(operations.c.step).order_by(operations.c.id)).scalars().all()
    first = ("DE", b"\x00sealed\\\n", "dev-1", 'a\tb\\c "x"\r\n', "Küche ✓ \\N", "absent", "m-1", 1)
    assert kept == [first, ("FR", None, None, None, "\\.", "absent", "m-1", 2)]
    assert steps == ["planned", "held"]


def test_what_a_load_began_with_is_found_in_every_block_and_the_rest_is_new(
    stocked: Database, iccids: Numbers, block: Block
) -> None:
    numbers = iccids(9)
    with stocked.begin() as tx:
        loading.load_block(tx, "m-1", block(numbers[4:5]), tx.now())
    with stocked.begin() as tx:
        fresh = loading.begin(tx, "m-2", [(numbers[0], numbers[2]), (numbers[3], numbers[8])])
        assert fresh.others(numbers) == numbers[3:]
        one = loading.load_block(tx, "m-2", block(numbers[:2]), tx.now(), fresh)
        other = loading.load_block(tx, "m-2", block(numbers[2:8]), tx.now(), fresh)
        outside = loading.load_block(tx, "m-2", block(iccids(10)[9:]), tx.now(), fresh)
    assert [found.new_count for found in (one, other, outside)] == [2, 5, 1]
    assert [iccid for _, iccid in other.known] == numbers[4:5]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)).map(sorted)), st.lists(st.integers(0, 310)))
def test_what_lies_in_no_fresh_stretch_is_left(stretches: list[list[int]], numbers: list[int]) -> None:
    fresh = loading.Fresh([(str(first), str(last)) for first, last in stretches if str(first) <= str(last)])
    left = [str(n) for n in numbers if not any(str(first) <= str(n) <= str(last) for first, last in stretches)]
    assert fresh.others([str(n) for n in numbers]) == sorted(left)


def test_a_known_sim_is_named_with_its_line_and_not_touched(stocked: Database, iccids: Numbers, block: Block) -> None:
    numbers = iccids(5)
    with stocked.begin() as tx:
        loading.load_block(tx, "m-1", block(numbers[1:3]), tx.now())
    with stocked.begin() as tx:
        result = loading.load_block(tx, "m-2", block(numbers, home_countries="FR"), tx.now())
    assert (result.new_count, result.known) == (3, [(2, numbers[1]), (3, numbers[2])])
    with stocked.read() as tx:
        assert dict(tx.execute(select(sims.c.iccid, sims.c.manifest_id)).tuples().all()) == {
            **dict.fromkeys(numbers, "m-2"),
            **dict.fromkeys(numbers[1:3], "m-1"),
        }
        assert tx.execute(select(func.count()).select_from(operations)).scalar_one() == 5


def test_a_known_sim_that_is_wanted_at_another_account_is_named_with_its_own(
    stocked: Database, iccids: Numbers, block: Block
) -> None:
    numbers = iccids(3)
    with stocked.begin() as tx:
        loading.load_block(tx, "m-1", block(numbers, carrier_accounts=["kore", "other", "kore"]), tx.now())
        same = loading.load_block(tx, "m-2", block(numbers[:1]), tx.now())
        mixed = loading.load_block(tx, "m-3", block(numbers, carrier_accounts=["kore", "kore", "other"]), tx.now())
    assert same.elsewhere == {}
    assert mixed.elsewhere == {numbers[1]: "other", numbers[2]: "kore"}
    assert len(mixed.known) == 3


def test_a_sim_of_another_product_is_named_with_its_owner(stocked: Database, iccids: Numbers, block: Block) -> None:
    numbers = iccids(3)
    with stocked.begin() as tx:
        loading.load_block(tx, "m-1", block(numbers[:1], product_ids="scooter"), tx.now())
        loading.load_block(tx, "m-1", block(numbers[1:2]), tx.now())
        mixed = block(numbers, product_ids=["tracker", "scooter", "scooter"])
        result = loading.load_block(tx, "m-2", mixed, tx.now())
    assert result.other_product == [(1, numbers[0], "scooter"), (2, numbers[1], "tracker")]
    assert (result.new_count, result.known) == (1, [])


def test_a_block_of_known_sims_only_inserts_nothing(stocked: Database, iccids: Numbers, block: Block) -> None:
    with stocked.begin() as tx:
        loading.load_block(tx, "m-1", block(iccids(4)), tx.now())
        result = loading.load_block(tx, "m-2", block(iccids(4)), tx.now())
        nothing = loading.load_block(tx, "m-2", block([]), tx.now())
    assert (result.new_count, len(result.known), nothing.new_count) == (0, 4, 0)


def test_nothing_of_a_load_that_ends_early_is_kept(stocked: Database, iccids: Numbers, block: Block) -> None:
    with pytest.raises(KeyboardInterrupt), stocked.begin() as tx:
        loading.load_block(tx, "m-1", block(iccids(100)), tx.now())
        raise KeyboardInterrupt
    with stocked.read() as tx:
        assert tx.execute(select(func.count()).select_from(sims)).scalar_one() == 0
        assert tx.execute(select(func.count()).select_from(operations)).scalar_one() == 0


def test_two_deliveries_of_the_same_sims_at_once_count_each_sim_as_new_once(
    stocked: Database, iccids: Numbers, block: Block
) -> None:
    numbers = iccids(2_000)
    new: list[int] = []
    start = threading.Barrier(2)

    def load(manifest_id: str, order: list[str]) -> None:
        own = Database(stocked.url)
        start.wait()
        with own.begin() as tx:
            for first in range(0, len(order), 500):
                result = loading.load_block(tx, manifest_id, block(order[first : first + 500]), tx.now())
                new.append(result.new_count)
        own.close()

    threads = [
        threading.Thread(target=load, args=("m-1", numbers)),
        threading.Thread(target=load, args=("m-2", numbers[::-1])),  # crosswise: the classic deadlock
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(new) == 8
    assert sum(new) == 2_000


def test_known_sims_are_looked_up_by_the_key_not_by_reading_the_table(
    stocked: Database, iccids: Numbers, block: Block, explained: Callable[..., str]
) -> None:
    with stocked.begin() as tx:
        loading.load_block(tx, "m-1", block(iccids(3)), tx.now())
        plan = explained(tx, lambda: loading.load_block(tx, "m-2", block(iccids(3)), tx.now()))
    assert plan.count("pk_sims" if stocked.is_postgresql else "SEARCH sims USING") >= 2
    assert "SCAN sims" not in plan


def test_outcomes_are_kept_as_they_were_said(stocked: Database, delivered: Callable[..., str]) -> None:
    said = [
        LineOutcome(1, Verdict.IGNORED, Reason.HEADER, "iccid\tnote"),
        LineOutcome(2, Verdict.IGNORED, Reason.BLANK, through_line=9),
        LineOutcome(10, Verdict.REJECTED, Reason.OTHER_PRODUCT, "x" * 300, "8901410", "It belongs to \\N."),
    ]
    manifest_id = delivered("a.txt", [], said)
    r = rejections.c
    with stocked.read() as tx:
        rows = tx.execute(select(r.line, r.through_line, r.reason, r.text, r.iccid, r.detail).order_by(r.line))
        kept = [tuple(row) for row in rows]
    assert manifest_id.startswith("m-")
    assert kept == [
        (1, None, "header", "iccid\tnote", None, ""),
        (2, 9, "blank", "", None, ""),
        (10, None, "other_product", "x" * 200, "8901410", "It belongs to \\N."),
    ]


def test_text_that_no_database_takes_is_kept_with_a_mark(stocked: Database, delivered: Callable[..., str]) -> None:
    delivered("a.txt", [], [LineOutcome(1, Verdict.REJECTED, Reason.UNREADABLE_ROW, "89\0\udc80é")])
    with stocked.read() as tx:
        assert tx.execute(select(rejections.c.text)).scalar_one() == "89\u2400?é"
