"""Super SIM's usage records: bytes per SIM and UTC day, for all SIMs of the account in pages.

https://docs.korewireless.com/en-us/api/products/supersim/usage-record-resource
Usage is booked on the day on which it occurred, so late records change days that have passed.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from carriers.contract import Usage, UsageQuery
from carriers.errors import ReadFailed

PATH = "/v1/UsageRecords"
PAGE_SIZE = 1000
SIM_REFERENCE = re.compile(r"HS[0-9a-fA-F]{32}")


def question(query: UsageQuery, cursor: str | None) -> dict[str, str]:
    """The query of one page. `EndTime` is the first moment that is not asked for any more.

    >>> from datetime import date
    >>> question(UsageQuery(date(2024, 2, 28), date(2024, 2, 29)), None)["EndTime"]
    '2024-03-01T00:00:00Z'
    """
    asked = {
        "Group": "sim",
        "Granularity": "day",
        "StartTime": f"{query.first}T00:00:00Z",
        "EndTime": f"{query.last + timedelta(days=1)}T00:00:00Z",
        "PageSize": str(PAGE_SIZE),
    }
    if query.carrier_reference:
        asked["Sim"] = query.carrier_reference
    return asked | ({"PageToken": cursor} if cursor else {})


def usages(document: object) -> tuple[Usage, ...]:
    """The records of one page, each of one SIM. One without a number is no record. Raises `ReadFailed`."""
    records = document.get("usage_records") if isinstance(document, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ReadFailed("Super SIM answered a question for usage without a list of records.")
    return tuple(_usage(record) for record in records if record.get("data_total") is not None)


def _usage(record: Mapping[str, object]) -> Usage:
    reference, total, period = record.get("sim_sid"), record.get("data_total"), record.get("period")
    if not SIM_REFERENCE.fullmatch(str(reference)) or not isinstance(total, int) or not isinstance(period, dict):
        raise ReadFailed("Super SIM answered a question for usage with a record that names no SIM, sum or period.")
    first, end = _moment(period.get("start_time")), _moment(period.get("end_time"))
    last = (end - timedelta(microseconds=1)).date()
    return Usage(first.date(), max(first.date(), last), total, carrier_reference=str(reference))


def _moment(text: object) -> datetime:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        raise ReadFailed(f"Super SIM answered a question for usage with the time {str(text)[:40]!r}.") from None
