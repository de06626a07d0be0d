"""Super SIM's usage records as the simulated carrier tells them, from what the fleet was made to have used."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from carriers.simulated.fleet import Fleet

DAY = timedelta(days=1)


def records(fleet: Fleet, account_sid: str, query: Mapping[str, str]) -> list[dict[str, object]]:
    """One record per SIM and day on which it used something, the newest day first as the carrier sorts them."""
    days = sorted(_days(query), reverse=True)
    sims = [sim for sim in fleet.listing() if query.get("Sim") in (None, sim.reference)]
    return [
        _record(account_sid, sim.reference, day, used)
        for day in days
        for sim in sims
        if (used := fleet.used(sim.iccid, day))
    ]


def _days(query: Mapping[str, str]) -> Iterator[date]:
    """Whole days within StartTime and EndTime; without them the last month. Raises ValueError."""
    now = datetime.now(UTC)
    start, end = (
        datetime.fromisoformat(query[name]) if query.get(name) else usual
        for name, usual in (("StartTime", now - 30 * DAY), ("EndTime", now))
    )
    day = start.date()
    while datetime.combine(day, datetime.min.time(), UTC) < end:
        yield day
        day += DAY


def _record(account_sid: str, reference: str, day: date, used: int) -> dict[str, object]:
    upload = used // 3
    return {
        "account_sid": account_sid,
        "sim_sid": reference,
        "fleet_sid": None,
        "network_sid": None,
        "iso_country": None,
        "period": {"start_time": f"{day}T00:00:00Z", "end_time": f"{day + DAY}T00:00:00Z"},
        "data_upload": upload,
        "data_download": used - upload,
        "data_total": used,
        "data_total_billed": 0,
        "billed_unit": None,
    }
