"""Which tests are run at all, and which test process gets which."""

from collections.abc import Collection
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

OF_ONE_HARNESS = frozenset(
    f"tests/flows/test_{name}.py"
    for name in ("act", "alerts", "clean_up", "flows", "not_deployed", "reconcile", "report_usage", "steps")
)

OF_ONE_SERVER = "tests/served"

MOSTLY_WAITING = (
    "test_demo.py",
    "test_kill_points.py",
    "served",
    "flows",
    "test_carrier_faults.py",
    "test_databases_fail.py",
    "test_seeded_bugs.py",
    "test_restored_backup.py",
    "test_embedded.py",
    "test_rehearsing.py",
    "test_receiver.py",
)
"""Files that take long and mostly wait (for servers, leases, deadlines), the longest first.

`flows` and `served` are what has one harness and one server.
"""


def rank(item: pytest.Item) -> int:
    """Where this test's file stands in the order in which files are dealt out."""
    name = _name(_scope(item.nodeid.partition("::")[0]))
    return MOSTLY_WAITING.index(name) if name in MOSTLY_WAITING else len(MOSTLY_WAITING)


class FilesAreDealtOut(LoadFileScheduling):  # type: ignore[misc]
    """Whole files, and as one those that need one server of Prefect's: starting it takes longer than most of them.

    Half of the test processes take what mostly waits and the others the rest, as long as there is both: so the cores
    are never idle, and never so busy that a deadline is missed.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _scope(super()._split_scope(nodeid))

    def _assign_work_unit(self, node: Any) -> None:
        others = sum(self._waits(other) for other in self.assigned_work if other is not node)
        wanted = others < self.numnodes // 2
        scope = next((one for one in self.workqueue if _mostly_waits(one) is wanted), None)
        if scope is not None:
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)

    def _waits(self, node: Any) -> bool:
        """Whether this test process has something before it that mostly waits."""
        return any(_mostly_waits(scope) and not all(work.values()) for scope, work in self.assigned_work[node].items())


def _scope(file: str) -> str:
    if file.startswith(OF_ONE_SERVER):
        return OF_ONE_SERVER
    return "tests/flows" if file in OF_ONE_HARNESS else file


def _name(scope: str) -> str:
    return scope.rpartition("/")[2]


def _mostly_waits(scope: str) -> bool:
    return _name(scope) in MOSTLY_WAITING


def leave_out(config: pytest.Config, items: list[pytest.Item], ones: Collection[pytest.Item]) -> None:
    """Run all but these, and let pytest count them as left out."""
    if ones:
        config.hook.pytest_deselected(items=list(ones))
        items[:] = [item for item in items if item not in ones]
