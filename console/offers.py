"""What each carrier offers, row by row: the same table for `simline carriers` and for docs/adding-a-carrier.md."""

from collections.abc import Callable, Iterable, Mapping
from textwrap import wrap

from rich.text import Text

from carriers.contract import Capabilities, UsageScope
from console.screen import UNBROKEN, Column, Fit, Screen, lasting
from domain.lifecycle import Action, SimState, Stage

NOT_THERE = "-"
"""The cell of a question that does not arise."""

NARROWEST, GAP = 8, 2
"""Columns of a terminal: of a carrier's cell at least, and between two carriers."""

_USAGE: Mapping[UsageScope, str] = {
    UsageScope.NONE: "no",
    UsageScope.SIM: "one SIM a request",
    UsageScope.ACCOUNT: "all SIMs, in pages",
}


def offers(carriers: Iterable[Capabilities]) -> tuple[list[str], list[list[str]]]:
    """The titles and the rows of a table with one column for each carrier, by name."""
    by_name = sorted(carriers, key=lambda can: can.carrier)
    titles = ["", *(can.carrier for can in by_name)]
    return titles, [[title, *(cell(can) for can in by_name)] for title, cell in OFFERS.items()]


def show_offers(screen: Screen, carriers: Iterable[Capabilities]) -> None:
    """The table. On a terminal long cells are folded between words and at hyphens, so that five carriers fit."""
    titles, rows = offers(carriers)
    room = (screen.out.width - max(map(len, OFFERS))) // max(1, len(titles) - 1) - GAP
    wide = max(room, NARROWEST) if screen.is_live else UNBROKEN
    folded = [[title, *(Text("\n".join(wrap(cell, wide))) for cell in cells)] for title, *cells in rows]
    screen.table([Column(title, fit=Fit.FOLD if title else Fit.KEEP) for title in titles], folded)


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _duration(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 60 else lasting(seconds)


def _page(can: Capabilities) -> str:
    return f"{can.page_size:,} a page" if can.page_size else "no"


def _together(can: Capabilities, action: Action, state: SimState) -> str:
    """SIMs that one request of this action can name."""
    return f"{can.at_most(Stage.CHANGE, action):,}" if state in can.states else NOT_THERE


def _metered(tell: Callable[[Capabilities], str]) -> Callable[[Capabilities], str]:
    """What only a carrier that tells usage can answer."""
    return lambda can: NOT_THERE if can.usage is UsageScope.NONE else tell(can)


def _kept(can: Capabilities) -> str:
    return f"{can.usage_kept_days:,} days" if can.usage_kept_days else "this period"


OFFERS: Mapping[str, Callable[[Capabilities], str]] = {
    "claims": lambda can: _yes(can.claims),
    "needs a registration code": lambda can: _yes(can.needs_registration_code),
    "SIMs a claim": lambda can: f"{can.claims_per_request:,}" if can.claims else NOT_THERE,
    "imports by activating": lambda can: _yes(can.imports),
    "SIMs an activation": lambda can: f"{can.orders_per_request:,}",
    "SIMs a deactivation": lambda can: _together(can, Action.DEACTIVATE, SimState.DEACTIVATED),
    "SIMs a release": lambda can: _together(can, Action.RELEASE, SimState.RELEASED),
    "can be asked for": lambda can: ", ".join(can.states) or NOT_THERE,
    "asking again changes nothing": lambda can: _yes(can.repeatable),
    "follows jobs": lambda can: _yes(can.follows),
    "calls back": lambda can: _yes(can.calls_back),
    "first look after": lambda can: _duration(can.poll_first_seconds),
    "lost requests act within": lambda can: _duration(can.quiet_seconds),
    "queued changes act within": lambda can: _duration(can.queue_seconds) if can.queue_seconds else NOT_THERE,
    "reads one SIM": lambda can: _yes(can.can_read),
    "lists": _page,
    "lists by state": lambda can: _yes(can.filters_by_state) if can.page_size else NOT_THERE,
    "a 429 says when in": lambda can: can.reset_header or "nothing",
    "tells usage": lambda can: _USAGE[can.usage],
    "usage is written in": _metered(lambda can: can.usage_unit),
    "usage by day": _metered(lambda can: _yes(can.usage_by_day)),
    "a day of usage is one of": _metered(lambda can: can.usage_day_zone if can.usage_by_day else NOT_THERE),
    "usage is kept for": _metered(_kept),
    "usage is late by": _metered(lambda can: f"{can.usage_lag_hours:g} h"),
}
"""Each capability's title and its cell."""
