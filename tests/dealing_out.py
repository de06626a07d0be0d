"""Which test process gets which tests."""

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
