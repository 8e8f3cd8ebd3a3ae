"""docs/reference/statistics.md names every field of the statistics, and getStats' members in their spelling."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from rtcsplit.media.statistics import RtpStatistics, SourceStatistics

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "statistics.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (?:`([a-z-]+)`)? ?\| (?:`(\w+)`)? ?\|", PAGE, re.MULTILINE)


def test_page_has_each_field_once() -> None:
    assert sorted(name for name, _, _ in ROWS) == sorted(field.name for field in fields(RtpStatistics))
    assert all(f"`{field.name}`" in PAGE for field in fields(SourceStatistics))


def test_members_have_a_dictionary_and_are_spelt_like_getstats() -> None:
    members = [(dictionary, member) for _, dictionary, member in ROWS if member]
    assert len(set(members)) == len(members)
    assert {dictionary for dictionary, _ in members} == {"inbound-rtp", "outbound-rtp", "remote-inbound-rtp"}
    assert all(re.fullmatch(r"[a-z]+(?:[A-Z][a-z]+)*", member) for _, member in members)
