"""The closed list of drop reasons is the same in C and in Python."""

from __future__ import annotations

import re
from pathlib import Path

from rtcsplit.drops import DropReason

HEADER = Path(__file__).parents[2] / "csrc" / "drop.h"


def test_python_members_equal_the_c_enumeration() -> None:
    names = re.findall(r"^    RS_DROP_(\w+)", HEADER.read_text(), re.MULTILINE)
    assert names[0] == "NONE"
    assert names[-1] == "COUNT"
    assert {name: index for index, name in enumerate(names[1:-1], start=1)} == {r.name: int(r) for r in DropReason}


def test_the_page_has_a_row_for_each_in_their_order() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "drop-reasons.md"
    rows = re.findall(r"^\| `(\w+)` \|", page.read_text("utf-8"), re.MULTILINE)
    assert rows == [reason.label for reason in DropReason]
