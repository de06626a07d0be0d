"""Which carriers can be simulated. One line each."""

import time
from collections.abc import Callable
from difflib import get_close_matches

from carriers.simulated import onence, particle, soracom, supersim, telnyx
from carriers.simulated.carrier import Options, SimulatedCarrier
from carriers.simulated.dialect import Simulation

SIMULATIONS: dict[str, Simulation] = {
    "1nce": onence.SIMULATION,
    "particle": particle.SIMULATION,
    "soracom": soracom.SIMULATION,
    "supersim": supersim.SIMULATION,
    "telnyx": telnyx.SIMULATION,
}


class NotSimulated(Exception):
    """Nobody has simulated this carrier. The sentence says which there are."""


def simulation_of(carrier: str) -> Simulation:
    """The simulation of this name, as carriers.toml writes it. Raises `NotSimulated`."""
    if carrier not in SIMULATIONS:
        near = get_close_matches(carrier, SIMULATIONS, n=1) or sorted(SIMULATIONS)
        raise NotSimulated(f"There is no simulated carrier {carrier!r}. Known: {', '.join(near)}.")
    return SIMULATIONS[carrier]


def open_simulated(
    carrier: str, options: Options | None = None, clock: Callable[[], float] = time.time
) -> SimulatedCarrier:
    """A simulated carrier without its sockets. Raises `NotSimulated`, and `OSError` for a file."""
    return SimulatedCarrier(simulation_of(carrier), options or Options(), clock)
