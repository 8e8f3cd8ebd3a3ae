"""The voice's metrics: each name counts what its page says, on virtual time; every series is there from the start."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rtcsplit.gateway.voice_counters import VoiceTotals
from rtcsplit.gateway.voice_metrics import VoiceCollector
from rtcsplit.gateway.voice_session import VoiceSession
from rtcsplit.media.histogram import Histogram
from rtcsplit.media.missing_packets import MissingPackets
from tests.calls import rtp
from tests.voice_calls import VoiceDesk, encoded, speech

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text("utf-8")


async def silent(session: VoiceSession) -> None:
    await session.wait_closed()


def scrape(desk: VoiceDesk) -> dict[str, float]:
    """Samples by name and labels."""
    registry = CollectorRegistry()
    registry.register(VoiceCollector(desk.application))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_every_series_is_there_from_the_start_and_documented() -> None:
    found = scrape(VoiceDesk(silent))
    assert set(found.values()) == {0.0}
    fates = [name for name in found if name.startswith("rtcsplit_rtp_packets_total")]
    assert [name.split(" ", 1)[1] for name in fates] == [
        *("in played", "in late", "in lost", "in duplicate"),
        *("out played", "out lost"),
    ]
    families = {re.sub("_(bucket|count|sum)$", "", name.split(" ")[0]) for name in found}
    assert families <= set(re.findall(r"`(rtcsplit_\w+)`", PAGE))


async def test_rtp_packets_total_and_rtp_recovered_total() -> None:
    """One of ten packets is lost and concealed, one comes too late."""
    desk = VoiceDesk(silent)
    _, client = await desk.dial()
    payloads = encoded(speech())[:30]
    for number, payload in enumerate(payloads, 1):
        if number not in (10, 20):
            client.send_rtp(rtp(number, payload))
        await desk.run_for(0.02)
    client.send_rtp(rtp(20, payloads[19]))
    await desk.run_for(0.3)
    found = scrape(desk)
    assert found["rtcsplit_rtp_packets_total in played"] == 28
    assert found["rtcsplit_rtp_packets_total in late"] == 1
    assert found["rtcsplit_rtp_packets_total in lost"] == 1
    recovered = {by: found[f"rtcsplit_rtp_recovered_total {by}"] for by in ("fec", "concealed", "red", "nack")}
    assert recovered["fec"] + recovered["concealed"] == pytest.approx(2, abs=1)
    assert recovered["red"] == recovered["nack"] == 0
    await desk.hang_up(client)
    assert scrape(desk)["rtcsplit_rtp_packets_total in late"] == 1, "a call that is over still counts"


def test_rtp_recovered_total_by_nack_counts_what_was_asked_for() -> None:
    missing = MissingPackets(0.0)
    for number in (1, 2, 5):
        missing.note(7, number, 0.0)
    missing.note(7, 4, 0.0)
    assert missing.repaired == 0, "it came by itself"
    assert missing.take(0.05, 0.0) == [3]
    missing.note(7, 3, 0.1)
    missing.note(7, 3, 0.1)
    assert missing.repaired == 1


async def test_playout_flush_seconds_and_rtp_packets_out() -> None:
    async def talk(session: VoiceSession) -> None:
        await session.audio_out.write(bytes(2 * 24_000))
        await session.wait_closed()

    desk = VoiceDesk(talk)
    await desk.dial()
    await desk.run_for(0.2)
    desk.session.audio_out.flush()
    await desk.run_for(0.1)
    found = scrape(desk)
    assert found["rtcsplit_playout_flush_seconds_count"] == 1
    assert found["rtcsplit_playout_flush_seconds_bucket 0.02"] == 1
    assert found["rtcsplit_rtp_packets_total out played"] >= 10
    desk.session.audio_out.flush()
    assert scrape(desk)["rtcsplit_playout_flush_seconds_count"] == 1, "nothing was cut off"


async def test_playout_underruns_total() -> None:
    async def stammer(session: VoiceSession) -> None:
        await session.audio_out.write(bytes(2 * 2_400))
        await session.wait_closed()

    desk = VoiceDesk(stammer)
    await desk.dial()
    await desk.run_for(0.5)
    assert scrape(desk)["rtcsplit_playout_underruns_total"] == 1


async def test_round_trip_jitter_and_jitter_buffer_seconds() -> None:
    """A receiver's report gives one observation of each."""

    async def talk(session: VoiceSession) -> None:
        await session.audio_out.write(bytes(2 * 24_000 * 9))
        await session.wait_closed()

    desk = VoiceDesk(talk)
    call, client = await desk.dial()
    await desk.speak(client, encoded(speech())[:10])
    report = call.remote_report
    assert report is not None
    report.round_trip_time, report.jitter, report.received_at = 0.08, 0.004, desk.desk.network.now
    await desk.run_for(0.1)
    found = scrape(desk)
    for name, seconds in (("round_trip", 0.08), ("jitter", 0.004), ("jitter_buffer", 0.02)):
        assert found[f"rtcsplit_{name}_seconds_count"] == 1
        assert found[f"rtcsplit_{name}_seconds_sum"] == pytest.approx(seconds, abs=0.005)


def test_a_histogram_counts_up_to_each_bound() -> None:
    histogram = Histogram((0.1, 0.2))
    for seconds in (0.05, 0.1, 0.15, 3.0):
        histogram.add(seconds)
    assert histogram.buckets() == [("0.1", 2.0), ("0.2", 3.0), ("+Inf", 4.0)]
    assert histogram.sum == pytest.approx(3.3)


def test_a_loss_that_was_a_delay_does_not_make_a_counter_fall() -> None:
    before, after = VoiceTotals(packets_lost=3), VoiceTotals(packets_lost=2, packets_sent=9)
    assert after.at_least(before) == VoiceTotals(packets_lost=3, packets_sent=9)
