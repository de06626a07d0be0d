"""The set queries of reconciliation: our inventory, ledger, listings, usage and invoices become facts, one row per SIM.

They speak DuckDB's SQL over tables that `storage.comparing` fills. What the facts mean is said in `domain.reconciling`
alone: here each of them is only looked up.
"""

from collections.abc import Iterable

from domain.acting import LIVE_STEPS
from domain.lifecycle import OPEN_STEPS, Action, SimState, Step
from domain.reconciling import SHIFTS, Activity, Billing, Owner, Sight, Use, Wanted, Work


def _words(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(map(str, values)))


ORDINARY = f"NOT (action = '{Action.ACTIVATE}' AND generation = 1 AND step = '{Step.DONE}')"
"""Operations that are more than a first activation that was done: few, and they alone are read."""

DOINGS = f"""
CREATE TABLE doings AS
SELECT iccid, is_live, is_late,
    CASE WHEN is_live THEN live_action WHEN is_late THEN newest_action ELSE done_action END AS wanted_action,
    never_active, ended_at, stop_at, stop_at // 86400 AS stop_day
FROM (
    SELECT iccid,
        bool_or(step IN ({_words(LIVE_STEPS)})) AS is_live,
        bool_or(step IN ({_words(OPEN_STEPS)}) AND deadline_at > 0 AND deadline_at < $as_of)
            OR arg_max(step, id) IN ('{Step.TIMED_OUT}', '{Step.NEEDS_REVIEW}') AS is_late,
        arg_max(action, id) FILTER (step IN ({_words(LIVE_STEPS)})) AS live_action,
        arg_max(action, id) AS newest_action,
        arg_max(action, id) FILTER (step = '{Step.DONE}') AS done_action,
        bool_or(action = '{Action.ACTIVATE}' AND generation = 1) AS never_active,
        max(finished_at) AS ended_at,
        coalesce(max(finished_at) FILTER (step = '{Step.DONE}' AND action <> '{Action.ACTIVATE}'), 0) AS stop_at
    FROM operations_read GROUP BY iccid
)"""

REFUSED = (Step.HELD, Step.REJECTED, Step.WITHDRAWN)
"""Where an operation changed nothing at the carrier."""

MONTHS = f"""
CREATE TABLE months AS
SELECT carrier_account, iccid,
    arg_max(action, (ended, id)) FILTER (is_done AND ended < month_from) AS before_month,
    max(ended) FILTER (is_done AND ended < month_from) AS before_at,
    arg_min(action, (ended, id)) FILTER (is_done AND ended >= month_until) AS after_month,
    bool_or(is_within AND action <> '{Action.RELEASE}') AS is_changed,
    bool_or(is_within AND action = '{Action.RELEASE}') AS is_left
FROM (
    SELECT r.carrier_account, r.iccid, r.id, r.action, r.finished_at AS ended, a.month_from, a.month_until,
        step = '{Step.DONE}' AS is_done,
        step NOT IN ({_words(REFUSED)}) AND greatest(intent_at, finished_at) > 0
            AND CASE WHEN intent_at > 0 THEN intent_at ELSE finished_at END < a.month_until
            AND (finished_at = 0 OR finished_at >= a.month_from) AS is_within
    FROM operations_read r JOIN accounts a ON a.name = r.carrier_account AND a.has_invoice
) GROUP BY carrier_account, iccid"""
"""What our operations did before an invoice's month and after it, and whether one was under way in it: from when a
request leaves until its answer is known, both states are possible."""

FORMER = """
CREATE TABLE former AS
SELECT carrier_account, iccid, min(nullif(first_activated_at, 0)) AS first_at,
    bool_or(created_at < a.month_until AND left_at >= a.month_from) AS was_here
FROM former_read JOIN accounts a ON a.name = carrier_account AND a.has_invoice GROUP BY carrier_account, iccid"""
"""SIMs that stood at this account for another product, before."""

BILLED = """
CREATE TABLE billed (carrier_account VARCHAR, iccid VARCHAR, amount_cents BIGINT, is_free BOOLEAN, currency VARCHAR,
    product VARCHAR)"""
BILL = """
INSERT INTO billed
SELECT ?, iccid, try_cast((total + sign(total) * 5000) // 10000 AS BIGINT), coalesce(total = 0, false), currency,
    product
FROM (
    SELECT iccid, max(currency) AS currency, max(product) AS product,
        CASE WHEN count(amount_millionths) = count(*) THEN sum(amount_millionths) END AS total
    FROM invoice GROUP BY iccid
)"""
"""A SIM's lines are added exactly and rounded once, halves away from zero. One without its sum leaves that unknown."""

USED = """
CREATE TABLE used AS
SELECT u.carrier_account, u.iccid,
    coalesce(sum(u.total_bytes) FILTER (u.day BETWEEN $first AND $last), 0)::BIGINT AS window_bytes,
    coalesce(sum(u.total_bytes) FILTER (u.day BETWEEN a.month_first AND a.month_last), 0)::BIGINT AS month_bytes,
    coalesce(sum(u.total_bytes) FILTER (NOT u.is_derived AND d.stop_at > 0 AND u.day > d.stop_day), 0)::BIGINT
        AS after_bytes
FROM usage_read u JOIN accounts a ON a.name = u.carrier_account LEFT JOIN doings d ON d.iccid = u.iccid
GROUP BY u.carrier_account, u.iccid"""

ELSEWHERE = f"""
CREATE TABLE elsewhere AS
SELECT s.carrier_account, s.iccid, o.carrier_account AS owner_account, o.product_id
FROM shown s JOIN ours o ON o.iccid = s.iccid AND o.carrier_account <> s.carrier_account
WHERE o.state <> '{SimState.RELEASED}' AND s.state NOT IN ('{SimState.ABSENT}', '{SimState.RELEASED}')"""

_OWNER = f"""CASE WHEN o.iccid IS NULL THEN CASE WHEN e.iccid IS NULL THEN {Owner.NOBODY} ELSE {Owner.ELSEWHERE} END
    WHEN o.state = '{SimState.RELEASED}' THEN {Owner.RELEASED} ELSE {Owner.US} END"""
_BY_ACTION = (
    f"CASE {{0}} WHEN '{Action.ACTIVATE}' THEN {Wanted.ACTIVE} WHEN '{Action.DEACTIVATE}' THEN {Wanted.STOPPED} "
    f"WHEN '{Action.RELEASE}' THEN {Wanted.NOTHING} "
    f"ELSE CASE WHEN d.never_active THEN {Wanted.NOTHING} ELSE {Wanted.ACTIVE} END END"
)
_WANTED = f"CASE WHEN o.iccid IS NULL THEN {Wanted.NOTHING} ELSE {_BY_ACTION.format('d.wanted_action')} END"
_WORK = f"CASE WHEN d.is_late THEN {Work.LATE} WHEN d.is_live THEN {Work.UNDER_WAY} ELSE {Work.NONE} END"
_SIGHTS = {
    **dict.fromkeys((SimState.ABSENT, SimState.RELEASED), Sight.ABSENT),
    **dict.fromkeys((SimState.INACTIVE, SimState.DEACTIVATED, SimState.BARRED), Sight.STOPPED),
    SimState.ACTIVATING: Sight.CHANGING,
    SimState.ACTIVE: Sight.ACTIVE,
    SimState.UNKNOWN: Sight.STRANGE,
}
_SIGHT = f"""CASE WHEN s.iccid IS NULL THEN CASE WHEN a.is_complete THEN {Sight.ABSENT} ELSE {Sight.UNSEEN} END
    {" ".join(f"WHEN s.state = '{state}' THEN {sight}" for state, sight in _SIGHTS.items())} ELSE {Sight.STRANGE} END"""
_BILLING = f"""CASE WHEN NOT a.has_invoice THEN {Billing.NO_INVOICE} WHEN b.iccid IS NULL THEN {Billing.ABSENT}
    WHEN b.is_free THEN {Billing.FREE} ELSE {Billing.BILLED} END"""
_FIRST = "coalesce(least(nullif(o.first_at, 0), f.first_at), 0)"
_WAS_ACTIVE = f"coalesce(m.before_month = '{Action.ACTIVATE}', {_FIRST} > 0 AND {_FIRST} < a.month_from)"
_IN_MONTH = "BETWEEN a.month_from AND a.month_until - 1"
_ACTIVITY = f"""CASE
    WHEN NOT a.has_invoice OR (o.iccid IS NULL AND NOT coalesce(f.was_here, false)) THEN {Activity.UNKNOWN}
    WHEN m.is_changed OR {_FIRST} {_IN_MONTH} OR o.last_at {_IN_MONTH} THEN {Activity.PART}
    WHEN {_WAS_ACTIVE}
        THEN CASE WHEN m.is_left OR m.after_month = '{Action.ACTIVATE}' THEN {Activity.PART} ELSE {Activity.WHOLE} END
    WHEN u.month_bytes > 0 OR (o.last_at > m.before_at AND o.last_at < a.month_from) THEN {Activity.PART}
    WHEN m.before_month IS NULL THEN {Activity.NONE} ELSE {Activity.STOPPED} END"""
_USE = f"""CASE WHEN u.window_bytes > 0 THEN {Use.SOME} WHEN a.usage_known OR k.iccid IS NOT NULL THEN {Use.NONE}
    ELSE {Use.UNKNOWN} END"""
_MOVED = "o.iccid IS NOT NULL AND greatest(o.seen_at, coalesce(d.ended_at, 0)) >= coalesce(s.listed_at, a.listed_at, 0)"
_FACTS = {
    "owner": _OWNER,
    "wanted": "wanted",
    "work": _WORK,
    "sight": _SIGHT,
    "billing": _BILLING,
    "activity": _ACTIVITY,
    "use": _USE,
    "moved_since": _MOVED,
    "is_elsewhere": "o.iccid IS NOT NULL AND w.iccid IS NOT NULL",
    "plan_differs": "s.plan_reference <> '' AND p.carrier_reference <> '' AND s.plan_reference <> p.carrier_reference",
    "product_differs": "b.product <> '' AND b.product <> o.product_id",
    "used_after_stop": "u.after_bytes > 0",
    "active_long": "o.last_at > 0 AND o.last_at < $long_before",
}
_FLAGS = ("moved_since", "is_elsewhere", "plan_differs", "product_differs", "used_after_stop", "active_long")


def _packed() -> str:
    as_numbers = {
        name: f"coalesce(({sql})::INTEGER, 0)" if name in _FLAGS else f"({sql})" for name, sql in _FACTS.items()
    }
    return " + ".join(f"({as_numbers[name]}::BIGINT << {shift})" for name, shift in SHIFTS.items())


SIDES = f"""
CREATE TABLE sides AS
SELECT carrier_account, iccid, {_WANTED} AS wanted, {_packed()} AS facts
FROM ours o FULL JOIN shown s USING (carrier_account, iccid) FULL JOIN billed b USING (carrier_account, iccid)
    JOIN accounts a ON a.name = carrier_account
    LEFT JOIN doings d USING (iccid)
    LEFT JOIN used u USING (carrier_account, iccid)
    LEFT JOIN known k USING (carrier_account, iccid)
    LEFT JOIN months m USING (carrier_account, iccid)
    LEFT JOIN former f USING (carrier_account, iccid)
    LEFT JOIN elsewhere e USING (carrier_account, iccid)
    LEFT JOIN (SELECT DISTINCT iccid, owner_account FROM elsewhere) w
        ON w.iccid = o.iccid AND w.owner_account = o.carrier_account
    LEFT JOIN plans p ON p.id = o.plan_id
WHERE a.in_scope AND ($product = '' OR coalesce(o.product_id, e.product_id) = $product)"""
"""Every SIM at every account, known to anybody, with its packed facts."""

COUNTS = """
SELECT carrier_account, v.counts_as, count(*) FROM sides JOIN verdicts v USING (facts)
GROUP BY carrier_account, v.counts_as ORDER BY ALL"""

FOUND = """
CREATE TABLE found AS
SELECT v.kind, v.counts, carrier_account, iccid, x.wanted, v.facts
FROM sides x JOIN kinds v USING (facts)"""

_PRICED = "('unbilled', 'zombie')"
DETAILED = f"""
SELECT f.kind, f.carrier_account, f.iccid, f.counts,
    CASE WHEN f.kind = 'unknown' THEN 'not_looked_at' WHEN q.iccid IS NULL THEN 'new' ELSE 'still' END AS change,
    coalesce(o.product_id, e.product_id, '') AS product_id,
    CASE WHEN o.iccid IS NULL THEN '' WHEN o.state = 'released' THEN 'released'
        ELSE CASE f.wanted WHEN {Wanted.ACTIVE} THEN 'active' WHEN {Wanted.STOPPED} THEN 'deactivated' ELSE '' END
        END AS wanted,
    coalesce(s.state, CASE WHEN a.is_complete THEN 'absent' ELSE '' END) AS carrier_state,
    coalesce(s.word, '') AS carrier_word,
    coalesce(p.name, o.plan_id, '') AS plan,
    coalesce(s.plan_reference, '') AS carrier_plan,
    CASE WHEN f.kind IN {_PRICED} THEN p.monthly_price_cents WHEN f.kind IN ('overbilled', 'ghost') THEN b.amount_cents
        END AS amount_cents,
    CASE WHEN f.kind IN {_PRICED} THEN coalesce(p.currency, '')
        WHEN f.kind IN ('overbilled', 'ghost') THEN coalesce(b.currency, '') ELSE '' END AS currency,
    CASE WHEN f.kind = 'orphan_traffic' THEN u.after_bytes END AS used_bytes,
    coalesce(q.first_found, $as_of) AS first_found
FROM found f JOIN accounts a ON a.name = f.carrier_account
    LEFT JOIN ours o USING (carrier_account, iccid)
    LEFT JOIN shown s USING (carrier_account, iccid)
    LEFT JOIN billed b USING (carrier_account, iccid)
    LEFT JOIN used u USING (carrier_account, iccid)
    LEFT JOIN elsewhere e USING (carrier_account, iccid)
    LEFT JOIN plans p ON p.id = o.plan_id
    LEFT JOIN previous q ON q.kind = f.kind AND q.carrier_account = f.carrier_account AND q.iccid = f.iccid
UNION ALL
SELECT q.kind, q.carrier_account, q.iccid, false,
    CASE WHEN NOT coalesce(a.is_complete, false) AND x.iccid IS NULL THEN 'not_looked_at'
        WHEN a.name IS NULL OR u.kind IS NOT NULL THEN 'not_looked_at' ELSE 'gone' END,
    q.product_id, q.wanted, q.carrier_state, q.carrier_word, q.plan, q.carrier_plan, q.amount_cents, q.currency,
    q.used_bytes, q.first_found
FROM previous q ANTI JOIN found f ON q.kind = f.kind AND q.carrier_account = f.carrier_account AND q.iccid = f.iccid
    LEFT JOIN accounts a ON a.name = q.carrier_account
    LEFT JOIN sides x ON x.carrier_account = q.carrier_account AND x.iccid = q.iccid
    LEFT JOIN undecided u ON u.facts = x.facts AND u.kind = q.kind
ORDER BY ALL"""
"""What was found, and what was found before and is not found now, each with all that a report says of it."""
