"""The reference page of the commands names the commands and options that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from rtcsplit.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text()


def commands(group: click.Group, path: str = "rtcsplit") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands(main))


def test_page_lists_the_commands() -> None:
    assert set(re.findall(r"^\| `(rtcsplit [a-z ]+)` \|", PAGE, re.MULTILINE)) == set(COMMANDS)


def test_page_lists_the_events_that_are_logged() -> None:
    sources = "".join(path.read_text() for path in (Path(__file__).parents[2] / "rtcsplit").rglob("*.py"))
    logged = set(re.findall(r"log(?:ger)?\.(?:info|warning|error|exception)\(\s*\"(\w+)\"", sources, re.IGNORECASE))
    assert set(re.findall(r"^\| `(\w+)` \| (?:info|warning|error) \|", PAGE, re.MULTILINE)) == logged


@pytest.mark.parametrize("path", COMMANDS)
def test_page_names_each_option(path: str) -> None:
    options = [parameter.opts[0] for parameter in COMMANDS[path].params if isinstance(parameter, click.Option)]
    assert [option for option in options if f"`{option}" not in PAGE] == []
