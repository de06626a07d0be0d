"""A SIM that its own product released, taken in again because a person named it: its row begins anew where it stood.

A list that is dropped once more brings nothing back; only this does, with a reason and a name in the history.
"""

from collections.abc import Iterable, Mapping, Sequence

from domain.lifecycle import SimState
from engine.context import Context
from storage import reclaiming
from storage.acting import SimStanding
from storage.database import Transaction


def is_released(one: SimStanding) -> bool:
    """Whether it is nobody's now."""
    return one.state is SimState.RELEASED


def returning_last(wanted: Iterable[SimStanding]) -> list[SimStanding]:
    """Those that are taken in again last: where a sandbox has no room, they are the ones that are held."""
    return sorted(wanted, key=is_released)


def take_back(
    context: Context, tx: Transaction, wish_id: str, wanted: Sequence[SimStanding], codes: Mapping[str, str]
) -> set[str]:
    """Begin the rows of the released ones anew; which of them are claimed before their state is changed.

    Their lines are their places among all that are wanted. Raises `VaultLocked` for a code that cannot be sealed.
    """
    back = {one.iccid: (line, one.carrier_account) for line, one in enumerate(wanted, start=1) if is_released(one)}
    if not back:
        return set()
    sealed = {iccid: context.vault.seal(codes[iccid]) for iccid in back if iccid in codes}
    reclaiming.take_back(tx, wish_id, {iccid: line for iccid, (line, _) in back.items()}, sealed)
    carriers = context.carriers
    return {iccid for iccid, (_, account) in back.items() if carriers[account].carrier.capabilities.claims}
