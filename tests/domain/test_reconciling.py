"""The table of truth of reconciliation, one row a case, and laws that hold for all facts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.reconciling import (
    Activity,
    Billing,
    Facts,
    Kind,
    Owner,
    Sight,
    Standing,
    Use,
    Wanted,
    Work,
    judge,
    packed,
    unpacked,
)

OURS: dict[str, object] = {"owner": Owner.US, "wanted": Wanted.ACTIVE, "sight": Sight.ACTIVE}
NONE: tuple[Kind, ...] = ()

CASES: list[tuple[str, dict[str, object], tuple[Kind, ...], Kind | Standing]] = [
    ("as ours", OURS, NONE, Standing.OK),
    ("stopped, as we asked", OURS | {"wanted": Wanted.STOPPED, "sight": Sight.STOPPED}, NONE, Standing.OK),
    ("nobody's and active", {"sight": Sight.ACTIVE}, (Kind.GHOST,), Kind.GHOST),
    ("nobody's and only in stock", {"sight": Sight.STOPPED}, NONE, Standing.OK),
    ("released, and active still", {"owner": Owner.RELEASED, "sight": Sight.ACTIVE}, (Kind.GHOST,), Kind.GHOST),
    ("not there", OURS | {"sight": Sight.ABSENT}, (Kind.MISSING,), Kind.MISSING),
    ("in another account of ours", OURS | {"sight": Sight.ABSENT, "is_elsewhere": True}, NONE, Standing.OK),
    ("the opposite", OURS | {"sight": Sight.STOPPED}, (Kind.STATE_MISMATCH,), Kind.STATE_MISMATCH),
    ("runs though stopped", OURS | {"wanted": Wanted.STOPPED}, (Kind.STATE_MISMATCH,), Kind.STATE_MISMATCH),
    ("runs, and nobody asked", OURS | {"wanted": Wanted.NOTHING}, (Kind.STATE_MISMATCH,), Kind.STATE_MISMATCH),
    ("not asked for, and stopped", OURS | {"wanted": Wanted.NOTHING, "sight": Sight.STOPPED}, NONE, Standing.OK),
    ("a change under way there", OURS | {"sight": Sight.CHANGING}, NONE, Standing.OK),
    ("ours under way", OURS | {"sight": Sight.STOPPED, "work": Work.UNDER_WAY}, NONE, Standing.UNDER_WAY),
    ("changed by us since", OURS | {"sight": Sight.STOPPED, "moved_since": True}, NONE, Standing.UNDER_WAY),
    ("past its day", OURS | {"sight": Sight.STOPPED, "work": Work.LATE}, (Kind.STUCK,), Kind.STUCK),
    ("late, and true after all", OURS | {"work": Work.LATE}, NONE, Standing.OK),
    ("not listed", OURS | {"sight": Sight.UNSEEN}, NONE, Standing.UNKNOWN),
    ("a word nobody knows", OURS | {"sight": Sight.STRANGE}, NONE, Standing.UNKNOWN),
    ("another plan", OURS | {"plan_differs": True}, (Kind.WRONG_PLAN,), Kind.WRONG_PLAN),
    (
        "listed by another account",
        {"owner": Owner.ELSEWHERE, "sight": Sight.STOPPED},
        (Kind.WRONG_PRODUCT,),
        Kind.WRONG_PRODUCT,
    ),
    ("an export's product", OURS | {"product_differs": True}, (Kind.WRONG_PRODUCT,), Kind.WRONG_PRODUCT),
    ("no use for long", OURS | {"active_long": True, "use": Use.NONE}, (Kind.ZOMBIE,), Kind.ZOMBIE),
    ("use is not known", OURS | {"active_long": True, "use": Use.UNKNOWN}, NONE, Standing.OK),
    (
        "not billed, so no zombie",
        OURS | {"active_long": True, "use": Use.NONE, "billing": Billing.ABSENT},
        NONE,
        Standing.OK,
    ),
    (
        "traffic after the stop",
        OURS | {"wanted": Wanted.STOPPED, "sight": Sight.STOPPED, "used_after_stop": True},
        (Kind.ORPHAN_TRAFFIC,),
        Kind.ORPHAN_TRAFFIC,
    ),
    (
        "billed for nothing",
        OURS | {"wanted": Wanted.STOPPED, "sight": Sight.STOPPED, "billing": Billing.BILLED, "activity": Activity.NONE},
        (Kind.OVERBILLED,),
        Kind.OVERBILLED,
    ),
    (
        "billed, nobody's, not there",
        {"sight": Sight.ABSENT, "billing": Billing.BILLED},
        (Kind.OVERBILLED,),
        Kind.OVERBILLED,
    ),
    (
        "billed, nobody's, stopped",
        {"sight": Sight.STOPPED, "billing": Billing.BILLED},
        (Kind.OVERBILLED,),
        Kind.OVERBILLED,
    ),
    (
        "billed, nobody's by now",
        {"sight": Sight.ABSENT, "billing": Billing.BILLED, "activity": Activity.PART},
        NONE,
        Standing.OK,
    ),
    (
        "billed for nothing, and active again since",
        OURS | {"billing": Billing.BILLED, "activity": Activity.STOPPED},
        (Kind.OVERBILLED,),
        Kind.OVERBILLED,
    ),
    (
        "billed though stopped, and it runs",
        OURS | {"wanted": Wanted.STOPPED, "billing": Billing.BILLED, "activity": Activity.STOPPED},
        (Kind.STATE_MISMATCH,),
        Kind.STATE_MISMATCH,
    ),
    (
        "billed for the time before it was ours to activate",
        OURS | {"billing": Billing.BILLED, "activity": Activity.NONE},
        NONE,
        Standing.OK,
    ),
    ("on the invoice at no charge", {"sight": Sight.ABSENT, "billing": Billing.FREE}, NONE, Standing.OK),
    (
        "active all month, not billed",
        OURS | {"billing": Billing.ABSENT, "activity": Activity.WHOLE},
        (Kind.UNBILLED,),
        Kind.UNBILLED,
    ),
    (
        "active all month, not billed, released since",
        {"owner": Owner.RELEASED, "sight": Sight.ABSENT, "billing": Billing.ABSENT, "activity": Activity.WHOLE},
        (Kind.UNBILLED,),
        Kind.UNBILLED,
    ),
    (
        "not billed, and somebody else stopped it",
        OURS | {"sight": Sight.STOPPED, "billing": Billing.ABSENT, "activity": Activity.WHOLE},
        (Kind.STATE_MISMATCH,),
        Kind.STATE_MISMATCH,
    ),
    (
        "several at once",
        OURS | {"plan_differs": True, "active_long": True, "use": Use.NONE},
        (Kind.WRONG_PLAN, Kind.ZOMBIE),
        Kind.WRONG_PLAN,
    ),
]

ANY_FACTS = st.builds(
    Facts,
    *(st.sampled_from(word) for word in (Owner, Wanted, Work, Sight, Billing, Activity, Use)),
    *(st.booleans() for _ in range(6)),
)


@pytest.mark.parametrize(("facts", "found", "counts_as"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_case_is_what_the_table_says(
    facts: dict[str, object], found: tuple[Kind, ...], counts_as: Kind | Standing
) -> None:
    judged = judge(Facts(**facts))  # type: ignore[arg-type]
    assert (judged.found, judged.counts_as) == (found, counts_as)


def test_every_kind_has_a_case() -> None:
    assert {kind for case in CASES for kind in case[2]} == set(Kind)


@given(ANY_FACTS)
def test_facts_survive_being_packed(facts: Facts) -> None:
    assert unpacked(packed(facts)) == facts


@given(ANY_FACTS)
def test_what_a_carrier_has_not_told_is_never_held_against_it(facts: Facts) -> None:
    judged = judge(Facts(facts.owner, facts.wanted, facts.work, Sight.UNSEEN, facts.billing, facts.activity, facts.use))
    assert judged.found == ()


@given(ANY_FACTS)
def test_nothing_is_both_found_and_undecided(facts: Facts) -> None:
    judged = judge(facts)
    assert not judged.undecided & set(judged.found)
    assert judged.counts_as is (judged.found[0] if judged.found else judged.counts_as)
    assert facts.work is not Work.UNDER_WAY or Kind.STATE_MISMATCH not in judged.found
