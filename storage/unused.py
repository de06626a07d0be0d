"""SIMs that used nothing on some days, nor since, as far as every one of those days is known."""

from sqlalchemy import ColumnElement, and_, or_, select

from domain.usage import Days, start_of
from storage.schema import sims
from storage.usage_asks import WHOLE_ACCOUNT
from storage.usage_schema import usage_days, usage_known


def is_unused(days: Days) -> ColumnElement[bool]:
    """True for SIMs that became active before these days, the last time too, and of which each was without usage.

    A SIM of which a day is not known is none of them: that nobody told is no usage of zero. Nor is one of which a use
    on a later day was told already.
    """
    s, u, k = sims.c, usage_days.c, usage_known.c
    told = and_(k.first_day <= days.first, k.last_day >= days.last, or_(k.iccid == s.iccid, k.iccid == WHOLE_ACCOUNT))
    known = select(k.iccid).where(k.carrier_account == s.carrier_account, told).correlate(sims).exists()
    used = select(u.iccid).where(u.day >= days.first, u.total_bytes > 0)
    return and_(s.last_activated_at < start_of(days.first), known, s.iccid.not_in(used))
