"""How a simulated carrier behaves, as options of a command line: one type for every door that starts one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from carriers.simulated.carrier import Options
from carriers.simulated.faults import Faults, faults_from
from domain.pacing import Window


class BadKnob(Exception):
    """An option that makes no sense. The sentence says how it is written."""


@Parameter(name="*")
@dataclass(frozen=True)
class Knobs:
    """How the simulated carrier behaves."""

    port: Annotated[
        int,
        Parameter(
            metavar="PORT",
            help="Where to listen on 127.0.0.1; 0 takes a free one.",
            validator=validators.Number(gte=0, lte=65_535),
        ),
    ] = 0
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
    webhook: Annotated[
        str, Parameter(metavar="URL", help="Telnyx: the address in its portal that it calls.", show_default=False)
    ] = ""
    seed: Annotated[int, Parameter(metavar="NUMBER", help="The same seed fails alike.")] = 0
    faults: Annotated[
        str, Parameter(metavar="JSON", help='JSON: {"rates": {"lost_reply": 0.1}, "first": 1}.', show_default=False)
    ] = "{}"
    until_eof: Annotated[
        bool, Parameter(help="End when the standard input closes, as when its starter dies.", show_default=False)
    ] = False

    def options(self) -> Options:
        """The same, as the simulated carrier knows it. Raises `BadKnob`."""
        return Options(
            limits=[window_of(text) for text in self.limit or []],
            retry_after=not self.no_retry_after,
            open_registry=self.open_registry,
            activation_seconds=self.activation_seconds,
            jitter_seconds=self.jitter_seconds,
            seed=self.seed,
            token_seconds=self.token_seconds,
            webhook_url=self.webhook,
            faults=faults_of(self.faults),
            fleet_file=self.fleet,
            state_file=self.state,
            log_file=self.log,
        )


def window_of(text: str) -> Window:
    """`10/1` is 10 requests in any second. Raises `BadKnob`.

    >>> window_of("10/1"), window_of("600/60")
    (Window(count=10, per_seconds=1.0), Window(count=600, per_seconds=60.0))
    """
    count, _, seconds = text.partition("/")
    try:
        window = Window(int(count), float(seconds or 1))
    except ValueError:
        window = Window(0)
    if window.count < 1 or not 0 < window.per_seconds < float("inf"):
        raise BadKnob(f"--limit {text}: write COUNT/SECONDS, like 10/1.")
    return window


def faults_of(text: str) -> Faults:
    """JSON as faults. Raises `BadKnob`."""
    try:
        wanted = json.loads(text)
        if not isinstance(wanted, dict):
            raise TypeError("this is no JSON object")
        return faults_from(wanted)
    except (ValueError, TypeError, AttributeError) as error:
        example = '{"rates": {"reset": 0.1}}'
        raise BadKnob(f"--faults: {str(error).rstrip('.')}. Write {example}, for example.") from None
