"""`python -m carriers.simulated CARRIER`: a simulated carrier in a process of its own."""

import sys
from collections.abc import Sequence

from cyclopts import App, Parameter

from carriers.simulated.knobs import BadKnob, Knobs
from carriers.simulated.registry import NotSimulated
from carriers.simulated.serving import serve


def main(words: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; the first line of output is the address. The exit status."""
    app = App(
        name="python -m carriers.simulated",
        default_parameter=Parameter(negative=(), negative_iterable=()),
        version_flags=(),
        result_action="return_value",
    )
    app.default(start)
    status: int = app(words)
    return status


def start(carrier: str, /, *, knobs: Knobs | None = None) -> int:
    """A simulated carrier on 127.0.0.1."""
    try:
        serve(carrier, knobs or Knobs())
    except (BadKnob, NotSimulated) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
