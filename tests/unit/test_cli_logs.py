"""Log lines are JSON with fixed first keys."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from rtcsplit.cli.logs import set_up_logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up_logs("relay", stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def test_line_begins_with_the_keys_everyone_greps_for(stream: io.StringIO) -> None:
    logging.getLogger("rtcsplit.relay").warning("flow_conflict", extra={"session": "EceM", "worker": 1})
    line = json.loads(stream.getvalue())
    assert list(line)[:5] == ["ts", "level", "event", "session", "role"]
    assert (line["level"], line["event"], line["session"], line["role"], line["worker"]) == (
        "warning",
        "flow_conflict",
        "EceM",
        "relay",
        1,
    )


def test_exception_and_odd_values_stay_on_one_line(stream: io.StringIO) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("x").exception("failed\nhere", extra={"thing": object()})
    assert stream.getvalue().count("\n") == 1
    assert "two\nlines" in json.loads(stream.getvalue())["exception"]


def test_debug_is_quiet(stream: io.StringIO) -> None:
    logging.getLogger("x").debug("detail")
    assert stream.getvalue() == ""
