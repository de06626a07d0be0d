"""`simulate`: a simulated carrier in the foreground, with its limit and its faults."""

from typing import Annotated

from cyclopts import App, Parameter

from carriers.simulated.knobs import BadKnob, Knobs
from carriers.simulated.registry import SIMULATIONS, NotSimulated
from carriers.simulated.serving import serve
from console.commands import FINE
from console.door import CannotDo


def _help() -> str:
    """What it does, and the credentials of each carrier, which are no secret."""
    paragraphs = [
        "Run a simulated carrier.",
        "It listens on 127.0.0.1 until Ctrl-C; its first line of output is its address. Faults can be changed while it "
        "runs: POST the JSON of --faults to /_simulator/faults. Its credentials are no secret:",
    ]
    for name, simulation in SIMULATIONS.items():
        paragraphs.append(
            f"{name}: " + ", ".join(f"{secret} {word}" for secret, word in simulation.credentials.items())
        )
    return "\n\n".join(paragraphs)


simulate = App(name="simulate", help=_help())


@simulate.default
def simulated(
    carrier: Annotated[str, Parameter(help=f"Which one, as in carriers.toml: {', '.join(SIMULATIONS)}.")],
    /,
    *,
    knobs: Knobs | None = None,
) -> int:
    """Run a simulated carrier."""
    try:
        serve(carrier, knobs or Knobs())
    except (BadKnob, NotSimulated) as error:
        raise CannotDo(str(error)) from None
    return FINE
