"""The transceiver's metrics: every series from the start, each of them documented."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rtcsplit import VoiceApplication, VoiceSession
from rtcsplit.gateway.echo import Echo
from rtcsplit.session.certificate import Certificate
from rtcsplit.session.events import EndCause, PathCause
from rtcsplit.transceiver.admission import OfferRefusal
from rtcsplit.transceiver.metrics import TransceiverCollector
from rtcsplit.transceiver.settings import TransceiverSettings
from rtcsplit.transceiver.setup_times import CallSetup, HandshakeOutcome, SetupStage, SetupTimes
from rtcsplit.transceiver.transceiver import Transceiver
from rtcsplit.wire.address import Address
from tests.calls import rtp
from tests.desk import OPUS_20_MS, Desk

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"


async def test_metrics_join_those_of_another_program() -> None:
    """docs/reference/metrics.md: its code, with a registry that looks for names that are taken, as the global one."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    page: dict[str, Any] = {}
    exec(compile(code, "metrics.md", "exec"), page)

    async def talk(session: VoiceSession) -> None: ...

    application = VoiceApplication(talk)
    transceiver = Transceiver(TransceiverSettings(Address.of("127.0.0.1", 0)), application=application)
    registry = CollectorRegistry(auto_describe=True)
    page["export"](transceiver, application, registry)
    with pytest.raises(ValueError, match="Duplicated"):
        page["export"](transceiver, application, registry)
    assert b'rtcsplit_sessions{state="connected"} 0.0' in generate_latest(registry)
    await application.aclose()


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
        "rtcsplit_dtls_handshakes_total": ("outcome", {outcome.value for outcome in HandshakeOutcome}),
        "rtcsplit_session_setup_seconds_count": ("stage", {stage.value for stage in SetupStage}),
    }
    for name, (label, values) in labels.items():
        assert {sample[label] for sample in found[name]} == values
    assert found["rtcsplit_draining"] == [{"role": "transceiver"}]
    assert found["rtcsplit_socket_overflow_total"] == [{"role": "transceiver"}]
    for name in ("ice_restarts", "flow_conflicts", "packets_rescued"):
        assert found[f"rtcsplit_{name}_total"] == [{}]


async def test_what_the_kernel_drops_is_counted() -> None:
    """A datagram that never came up has no reason of ours; that there were any has to be seen."""
    settings = TransceiverSettings(Address.of("127.0.0.1", 0), receive_buffer_bytes=4096)
    async with Transceiver(settings, application=Echo()) as transceiver:
        assert transceiver.counters().socket_overflow == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(1000):  # the loop has no turn meanwhile
                stranger.sendto(bytes(1000), (transceiver.address.host, transceiver.address.port))
        counters = transceiver.counters()
        assert 0 < counters.socket_overflow < 1000
        while sum(transceiver.counters().drops.values()) + counters.socket_overflow < 1000:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_every_metric_and_cause_is_documented() -> None:
    page = PAGE.read_text("utf-8")
    families = {re.sub("_(bucket|count|sum)$", "", name) for name in samples()}
    assert families <= set(re.findall(r"`(rtcsplit_\w+)`", page))
    causes = page.partition("| why a session ended |")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", causes, re.MULTILINE)) == {cause.value for cause in EndCause}


def counts(times: SetupTimes) -> dict[str, float]:
    return {stage.value: histogram.buckets()[-1][1] for stage, histogram in times.stages.items()}


def test_session_setup_seconds_and_dtls_handshakes_total() -> None:
    """Each stage once per call, however many checks and packets come."""
    desk = Desk()
    calls = [desk.dial() for _ in range(2)]
    desk.connect(*(client for _, client in calls))
    for number in range(1, 4):
        calls[0][1].send_rtp(rtp(number, OPUS_20_MS))
    desk.network.run_for(3.0)
    times = desk.board.setup
    assert counts(times) == {"answer": 0, "first_check": 2, "dtls": 2, "first_media": 1, "data_channel": 0}
    assert 0 < times.stages[SetupStage.DTLS].sum < 1.0
    assert times.handshakes == {HandshakeOutcome.COMPLETED: 2}


def test_handshakes_that_do_not_complete_are_counted_by_why() -> None:
    """One whose client has another certificate than it said, and one that is closed meanwhile."""
    desk = Desk()
    _, impostor = desk.dial(certificate=Certificate.generate())
    desk.network.run_for(2.0)
    assert impostor.srtp is None
    assert desk.board.setup.handshakes == {HandshakeOutcome.FAILED: 1}
    call, client = desk.dial()
    desk.receive(client.check(), client.path, desk.network.now)
    call.close()
    desk.network.exchange()
    assert desk.board.setup.handshakes[HandshakeOutcome.ABANDONED] == 1


def test_the_first_open_data_channel_is_a_stage_and_so_is_the_answer() -> None:
    times, setup = SetupTimes(), CallSetup(1.0)
    times.answered(0.002)
    times.checked(setup, 1.1)
    times.checked(setup, 1.2)
    times.connected(setup, 1.4)
    times.opened(setup, 1.5)
    times.opened(setup, 9.0)
    assert counts(times) == {"answer": 1, "first_check": 1, "dtls": 1, "first_media": 0, "data_channel": 1}
    assert times.stages[SetupStage.DTLS].sum == pytest.approx(0.3)
    times.ended(setup, EndCause.HANDSHAKE_FAILED)
    late = CallSetup(1.0)
    times.checked(late, 2.0)
    times.ended(late, EndCause.HANDSHAKE_TIMEOUT)
    times.ended(CallSetup(1.0), EndCause.CHECK_TIMEOUT)
    assert times.handshakes == {HandshakeOutcome.COMPLETED: 1, HandshakeOutcome.TIMED_OUT: 1}
