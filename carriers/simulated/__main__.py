"""`python -m carriers.simulated`: a simulated Super SIM in a process of its own."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from carriers.simulated.carrier import Options, SimulatedCarrier
from carriers.simulated.faults import faults_from
from carriers.simulated.server import SimulatedCarrierServer
from domain.pacing import Window


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; the first line of output is the address."""
    arguments = _parser().parse_args(argv)
    return serve(arguments.port, _options(arguments))


def serve(port: int, options: Options) -> int:
    """Serve in this thread until SIGINT or SIGTERM; 0 chooses a free port."""
    server = SimulatedCarrierServer(SimulatedCarrier(options), port)
    signal.signal(signal.SIGTERM, _stop)
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
    return 0


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulated-carrier", description="A simulated Super SIM on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--open", action="store_true", help="claim any ICCID with any registration code")
    parser.add_argument("--fleet", type=Path, help="CSV of known SIMs: iccid, registration_code, owner (others)")
    parser.add_argument("--state", type=Path, help="file that keeps the fleet over restarts")
    parser.add_argument("--log", type=Path, help="file for one JSON line per request")
    parser.add_argument("--limit", action="append", type=_window, default=[], help="COUNT/SECONDS; may be repeated")
    parser.add_argument("--no-retry-after", action="store_true", help="429 without Retry-After")
    parser.add_argument("--activation-seconds", type=float, default=1.0)
    parser.add_argument("--jitter-seconds", type=float, default=0.0)
    parser.add_argument("--token-seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", type=json.loads, default={}, help="JSON, as POST /_simulator/faults takes it")
    return parser


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        limits=arguments.limit,
        retry_after=not arguments.no_retry_after,
        open_registry=arguments.open,
        activation_seconds=arguments.activation_seconds,
        jitter_seconds=arguments.jitter_seconds,
        seed=arguments.seed,
        token_seconds=arguments.token_seconds,
        faults=faults_from(arguments.faults),
        fleet_file=arguments.fleet,
        state_file=arguments.state,
        log_file=arguments.log,
    )


def _window(text: str) -> Window:
    """`10/1` is 10 requests in any second."""
    count, _, seconds = text.partition("/")
    return Window(int(count), float(seconds or 1))


if __name__ == "__main__":
    raise SystemExit(main())
