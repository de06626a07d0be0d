"""1NCE's words and ours: SIMs, their numbers and settings, usage, errors. Nothing is sent from here."""

import logging
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from stdnum import luhn

from carriers.contract import CarrierSim, Order
from carriers.errors import ReadFailed
from carriers.http import Complaint
from carriers.onence_inventory import Present
from carriers.words import known_state
from domain.lifecycle import Action, SimState

log = logging.getLogger("simline.carriers")

ENABLED, DISABLED = "Enabled", "Disabled"
WORDS: dict[Action, str] = {Action.ACTIVATE: ENABLED, Action.DEACTIVATE: DISABLED}
STATES: dict[tuple[str, bool], SimState] = {
    (ENABLED, True): SimState.ACTIVE,
    (ENABLED, False): SimState.ACTIVE,
    (DISABLED, True): SimState.DEACTIVATED,
    (DISABLED, False): SimState.INACTIVE,
}
"""Status word, and whether the SIM has an activation date. Whether it is connected is another thing, told elsewhere."""

BYTES_OF_A_UNIT = {"MB": Decimal(10**6)}
"""1NCE writes volumes with six decimals ("0.002803" MB), which are whole bytes only if a megabyte is 10**6 of them."""


def complaint(document: object) -> Complaint | None:
    """Code and message of an error body; None for anything else.

    >>> complaint({"statusCode": 400, "errorCode": "AuthValidationError", "message": "Missing attributes 'password'"})
    Complaint(code='AuthValidationError', message="Missing attributes 'password'")
    """
    if not isinstance(document, dict) or not isinstance(document.get("message"), str):
        return None
    return Complaint(str(document.get("errorCode") or ""), document["message"])


def refusal(document: object) -> Complaint | None:
    """The same of an answer that is an error by its status: those about SIMs are described without a body."""
    return Complaint("", "no explanation") if document is None else complaint(document)


def path_of(iccid: str) -> str:
    """The address of a SIM: its number without the check digit.

    >>> path_of("89882806660000000010")
    '/v1/sims/8988280666000000001'
    """
    return f"/v1/sims/{iccid[:-1]}"


def iccid_of(sim: Mapping[str, object]) -> str | None:
    """The ICCID with its check digit; None where 1NCE's two numbers are not one card's, so that nothing is mistaken.

    >>> iccid_of({"iccid": "8988280666000000001", "iccid_with_luhn": "89882806660000000010"})
    '89882806660000000010'
    >>> iccid_of({"iccid": "8988280666000000001"})
    '89882806660000000010'
    >>> iccid_of({"iccid": "8988280666000000001", "iccid_with_luhn": "89882806660000000028"}) is None
    True
    """
    number = str(sim.get("iccid"))
    whole = number + luhn.calc_check_digit(number) if re.fullmatch("89[0-9]{16,17}", number) else number
    if not _is_whole(whole) or sim.get("iccid_with_luhn") not in (None, "", whole):
        log.warning("1NCE names a SIM %.30r and %.30r: not one card's ICCID", number, sim.get("iccid_with_luhn"))
        return None
    return whole


def _is_whole(number: str) -> bool:
    """Whether it has its check digit. One of 20 digits cannot be without: no ICCID is longer."""
    return re.fullmatch("89[0-9]{17,18}", number) is not None and luhn.is_valid(number)


def seen(sim: Mapping[str, object], iccid: str) -> CarrierSim:
    """One of 1NCE's SIM resources in our words."""
    word = str(sim.get("status") or "")[:40]
    state = known_state(STATES.get((word, bool(sim.get("activation_date")))), "1NCE", word, iccid)
    msisdn, imsi = (str(sim[name]) if sim.get(name) else None for name in ("msisdn", "imsi"))
    return CarrierSim(iccid, state, word, iccid[:-1], msisdn=msisdn, imsi=imsi)


def present_of(sim: Mapping[str, object], iccid: str) -> Present:
    """The same as what a change must know: its state, and the lock and the label that go back with it."""
    lock, label = sim.get("imei_lock"), sim.get("label")
    told = isinstance(lock, bool) and isinstance(label, str | None)
    settings = {"imei_lock": lock} | ({} if label is None else {"label": label})
    return Present(iccid, seen(sim, iccid).state, settings if told else None)


def update_of(order: Order, sim: Present) -> dict[str, object]:
    """What a change says of one SIM."""
    return {"iccid": order.iccid[:-1], "status": WORDS[order.action], **(sim.settings or {})}


def bytes_by_day(document: object) -> dict[date, int]:
    """What was booked for each day, rows of one day together. Raises `ReadFailed` for what is no usage."""
    rows = document.get("stats") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ReadFailed("1NCE answered a question about usage without a list of days.")
    booked: dict[date, Decimal] = {}
    for row in rows:
        day, used = _day(row), row.get("data")
        if day and isinstance(used, dict):  # a day of messages alone has no data
            booked[day] = booked.get(day, Decimal(0)) + _bytes(used)
    return {day: int(amount.to_integral_value()) for day, amount in booked.items()}


def _day(row: Mapping[str, object]) -> date | None:
    """The UTC day of a row, with or without its midnight; None for a row that is no day's, such as a sum."""
    try:
        return date.fromisoformat(str(row.get("date"))[:10])
    except ValueError:
        log.warning("1NCE tells usage of %.40r, which is no day", row.get("date"))
        return None


def _bytes(used: Mapping[str, object]) -> Decimal:
    kind = used.get("traffic_type")
    unit = kind.get("unit", "MB") if isinstance(kind, dict) else "MB"
    try:
        volume = Decimal(str(used.get("volume")))
    except InvalidOperation:
        volume = Decimal("NaN")
    if unit not in BYTES_OF_A_UNIT or not volume.is_finite() or volume < 0:
        raise ReadFailed(f"1NCE tells a usage of {used.get('volume')!r} {unit!r}, which is no number of bytes.")
    return volume * BYTES_OF_A_UNIT[unit]
