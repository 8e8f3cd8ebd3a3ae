"""``rtcsplit explain``."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from rtcsplit.cli.main import main

HEADER = '{"log":"rtcsplit session log","version":1,"session":"EceMMy","started":"2026-01-01T00:00:00.000+00:00"}'


def explained(tmp_path: Path, *lines: object) -> Result:
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join([HEADER, *map(json.dumps, lines)]))
    return CliRunner().invoke(main, ["explain", str(file)])


def event(at: float, category: str, name: str, **data: object) -> dict[str, object]:
    return {"time": at, "category": category, "event": name, "data": data}


def ended(cause: str, **changes: object) -> dict[str, object]:
    data = {"code": "", "detail": "", "received": {}, "dropped": {}, "since_media": None, "statistics": None}
    return event(30.0, "session", "ended", **{"cause": cause, **data, **changes})


def test_the_story_comes_first_and_the_likely_cause_last(tmp_path: Path) -> None:
    accepted = event(0.0, "session", "accepted", candidates=["203.0.113.10:3478"], direction="sendrecv")
    end = ended("check_timeout", received={"stun": 2}, dropped={"stun_unauthorized": 2})
    result = explained(tmp_path, accepted, end)
    assert result.exit_code == 0
    story, _, verdict = result.stdout.partition("\n\n")
    assert story.splitlines() == [
        "     0.000 s  session.accepted candidates=203.0.113.10:3478 direction=sendrecv",
        "    30.000 s  session.ended cause=check_timeout received={stun: 2} dropped={stun_unauthorized: 2}",
    ]
    assert verdict.startswith("Likely cause: The client's checks arrived, with another password")
    assert "(wrong_credentials)" in verdict


def test_a_good_call_says_so(tmp_path: Path) -> None:
    story = [event(0.2, "ice", "address_authenticated"), event(0.3, "dtls", "connected")]
    assert explained(tmp_path, *story, ended("closed")).stdout.endswith("\n\nNothing was amiss.\n")


def test_nothing_of_a_log_controls_the_terminal(tmp_path: Path) -> None:
    result = explained(tmp_path, event(0.0, "session", "\x1b[2Jaccepted", x="\x07"), ended("closed"))
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout


def test_what_is_no_log_is_one_line_and_status_1(tmp_path: Path) -> None:
    for octets in (b"", b"hello", b"\xff\xfe"):
        (tmp_path / "other").write_bytes(octets)
        result = CliRunner().invoke(main, ["explain", str(tmp_path / "other")])
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
