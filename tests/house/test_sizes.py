"""Nothing grows past what one can read in one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

FILE_LINES, FLOW_LINES, FUNCTION_LINES = 400, 80, 50


def line_count(file: Path) -> int:
    """How many lines the file has."""
    return len(file.read_text(encoding="utf-8").splitlines())


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """Every function of the file with its number of lines."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{file.name}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def test_no_file_is_longer_than_400_lines(python_files: list[Path]) -> None:
    assert len(python_files) > 20
    assert {str(file): line_count(file) for file in python_files if line_count(file) > FILE_LINES} == {}


def test_no_flow_is_longer_than_80_lines(root: Path) -> None:
    flows = list((root / "flows").glob("*.py"))
    assert flows
    assert {file.name: line_count(file) for file in flows if line_count(file) > FLOW_LINES} == {}


def test_no_function_is_longer_than_50_lines(python_files: list[Path]) -> None:
    sizes = dict(sized for file in python_files for sized in functions(file))
    assert max(sizes.values()) > 10
    assert {name: lines for name, lines in sizes.items() if lines > FUNCTION_LINES} == {}


def test_most_functions_are_short(product_files: list[Path]) -> None:
    sizes = sorted(lines for file in product_files for _, lines in functions(file))
    assert sizes[len(sizes) // 2] <= 12
    assert sizes[len(sizes) * 9 // 10] <= 30
