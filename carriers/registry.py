"""Which carriers there are. One line per carrier."""

from collections.abc import Callable
from difflib import get_close_matches

from carriers import onence, particle, soracom, supersim, telnyx
from carriers.contract import Capabilities, Carrier, CarrierAccount
from carriers.errors import CarrierError

CARRIERS: dict[str, Callable[[CarrierAccount], Carrier]] = {
    "1nce": onence.OneNce.open,
    "particle": particle.Particle.open,
    "soracom": soracom.Soracom.open,
    "supersim": supersim.SuperSim.open,
    "telnyx": telnyx.Telnyx.open,
}

CAPABILITIES: dict[str, Capabilities] = {
    "1nce": onence.CAPABILITIES,
    "particle": particle.CAPABILITIES,
    "soracom": soracom.CAPABILITIES,
    "supersim": supersim.CAPABILITIES,
    "telnyx": telnyx.CAPABILITIES,
}


def open_carrier(account: CarrierAccount) -> Carrier:
    """The adapter of this account, ready to talk; nothing is sent yet. Raises `CarrierError` with what to mend."""
    if account.carrier not in CARRIERS:
        near = get_close_matches(account.carrier, CARRIERS, n=1) or sorted(CARRIERS)
        raise CarrierError(
            f"Carrier account {account.name}: there is no carrier {account.carrier!r}. Known: {', '.join(near)}."
        )
    return CARRIERS[account.carrier](account)
