"""What a SIM is when our ledger, the carrier's listing, its invoice and the usage are laid side by side. Pure.

A SIM at one carrier account becomes `Facts`, few words that say all that counts; each kind of finding is one rule over
them that answers yes, no, or None: what is not known decides nothing. Facts pack into one number, so that a million
SIMs are judged by judging the few hundred different numbers among them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum


class Owner(IntEnum):
    """Whose SIM it is in our inventory."""

    NOBODY = 0
    US = 1  # ours, at this carrier account
    ELSEWHERE = 2  # ours, at another carrier account
    RELEASED = 3  # was ours, at this carrier account


class Wanted(IntEnum):
    """What the newest operation that was done, or that still goes on, asked for."""

    NOTHING = 0
    ACTIVE = 1
    STOPPED = 2


class Work(IntEnum):
    """Whether an operation of it goes on."""

    NONE = 0
    UNDER_WAY = 1
    LATE = 2  # past its deadline, timed out, or waiting for a person


class Sight(IntEnum):
    """What the carrier showed."""

    UNSEEN = 0  # not listed yet: nothing is known
    ABSENT = 1
    STOPPED = 2
    CHANGING = 3
    ACTIVE = 4
    STRANGE = 5  # a word that we do not know
    READY = 6  # neither active nor stopped: it becomes active by itself


class Billing(IntEnum):
    """What the invoice says."""

    NO_INVOICE = 0
    ABSENT = 1
    BILLED = 2
    FREE = 3  # on it, at no charge


class Activity(IntEnum):
    """How much of the invoice's month it was active, by our ledger and its usage; whatever came later."""

    UNKNOWN = 0  # no invoice, or it was nobody's then
    NONE = 1  # it was never active before the month's end
    PART = 2  # or not known for the whole month
    WHOLE = 3
    STOPPED = 4  # we had stopped it before, and asked for nothing else in the month


class Use(IntEnum):
    """What it used in the days that a zombie is known by."""

    UNKNOWN = 0
    NONE = 1
    SOME = 2


class Kind(StrEnum):
    """A kind of finding, in the order of precedence: a SIM with several counts as the first of them."""

    WRONG_PRODUCT = "wrong_product"
    GHOST = "ghost"
    MISSING = "missing"
    STUCK = "stuck"
    STATE_MISMATCH = "state_mismatch"
    ORPHAN_TRAFFIC = "orphan_traffic"
    OVERBILLED = "overbilled"
    UNBILLED = "unbilled"
    WRONG_PLAN = "wrong_plan"
    ZOMBIE = "zombie"


class Standing(StrEnum):
    """What a SIM without a finding counts as."""

    OK = "ok"
    UNDER_WAY = "under_way"  # an operation goes on, or ended after the carrier was listed: no mismatch
    UNKNOWN = "unknown"  # the carrier has not told


SENTENCES: dict[Kind, str] = {
    Kind.WRONG_PRODUCT: "The carrier has it in another account, or its export names another product, than ours.",
    Kind.GHOST: "It is active at the carrier, and it is nobody's here.",
    Kind.MISSING: "It is ours, and the carrier does not have it.",
    Kind.STUCK: "What was asked for is not true after a day, or waits for a person.",
    Kind.STATE_MISMATCH: "Its state at the carrier is not the one that was asked for; or it is active unasked.",
    Kind.ORPHAN_TRAFFIC: "It is stopped, and used data on a later day.",
    Kind.OVERBILLED: "It is billed for a month in which it was not active, or it is nobody's and does not run.",
    Kind.UNBILLED: "It was active all month, and the invoice does not have it.",
    Kind.WRONG_PLAN: "It has another plan at the carrier than the one that was chosen.",
    Kind.ZOMBIE: "It is active and paid for, and has used nothing.",
}
NEXT_STEPS: dict[Kind, str] = {
    Kind.WRONG_PRODUCT: "Find out whose it is. Release it in one place before it is imported in the other.",
    Kind.GHOST: "Find its owner and import it, or stop it in the carrier's portal.",
    Kind.MISSING: "Ask the carrier. Release it here to write it off, or import it again.",
    Kind.STUCK: "Look at it with `simline show ICCID`; settle it, run its manifest again, or write to the carrier.",
    Kind.STATE_MISMATCH: "`simline reconcile --repair` asks for what was wanted once more. Where nothing was wanted, "
    "`simline deactivate ICCID --reason WHY` stops it, and a rerun of its manifest keeps it.",
    Kind.ORPHAN_TRAFFIC: "Open a ticket with the carrier: it did not stop the SIM.",
    Kind.OVERBILLED: "Dispute the sum with the carrier.",
    Kind.UNBILLED: "Expect it on a later invoice, and set the sum aside.",
    Kind.WRONG_PLAN: "Change the plan in the carrier's portal.",
    Kind.ZOMBIE: "Ask who has the device; deactivate the SIM if nobody does.",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that counts about one SIM at one carrier account."""

    owner: Owner = Owner.NOBODY
    wanted: Wanted = Wanted.NOTHING
    work: Work = Work.NONE
    sight: Sight = Sight.UNSEEN
    billing: Billing = Billing.NO_INVOICE
    activity: Activity = Activity.UNKNOWN
    use: Use = Use.UNKNOWN
    moved_since: bool = False  # our row is newer than what was listed
    is_elsewhere: bool = False  # another carrier account of ours lists it
    plan_differs: bool = False
    product_differs: bool = False  # an export names another product
    used_after_stop: bool = False
    active_long: bool = False  # since before the days that a zombie is known by


SHIFTS: Mapping[str, int] = {each.name: 3 * place for place, each in enumerate(fields(Facts))}
"""Where each fact stands in the packed number: three bits each."""
_WORDS: tuple[type[IntEnum], ...] = (Owner, Wanted, Work, Sight, Billing, Activity, Use)


def packed(facts: Facts) -> int:
    """The facts as one number.

    >>> unpacked(packed(Facts(Owner.US, sight=Sight.ACTIVE, active_long=True))).sight
    <Sight.ACTIVE: 4>
    """
    return sum(int(getattr(facts, name)) << shift for name, shift in SHIFTS.items())


def unpacked(number: int) -> Facts:
    """The facts of a packed number."""
    digits = [number >> shift & 7 for shift in SHIFTS.values()]
    words = [word(digit) for word, digit in zip(_WORDS, digits, strict=False)]
    return Facts(*words, *map(bool, digits[len(_WORDS) :]))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found of one SIM, and what could be neither found nor ruled out."""

    found: tuple[Kind, ...]
    undecided: frozenset[Kind]
    counts_as: Kind | Standing


def judge(facts: Facts) -> Judgement:
    """What these facts are. Every SIM counts as exactly one thing, so that the counts add up.

    >>> judge(Facts(Owner.US, Wanted.ACTIVE, sight=Sight.STOPPED)).found
    (<Kind.STATE_MISMATCH: 'state_mismatch'>,)
    >>> judge(Facts(Owner.US, Wanted.ACTIVE, sight=Sight.UNSEEN)).counts_as
    <Standing.UNKNOWN: 'unknown'>
    """
    answers = {kind: _RULES[kind](facts) for kind in Kind}
    found = tuple(kind for kind, answer in answers.items() if answer)
    undecided = frozenset(kind for kind, answer in answers.items() if answer is None)
    return Judgement(found, undecided, found[0] if found else _without_finding(facts))


def _without_finding(facts: Facts) -> Standing:
    if facts.owner is Owner.US and (facts.work is Work.UNDER_WAY or facts.moved_since):
        return Standing.UNDER_WAY
    return Standing.UNKNOWN if facts.sight in (Sight.UNSEEN, Sight.STRANGE) else Standing.OK


_HELD = (Sight.STOPPED, Sight.CHANGING, Sight.ACTIVE, Sight.STRANGE, Sight.READY)
_NOT_TRUE = {
    Wanted.ACTIVE: (Sight.STOPPED, Sight.READY),
    Wanted.STOPPED: (Sight.ACTIVE, Sight.READY),
    Wanted.NOTHING: (Sight.ACTIVE,),
}
_TRUE = {
    Wanted.ACTIVE: (Sight.ACTIVE,),
    Wanted.STOPPED: (Sight.STOPPED, Sight.ABSENT),
    Wanted.NOTHING: (Sight.ABSENT,),
}


def _is_open(facts: Facts) -> bool:
    """Whether what was listed decides nothing about a state: not seen, or older than what we did since."""
    return facts.sight is Sight.UNSEEN or facts.moved_since or facts.work is Work.UNDER_WAY


def _wrong_product(facts: Facts) -> bool | None:
    if facts.owner is Owner.US:
        return facts.product_differs
    if facts.owner is not Owner.ELSEWHERE:
        return False
    return None if facts.sight is Sight.UNSEEN else facts.sight in _HELD


def _ghost(facts: Facts) -> bool | None:
    if facts.owner not in (Owner.NOBODY, Owner.RELEASED):
        return False
    return None if _is_open(facts) else facts.sight in (Sight.ACTIVE, Sight.CHANGING)


def _missing(facts: Facts) -> bool | None:
    if facts.owner is not Owner.US or facts.wanted is Wanted.NOTHING or facts.work is Work.LATE or facts.is_elsewhere:
        return False
    return None if _is_open(facts) else facts.sight is Sight.ABSENT


def _stuck(facts: Facts) -> bool | None:
    if facts.owner is not Owner.US or facts.work is not Work.LATE:
        return False
    return None if _is_open(facts) else facts.sight not in _TRUE[facts.wanted]


def _state_mismatch(facts: Facts) -> bool | None:
    if facts.owner is not Owner.US or facts.work is Work.LATE:
        return False
    if _is_open(facts) or facts.sight in (Sight.CHANGING, Sight.STRANGE):
        return None
    return facts.sight in _NOT_TRUE[facts.wanted]


def _orphan_traffic(facts: Facts) -> bool | None:
    is_stopped = facts.owner is Owner.RELEASED or (facts.owner is Owner.US and facts.wanted is Wanted.STOPPED)
    if not is_stopped:
        return False
    if facts.sight is Sight.UNSEEN or (facts.use is Use.UNKNOWN and not facts.used_after_stop):
        return None
    return facts.used_after_stop and facts.sight in (Sight.STOPPED, Sight.ABSENT)


def _overbilled(facts: Facts) -> bool | None:
    if facts.billing is not Billing.BILLED:
        return None if facts.billing is Billing.NO_INVOICE else False
    if facts.activity in (Activity.PART, Activity.WHOLE):
        return False
    is_unknown = facts.activity is Activity.UNKNOWN and facts.owner in (Owner.US, Owner.RELEASED)
    if is_unknown or facts.sight in (Sight.UNSEEN, Sight.STRANGE):
        return None
    if facts.sight in (Sight.STOPPED, Sight.ABSENT):
        return True
    if facts.activity is not Activity.STOPPED or facts.wanted is not Wanted.ACTIVE:
        return False  # it runs, and nothing of ours says that it did not run then
    return True if facts.work is Work.NONE else None  # activated again since, if that is what made it so


def _unbilled(facts: Facts) -> bool | None:
    if facts.billing is not Billing.ABSENT:
        return None if facts.billing is Billing.NO_INVOICE else False
    if facts.owner not in (Owner.US, Owner.RELEASED) or facts.activity is not Activity.WHOLE:
        return False
    if facts.sight is Sight.ACTIVE:
        return True
    if facts.sight not in (Sight.STOPPED, Sight.ABSENT) or facts.work is not Work.NONE:
        return None
    if facts.wanted is not Wanted.ACTIVE:
        return True  # it was stopped or released since
    return None if facts.moved_since else False


def _wrong_plan(facts: Facts) -> bool | None:
    if facts.owner is not Owner.US or facts.wanted is not Wanted.ACTIVE:
        return False
    return None if _is_open(facts) else facts.plan_differs and facts.sight is Sight.ACTIVE


def _zombie(facts: Facts) -> bool | None:
    if facts.owner is not Owner.US or facts.wanted is not Wanted.ACTIVE or not facts.active_long:
        return False
    if facts.billing is Billing.ABSENT or facts.use is Use.SOME:
        return False
    if _is_open(facts) or facts.use is Use.UNKNOWN:
        return None
    return facts.sight is Sight.ACTIVE


_RULES: dict[Kind, Callable[[Facts], bool | None]] = {
    Kind.WRONG_PRODUCT: _wrong_product,
    Kind.GHOST: _ghost,
    Kind.MISSING: _missing,
    Kind.STUCK: _stuck,
    Kind.STATE_MISMATCH: _state_mismatch,
    Kind.ORPHAN_TRAFFIC: _orphan_traffic,
    Kind.OVERBILLED: _overbilled,
    Kind.UNBILLED: _unbilled,
    Kind.WRONG_PLAN: _wrong_plan,
    Kind.ZOMBIE: _zombie,
}


class Change(StrEnum):
    """What a finding is against the run before."""

    NEW = "new"
    STILL = "still"
    GONE = "gone"
    NOT_LOOKED_AT = "not_looked_at"  # found before, and this time nothing could be said of it


@dataclass(frozen=True, slots=True)
class ReconciliationRules:
    """`zombie_days`: so long without use. `settled_days`: younger days may still be told. `again_minutes`: a listing
    that ended so lately is not made again. `resume_hours`: one that broke off so lately is gone on with. A run is
    kept for `keep_days`."""

    zombie_days: int = 30
    settled_days: int = 3
    again_minutes: int = 10
    resume_hours: int = 12
    keep_days: int = 400


def kinds_in_order(kinds: Iterable[Kind]) -> tuple[Kind, ...]:
    """These kinds by precedence."""
    wanted = set(kinds)
    return tuple(kind for kind in Kind if kind in wanted)
