"""The entry point: `simline COMMAND`. Whatever happens behind it, a person reads a sentence, a script a status."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from console.commands import CANNOT, FINE, overview
from console.silence import silence


def main() -> None:
    """The entry point."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # we do no algebra, and its idle threads spin at every start
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Carry out one command line; its exit status. The overview comes without loading anything."""
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_print(stream)
    if not words or list(words) in (["--help"], ["-h"], ["help"]):
        return _written(overview(bold=sys.stdout.isatty() and not os.environ.get("NO_COLOR")))
    from console.trouble import answered  # 0.3 s of imports that the overview does not need

    return answered(words)


def _written(text: str) -> int:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
    except OSError as error:
        silence(sys.stdout)
        sys.stderr.write(f"✗ The output cannot be written: {error.strerror}. Make room there, or send it elsewhere.\n")
        return CANNOT
    return FINE


def _never_fail_to_print(stream: TextIO) -> None:
    """A terminal that cannot show a letter shows a question mark in its place."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


if __name__ == "__main__":
    main()
