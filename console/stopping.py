"""Ctrl-C: the first one ends the work at the next good place, the second one at once. Nothing is lost either way."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from console.commands import STOPPED
from console.screen import Screen
from reports.verdict import Tone

SOON = "Stopping when the requests under way have been answered (at most 20 s). Ctrl-C again stops at once."
AT_ONCE = "Stopped at once. Requests that were under way are read at the carrier before anything is sent again."


class StopSign:
    """Up once a person has asked to stop."""

    def __init__(self) -> None:
        self.is_up = False


@contextmanager
def stop_sign(screen: Screen, soon: str = SOON) -> Iterator[StopSign]:
    """Within the block Ctrl-C puts the sign up; at the block's end it becomes the `KeyboardInterrupt` that it was.

    `soon` is what the person reads then. A second Ctrl-C ends the process: a worker that dies at any moment is what the
    ledger is made for.
    """
    sign = StopSign()

    def asked(_signal: int, _frame: FrameType | None) -> None:
        if sign.is_up:
            screen.out.show_cursor(True)
            screen.complain(AT_ONCE)
            os._exit(STOPPED)
        sign.is_up = True
        screen.say(soon, Tone.ATTENTION)

    if threading.current_thread() is not threading.main_thread():
        yield sign
        return
    before = {each: signal.signal(each, asked) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield sign
    finally:
        for each, earlier in before.items():
            signal.signal(each, earlier)
    if sign.is_up:
        raise KeyboardInterrupt


def pause(sign: StopSign, seconds: float) -> None:
    """Between two looks; the sign ends it."""
    ends = time.monotonic() + seconds
    while not sign.is_up and time.monotonic() < ends:
        time.sleep(min(0.2, seconds))
