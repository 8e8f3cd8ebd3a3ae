"""``rtcsplit explain``: a session log for people, with the likely cause of a failed or bad call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..errors import UsageError
from ..transceiver.explanation import explain
from ..transceiver.session_facts import Facts, read_facts

__all__ = ["explain_command"]


@click.command("explain")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def explain_command(file: Path) -> None:
    """Say why the call of a session log failed or was bad."""
    try:
        facts = read_facts(file.read_text("utf-8").splitlines())
    except UnicodeDecodeError:
        raise UsageError("this is no session log: it is not text") from None
    for at, category, event, data in facts.events:
        click.echo(_printable(f"{at:10.3f} s  {category}.{event}{_words(event, data)}"))
    click.echo()
    for line in _verdict(facts):
        click.echo(line)


def _verdict(facts: Facts) -> list[str]:
    found = explain(facts)
    if not found:
        return ["Nothing was amiss."]
    likely, *others = found
    lines = [f"Likely cause: {likely.meaning} ({likely.name})", f"  {likely.advice}"]
    for rule in others:
        lines += [f"Besides: {rule.meaning} ({rule.name})", f"  {rule.advice}"]
    return lines


def _words(event: str, data: Mapping[str, Any]) -> str:
    """The facts of an event on one line; those of the end are many, so its empty ones are left out."""
    shown = {key: value for key, value in data.items() if event != "ended" or value not in (None, "", {}, 0)}
    return "".join(f" {key}={_value(value)}" for key, value in shown.items())


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {item}" for key, item in value.items() if item not in (None, 0)) + "}"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _printable(text: str) -> str:
    """A log may come from anywhere; no control character of it reaches the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
