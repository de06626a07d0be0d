"""`python -m tests.flows.embedded_run HOME FOLDER [stay]`: a manifest through the flows without any other process."""

import sys
import time
from pathlib import Path

from flows.embedded import embedded
from tests.flows.workshop import open_workshop


def main(home: Path, folder: Path, stay: bool) -> None:
    """Print the server's address, then the number of active SIMs; with `stay`, wait to be killed."""
    with open_workshop(folder) as workshop, embedded(home) as address:
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        from flows.pick_up import pick_up
        from flows.settle import settle

        workshop.drop("batch.csv", count=20)
        pick_up()
        while workshop.states() != {"active": 20}:
            settle()
        sys.stdout.write(f"{workshop.states()['active']} {' '.join(workshop.receipts())}\n")
        sys.stdout.flush()
        if stay:
            time.sleep(600)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] == ["stay"])
