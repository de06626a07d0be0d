"""Which tests are run at all, and which test process gets which."""

from collections.abc import Collection

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

OF_ONE_HARNESS = frozenset(
    f"tests/flows/test_{name}.py"
    for name in ("act", "alerts", "clean_up", "flows", "reconcile", "report_usage", "steps")
)


class FilesAreDealtOut(LoadFileScheduling):  # type: ignore[misc]
    """Whole files, and as one those that need Prefect's harness: starting it takes longer than most of them."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "tests/flows" if file in OF_ONE_HARNESS else file


def leave_out(config: pytest.Config, items: list[pytest.Item], ones: Collection[pytest.Item]) -> None:
    """Run all but these, and let pytest count them as left out."""
    if ones:
        config.hook.pytest_deselected(items=list(ones))
        items[:] = [item for item in items if item not in ones]
