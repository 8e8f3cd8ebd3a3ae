"""docs/reference/conformance.md says what is done, and cannot drift from the tests that it names."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "conformance.md"
ROWS_OF = {"A": 14, "B": 24, "C": 25, "D": 27, "E": 16, "F": 37, "G": 28, "H": 11, "I": 13, "T": 30}
STATES = {"done", "later", "deviation"}


def table() -> dict[str, tuple[str, list[str]]]:
    """Row to (state, test ids)."""
    rows = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 6 and re.fullmatch(r"[A-IT]\d+", cells[0]):
            assert cells[0] not in rows, f"{cells[0]} stands twice"
            rows[cells[0]] = (cells[3], re.findall(r"`([^`]+)`", cells[4]))
    return rows


TABLE = table()


@cache
def names_in(path: Path) -> set[str]:
    """Names of the functions and classes of a test module; of a C program its own name."""
    if path.suffix == ".c":
        return {path.stem}
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }


def test_every_row_of_the_checklist_is_listed_once() -> None:
    expected = {f"{section}{number}" for section, count in ROWS_OF.items() for number in range(1, count + 1)}
    assert set(TABLE) == expected


@pytest.mark.parametrize("row", TABLE)
def test_a_row_that_is_done_names_tests_that_exist(row: str) -> None:
    state, tests = TABLE[row]
    assert state in STATES
    assert tests or state == "later", "done without a test"
    for test in tests:
        path, *names = test.split("::")
        assert (ROOT / path).is_file(), test
        assert not set(names) - names_in(ROOT / path), test
