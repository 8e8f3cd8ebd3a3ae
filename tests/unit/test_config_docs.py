"""The reference page of the configuration names the keys that exist, with their defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec import NODEFAULT
from msgspec.structs import FieldInfo, fields

from rtcsplit.cli.config import GatewayConfig, RelayConfig
from rtcsplit.cli.config.relay import available_cpus
from rtcsplit.cli.decode import section_of
from rtcsplit.cli.values import render

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
SECTIONS = {field.name: section_of(field) for shape in (RelayConfig, GatewayConfig) for field in fields(shape)}


def documented(section: str) -> dict[str, str]:
    """Return key and default of each row below the section's heading."""
    text = PAGE.read_text().partition(f"### `[{section}]`\n")[2].partition("\n#")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) ?\|", text, re.MULTILINE))


def default_of(field: FieldInfo) -> str:
    if field.required:
        return "required"
    if field.default_factory is available_cpus:
        return "CPUs of the process"
    value = field.default if field.default is not NODEFAULT else field.default_factory()
    return "" if value is None else f"`{render(value)}`"


@pytest.mark.parametrize("section", SECTIONS)
def test_page_has_each_key_of_the_section_with_its_default(section: str) -> None:
    assert documented(section) == {field.name: default_of(field) for field in fields(SECTIONS[section])}


def test_page_has_no_other_section() -> None:
    assert set(re.findall(r"^### `\[(\w+)\]`$", PAGE.read_text(), re.MULTILINE)) == set(SECTIONS)
