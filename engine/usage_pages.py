"""Usage of a whole carrier account, in pages: each is committed with the place where the next one is."""

from dataclasses import replace
from datetime import datetime

from carriers.contract import UsagePage, UsageQuery
from carriers.errors import ReadFailed
from domain.day_zones import over_at
from domain.usage import Days, Known
from engine.account_round import TurnLost
from engine.usage_round import Round
from storage import limits, usage_asks
from storage.usage_asks import WHOLE_ACCOUNT

ENOUGH_FAILURES = 3
"""After so many failures at one page the listing begins anew: the carrier may not know its place any more."""


def collect_pages(one: Round) -> None:
    """Read on where the listing broke off, or from its beginning, until it ends or the round's time is over."""
    turn, wanted = one.turn, one.wanted
    asked = turn.has_asked(wanted)
    if asked and turn.ended_at is not None:
        one.counts.is_over = True
        return
    goes_on = asked and turn.failures < ENOUGH_FAILURES
    days = Days(turn.first, turn.last) if goes_on else wanted.days
    begun_at = turn.begun_at if goes_on and turn.begun_at else one.now()
    cursor = turn.cursor if goes_on else None
    while one.in_time:
        as_of = one.now()
        page = one.ask(UsageQuery(days.first, days.last), cursor)
        if page.next_cursor is not None and page.next_cursor == cursor:
            raise ReadFailed(f"{one.account}'s listing of usage turns in a circle: its next page is this page.")
        _write(one, replace(page, usages=tuple(one.in_utc(page.usages, days))), days, as_of, begun_at)
        cursor = page.next_cursor
        if cursor is None:
            one.counts.is_over = True
            return


def _write(one: Round, page: UsagePage, days: Days, as_of: datetime, begun_at: datetime) -> None:
    """The page, the place of the next one, and after the last one what is known now."""
    ended_at = as_of if page.next_cursor is None else None
    listing = {"first_day": days.first, "last_day": days.last, "begun_at": begun_at, "ended_at": ended_at}
    with one.context.commit("usage") as tx:
        if not usage_asks.hold(tx, one.account, one.lease, **listing, cursor=page.next_cursor, failures=0):
            raise TurnLost
        one.write(tx, page.usages, as_of)
        if ended_at is not None:
            over = days.until(over_at(begun_at, one.zone))
            usage_asks.keep_known(tx, one.account, {WHOLE_ACCOUNT: Known(over, begun_at)})
        limits.record_success(tx, one.account)
    one.counts.requests += 1
    one.tell(one.counts.requests, one.counts.requests + (page.next_cursor is not None))
