"""`simulate`: a simulated carrier in the foreground, with its limit and its faults."""

import json
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from console.commands import FINE
from console.door import CannotDo

if TYPE_CHECKING:
    from carriers.simulated.carrier import Options
    from carriers.simulated.faults import Faults
    from domain.pacing import Window

simulate = App(name="simulate", help="Run a simulated carrier.")


@Parameter(name="*")
@dataclass(frozen=True)
class Knobs:
    """How the simulated carrier behaves."""

    port: Annotated[int, Parameter(metavar="PORT", help="Where to listen on 127.0.0.1; 0 takes a free one.")] = 0
    open_registry: Annotated[
        bool, Parameter(name="--open", help="Take any ICCID with any registration code.", show_default=False)
    ] = False
    fleet: Annotated[
        Path | None, Parameter(metavar="FILE", help="CSV of known SIMs: iccid, registration_code, owner.")
    ] = None
    state: Annotated[Path | None, Parameter(metavar="FILE", help="File that keeps the fleet over restarts.")] = None
    log: Annotated[Path | None, Parameter(metavar="FILE", help="File for one JSON line per request.")] = None
    limit: Annotated[
        list[str] | None, Parameter(metavar="COUNT/SECONDS", help="10/1 is 10 a second. May be repeated.")
    ] = None
    no_retry_after: Annotated[bool, Parameter(help="Answer 429 without Retry-After.", show_default=False)] = False
    activation_seconds: Annotated[float, Parameter(metavar="SECONDS", help="How long a change of state takes.")] = 1.0
    jitter_seconds: Annotated[
        float, Parameter(metavar="SECONDS", help="At most so much longer, different for each SIM.")
    ] = 0.0
    token_seconds: Annotated[float, Parameter(metavar="SECONDS", help="How long a token is good.")] = 3600.0
    seed: Annotated[int, Parameter(metavar="NUMBER", help="The same seed fails alike.")] = 0
    faults: Annotated[
        str, Parameter(metavar="JSON", help='JSON: {"rates": {"lost_reply": 0.1}, "first": 1}.', show_default=False)
    ] = "{}"
    until_eof: Annotated[
        bool, Parameter(help="End when the standard input closes, as when its starter dies.", show_default=False)
    ] = False


@simulate.command
def supersim(*, knobs: Knobs | None = None) -> int:
    """A simulated Super SIM, until Ctrl-C. Its first line of output is its address.

    Its credentials are no secret: account_sid is AC and 32 zeros, auth_token simulated-token, client_id
    simulated-client, client_secret simulated-secret. Faults can be changed while it runs: POST the same JSON to
    /_simulator/faults.
    """
    from carriers.simulated.__main__ import serve

    knobs = knobs or Knobs()
    options = options_of(knobs)
    if knobs.until_eof:
        threading.Thread(target=_stop_at_eof, daemon=True).start()
    try:
        serve(knobs.port, options)
    except OverflowError:
        raise CannotDo(f"--port {knobs.port}: a port is a number from 0 to 65535.") from None
    return FINE


def options_of(knobs: Knobs) -> "Options":
    """The same, as the simulated carrier knows it. Raises `CannotDo`."""
    from carriers.simulated.carrier import Options

    return Options(
        limits=[window_of(text) for text in knobs.limit or []],
        retry_after=not knobs.no_retry_after,
        open_registry=knobs.open_registry,
        activation_seconds=knobs.activation_seconds,
        jitter_seconds=knobs.jitter_seconds,
        seed=knobs.seed,
        token_seconds=knobs.token_seconds,
        faults=faults_of(knobs.faults),
        fleet_file=knobs.fleet,
        state_file=knobs.state,
        log_file=knobs.log,
    )


def _stop_at_eof() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def window_of(text: str) -> "Window":
    """`10/1` as a window. Raises `CannotDo`."""
    from domain.pacing import Window

    count, _, seconds = text.partition("/")
    try:
        window = Window(int(count), float(seconds or 1))
    except ValueError:
        window = Window(0)
    if window.count < 1 or window.per_seconds <= 0:
        raise CannotDo(f"--limit {text}: write COUNT/SECONDS, like 10/1.")
    return window


def faults_of(text: str) -> "Faults":
    """JSON as faults. Raises `CannotDo`."""
    from carriers.simulated.faults import faults_from

    try:
        wanted = json.loads(text)
        if not isinstance(wanted, dict):
            raise TypeError("this is no JSON object")
        return faults_from(wanted)
    except (ValueError, TypeError, AttributeError) as error:
        example = '{"rates": {"reset": 0.1}}'
        raise CannotDo(f"--faults: {str(error).rstrip('.')}. Write {example}, for example.") from None
