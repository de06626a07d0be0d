"""A simulated carrier in the foreground, until somebody ends it."""

import os
import signal
import sys
import threading
from types import FrameType

from carriers.simulated.carrier import SimulatedCarrier
from carriers.simulated.knobs import BadKnob, Knobs
from carriers.simulated.registry import open_simulated
from carriers.simulated.server import SimulatedCarrierServer

SWITCH_SECONDS = 0.0005
"""A thread that makes a long page must not keep the next request waiting: its arrival is what the limit counts."""


def serve(carrier: str, knobs: Knobs) -> None:
    """Serve in this thread until SIGINT, SIGTERM or, if asked to, the end of the standard input.

    The first line of output is the address. Raises `NotSimulated`, `BadKnob`, and `OSError` for a file.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    server = _listening(open_simulated(carrier, knobs.options()), knobs.port)
    signal.signal(signal.SIGTERM, _stop)
    if knobs.until_eof:
        threading.Thread(target=_stop_at_eof, daemon=True).start()
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()


def _listening(carrier: SimulatedCarrier, port: int) -> SimulatedCarrierServer:
    try:
        return SimulatedCarrierServer(carrier, port)
    except OSError as error:
        carrier.close()
        raise BadKnob(f"--port {port}: {error.strerror}. Choose another one, or 0 for any that is free.") from None


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _stop_at_eof() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
