"""docs/reference/statistics.md names every field of the statistics, and getStats' members in their spelling."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from rtcsplit.media.statistics import RtpStatistics, SourceStatistics
from rtcsplit.transceiver.transport_statistics import TransportStatistics

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "statistics.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (?:`([a-z-]+)`)? ?\| (?:`(\w+)`)? ?\|", PAGE, re.MULTILINE)


def test_page_has_each_field_once() -> None:
    known = [field.name for kind in (RtpStatistics, TransportStatistics) for field in fields(kind)]
    assert sorted(name for name, _, _ in ROWS) == sorted(known)
    assert all(f"`{field.name}`" in PAGE for field in fields(SourceStatistics))


def test_members_have_a_dictionary_and_are_spelt_like_getstats() -> None:
    members = [(dictionary, member) for _, dictionary, member in ROWS if member]
    assert len(set(members)) == len(members)
    rtp = {"inbound-rtp", "outbound-rtp", "remote-inbound-rtp"}
    assert {dictionary for dictionary, _ in members} == rtp | {"transport", "remote-candidate"}
    assert all(re.fullmatch(r"[a-z]+(?:[A-Z][a-z]+)*", member) for _, member in members)
