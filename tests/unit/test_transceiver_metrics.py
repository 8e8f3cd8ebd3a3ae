"""The transceiver's metrics: every series from the start, each of them documented."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rtcsplit.gateway.echo import Echo
from rtcsplit.session.events import EndCause, PathCause
from rtcsplit.transceiver.admission import OfferRefusal
from rtcsplit.transceiver.metrics import TransceiverCollector
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


def samples() -> dict[str, list[dict[str, str]]]:
    transceiver = Transceiver(TransceiverSettings(Address.of("127.0.0.1", 0)), application=Echo())
    registry = CollectorRegistry()
    registry.register(TransceiverCollector(transceiver.counters))
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                found.setdefault(sample.name, []).append(sample.labels)
    return found


def test_every_series_exists_from_the_start() -> None:
    found = samples()
    labels = {
        "rtcsplit_sessions": ("state", {"checking", "handshaking", "connected"}),
        "rtcsplit_offers_refused_total": ("reason", {reason.value for reason in OfferRefusal}),
        "rtcsplit_sessions_ended_total": ("cause", {cause.value for cause in EndCause}),
        "rtcsplit_path_changes_total": ("cause", {cause.value for cause in PathCause}),
    }
    for name, (label, values) in labels.items():
        assert {sample[label] for sample in found[name]} == values
    assert found["rtcsplit_draining"] == found["rtcsplit_ice_restarts_total"] == [{}]


def test_every_metric_and_cause_is_documented() -> None:
    page = PAGE.read_text("utf-8")
    assert set(samples()) <= set(re.findall(r"`(rtcsplit_\w+)`", page))
    causes = page.partition("| why a session ended |")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", causes, re.MULTILINE)) == {cause.value for cause in EndCause}
