"""The entry point: `simline COMMAND`. Whatever happens behind it, a person reads a sentence, a script a status."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from console.commands import FINE, overview


def main() -> None:
    """The entry point."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # we do no algebra, and its idle threads spin at every start
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Carry out one command line; its exit status. The overview comes without loading anything."""
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_print(stream)
    if not words or list(words) in (["--help"], ["-h"], ["help"]):
        sys.stdout.write(overview(bold=sys.stdout.isatty() and not os.environ.get("NO_COLOR")) + "\n")
        return FINE
    from console.trouble import answered  # 0.3 s of imports that the overview does not need

    return answered(words)


def _never_fail_to_print(stream: TextIO) -> None:
    """A terminal that cannot show a letter shows a question mark in its place."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


if __name__ == "__main__":
    main()
