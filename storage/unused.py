"""SIMs that used nothing on some days, as far as every one of those days is known."""

from sqlalchemy import ColumnElement, and_, or_, select

from domain.usage import Days, start_of
from storage.schema import sims
from storage.usage_asks import WHOLE_ACCOUNT
from storage.usage_schema import usage_days, usage_known


def is_unused(days: Days) -> ColumnElement[bool]:
    """True for SIMs that were active before these days, and of which each of them is known and was without usage.

    A SIM of which a day is not known is none of them: that nobody told is no usage of zero.
    """
    s, u, k = sims.c, usage_days.c, usage_known.c
    told = and_(k.first_day <= days.first, k.last_day >= days.last, or_(k.iccid == s.iccid, k.iccid == WHOLE_ACCOUNT))
    known = select(k.iccid).where(k.carrier_account == s.carrier_account, told).correlate(sims).exists()
    used = select(u.iccid).where(u.day.between(days.first, days.last), u.total_bytes > 0)
    return and_(s.first_activated_at < start_of(days.first), known, s.iccid.not_in(used))
