"""What each carrier offers: every capability has its row, and every carrier its column."""

from dataclasses import fields, replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from carriers.contract import Capabilities, UsageScope
from carriers.registry import CAPABILITIES
from console.offers import OFFERS, offers, show_offers
from console.screen import COLOURS, Screen
from domain.lifecycle import Action, SimState

FULL = Capabilities(
    carrier="full",
    claims=True,
    needs_registration_code=True,
    orders_per_request=50_000,
    can_read=True,
    page_size=1000,
    filters_by_state=True,
    quiet_seconds=300.0,
    poll_first_seconds=5.0,
    states=(SimState.ACTIVE, SimState.DEACTIVATED, SimState.RELEASED),
    repeatable=True,
    alone=(Action.RELEASE,),
    usage=UsageScope.ACCOUNT,
    usage_kept_days=90,
    usage_lag_hours=24.0,
)
BARE = Capabilities("bare", False, False, 50, False, 0, False, 60.0, 0.5, (), False, reset_header="")


def column(can: Capabilities) -> dict[str, str]:
    """The carrier's cells by their titles."""
    _, rows = offers([can])
    return {row[0]: row[1] for row in rows}


def other(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, UsageScope):
        return UsageScope.SIM
    if isinstance(value, tuple):
        return value[:-1]
    return f"X-{value}" if isinstance(value, str) else value + 7


@pytest.mark.parametrize("name", [field.name for field in fields(Capabilities)])
def test_a_carrier_that_differs_in_one_capability_differs_in_the_table(name: str) -> None:
    changed = replace(FULL, **{name: other(getattr(FULL, name))})
    assert offers([changed]) != offers([FULL])


def test_a_carrier_that_can_do_everything_says_so() -> None:
    assert column(FULL) == {
        "claims": "yes",
        "needs a registration code": "yes",
        "SIMs a claim": "1",
        "imports by activating": "no",
        "SIMs an activation": "50,000",
        "SIMs a deactivation": "50,000",
        "SIMs a release": "1",
        "can be asked for": "active, deactivated, released",
        "asking again changes nothing": "yes",
        "follows jobs": "no",
        "calls back": "no",
        "first look after": "5 s",
        "lost requests act within": "5 min",
        "queued changes act within": "-",
        "reads one SIM": "yes",
        "lists": "1,000 a page",
        "lists by state": "yes",
        "a 429 says when in": "Retry-After",
        "tells usage": "all SIMs, in pages",
        "usage is written in": "bytes",
        "usage by day": "yes",
        "a day of usage is one of": "UTC",
        "usage is kept for": "90 days",
        "usage is late by": "24 h",
    }


def test_questions_that_do_not_arise_have_no_answer() -> None:
    said = column(BARE)
    silent = ["SIMs a claim", "SIMs a deactivation", "SIMs a release", "can be asked for", "queued changes act within"]
    of_usage = ["usage is written in", "usage by day", "a day of usage is one of", "usage is kept for"]
    assert [title for title, cell in said.items() if cell == "-"] == [
        *silent,
        "lists by state",
        *of_usage,
        "usage is late by",
    ]
    assert (said["lists"], said["tells usage"], said["a 429 says when in"]) == ("no", "no", "nothing")
    assert (said["first look after"], said["lost requests act within"]) == ("0.5 s", "1 min")


def test_carriers_stand_side_by_side_by_name() -> None:
    titles, rows = offers([FULL, BARE])
    assert titles == ["", "bare", "full"]
    assert [len(row) for row in rows] == [3] * len(OFFERS)
    assert rows[0] == ["claims", "no", "yes"]


def test_five_carriers_fit_a_screen_of_100_columns_and_no_word_is_cut() -> None:
    long = {
        "reset_header": "X-Soracom-Ratelimit-Seconds-Before-Refresh",
        "states": (SimState.DEACTIVATED, SimState.INACTIVE, SimState.RELEASED),
    }
    five = [replace(FULL, carrier=name, **long) for name in ("supersim", "particle", "telnyx", "soracom", "onence")]  # type: ignore[arg-type]
    written = StringIO()
    console = Console(file=written, width=100, theme=COLOURS, force_terminal=True, color_system=None)
    show_offers(Screen(console, console), five)
    lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == sorted(can.carrier for can in five)
    text = "\n".join(lines)
    assert all(text.count(part) == 5 for part in ("X-Soracom-", "Ratelimit-", "Seconds-", "Before-", "Refresh"))
    assert (text.count("deactivated,"), text.count("inactive,"), text.count("released")) == (5, 5, 5)


def test_every_carrier_of_the_registry_is_shown_with_everything_it_offers(simline: Any) -> None:
    shown, told = simline("carriers"), simline("carriers", "--json").json
    header = shown.out.splitlines()[0].split()
    assert header == sorted(CAPABILITIES)
    assert [line for line in shown.out.splitlines()[1:] if not line.startswith(tuple(OFFERS))] == []
    assert {name: set(one) for name, one in told.items()} == {
        name: {field.name for field in fields(can)} for name, can in CAPABILITIES.items()
    }
