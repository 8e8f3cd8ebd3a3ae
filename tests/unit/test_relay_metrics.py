"""The relay's metrics: names, types and closed label sets, and values that are its counters."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rtcsplit.drops import DropReason
from rtcsplit.relay.metrics import RelayCollector
from rtcsplit.relay.relay import Relay
from rtcsplit.relay.settings import RelaySettings
from rtcsplit.routing.directory import Directory
from rtcsplit.wire import spp
from rtcsplit.wire.address import Address
from tests.relay_bench import ANY_PORT, DTLS, KEYS, RTP, check, running

Sample = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(relay: Relay) -> Sample:
    registry = CollectorRegistry()
    registry.register(RelayCollector(relay))
    text = generate_latest(registry).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def value(of: Sample, name: str, **labels: str) -> float:
    return of[name, frozenset(labels.items())]


async def test_what_was_counted_is_exported():
    async with running(workers=2) as bench:
        header, via = await bench.open_flow()
        bench.first.send(header + DTLS, via)
        await bench.client.receive()
        bench.up(RTP, b"")
        counters = await bench.settled(public=3, internal=1)
        exported = samples(bench.relay)
        for index, worker in enumerate(counters.workers):
            labels = {"side": "public", "direction": "rx", "worker": str(index)}
            assert value(exported, "rtcsplit_relay_datagrams_total", **labels) == worker.public_rx.datagrams
            assert value(exported, "rtcsplit_relay_bytes_total", **labels) == worker.public_rx.bytes
            flows = value(exported, "rtcsplit_relay_flows", state="confirmed", worker=str(index))
            assert flows == worker.confirmed_flows
            assert value(exported, "rtcsplit_socket_overflow_total", role="relay", worker=str(index)) == 0
        assert value(exported, "rtcsplit_relay_classified_total", kind="stun") == 1
        assert value(exported, "rtcsplit_relay_classified_total", kind="other") == 1
        assert value(exported, "rtcsplit_dropped_total", role="relay", reason="too_short") == 1
        assert value(exported, "rtcsplit_relay_flow_events_total", event="confirmed") == 1
        assert value(exported, "rtcsplit_relay_routes") == 2
        assert value(exported, "rtcsplit_relay_hint_keys") == 1


def test_every_series_exists_from_the_start():
    """A counter that appears with its first event hides that event from rates."""
    exported = samples(Relay(RelaySettings(ANY_PORT, ANY_PORT), KEYS, Directory()))
    reasons = {dict(labels)["reason"] for name, labels in exported if name == "rtcsplit_dropped_total"}
    ours = {reason.label for reason in DropReason if reason < DropReason.STUN_INDICATION}
    assert ours | {"crash_in_flight", "crash_discarded"} == reasons
    events = {dict(labels)["event"] for name, labels in exported if name == "rtcsplit_relay_flow_events_total"}
    assert len(events) == 8


async def test_every_metric_is_documented():
    page = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
    documented = set(re.findall(r"`(rtcsplit_\w+)`", page.read_text("utf-8")))
    async with running() as bench:
        names = {name for name, _ in samples(bench.relay)}
    assert len(names) == 11
    assert names <= documented


async def test_each_thread_of_a_worker_shows_its_cpu_time():
    async with running() as bench:
        await bench.until(lambda now: now.workers[0].uplink_cpu_seconds > 0 and now.workers[0].downlink_cpu_seconds > 0)
        before = bench.relay.counters().workers[0].uplink_cpu_seconds
        for _ in range(500):
            bench.up(RTP)
        await bench.until(lambda now: now.workers[0].uplink_cpu_seconds > before)
        exported = samples(bench.relay)
        for direction in ("uplink", "downlink"):
            labels = {"direction": direction, "worker": "0"}
            assert 0 < value(exported, "rtcsplit_relay_worker_cpu_seconds_total", **labels) < 1


async def test_what_other_relays_send_is_a_side_of_its_own():
    async with running(relay_networks=("127.0.0.0/8",)) as bench:
        relay = bench.peer()
        header = spp.build(Address.of("198.51.100.7", 50000), Address.of("203.0.113.10", 3478))
        relay.send(header + check(), bench.relay.relay_address)
        counters = await bench.settled(relays=1)
        exported = samples(bench.relay)
        labels = {"direction": "rx", "worker": "1"}
        assert value(exported, "rtcsplit_relay_datagrams_total", side="relays", **labels) == 1
        assert value(exported, "rtcsplit_relay_bytes_total", side="relays", **labels) == counters.relays_rx.bytes
        assert value(exported, "rtcsplit_relay_datagrams_total", side="public", direction="rx", worker="0") == 0
        assert ("rtcsplit_relay_datagrams_total", frozenset({"side": "public", **labels}.items())) not in exported
