"""The demo's verdict: each thing that can be wrong with a call is named, and a good call has none."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsplit.cli.demo.counters import RelayReading
from rtcsplit.cli.demo.report import faults, live_line, summary

RELAY = "127.0.0.1:3478"
GOOD: dict[str, Any] = {
    "event": "finished",
    "phases": {"http": 0.01, "check": 0.02, "dtls": 0.05, "audio": 0.07},
    "packets_sent": 400,
    "packets_returned": 400,
    "packets_foreign": 0,
    "round_trips": 390,
    "round_trip_p50": 0.001,
    "round_trip_p99": 0.003,
    "lost_up": 0,
    "lost_down": None,
    "similarity": 0.999,
    "gain_db": 0.0,
    "selected_candidate": RELAY,
}
READING = RelayReading({"public rx": 420, "internal tx": 420}, {"confirmed": 1}, {"created": 1}, {"no_flow": 2})


def test_good_call_has_no_fault_and_says_so() -> None:
    assert faults(GOOD, READING, RELAY) == []
    text = summary(GOOD, READING, RELAY)
    assert "The call worked." in text
    assert "no_flow 2" in text


@pytest.mark.parametrize(
    ("changed", "reading"),
    [
        pytest.param({"phases": {"http": 0.01}}, READING, id="no-audio"),
        pytest.param({"phases": {"audio": 3.1}}, READING, id="slow-setup"),
        pytest.param({"round_trip_p99": 0.21}, READING, id="slow-echo"),
        pytest.param({"round_trip_p99": None}, READING, id="echo-not-timed"),
        pytest.param({"packets_returned": 395}, READING, id="loss"),
        pytest.param({"packets_foreign": 1}, READING, id="audio-of-somebody-else"),
        pytest.param({"similarity": 0.94}, READING, id="other-audio"),
        pytest.param({"selected_candidate": "127.0.0.1:9"}, READING, id="not-through-the-relay"),
        pytest.param({}, RelayReading({}, {"confirmed": 0}, {}, {}), id="no-flow"),
    ],
)
def test_each_fault_is_found(changed: dict[str, Any], reading: RelayReading) -> None:
    outcome = GOOD | changed
    assert len(faults(outcome, reading, RELAY)) == 1
    assert "The call did not work:" in summary(outcome, reading, RELAY)


def test_loss_within_the_limit_is_no_fault() -> None:
    assert faults(GOOD | {"packets_returned": 396}, READING, RELAY) == []


def test_events_become_lines() -> None:
    progress = GOOD | {"event": "progress", "seconds": 2, "level_sent_dbov": -20.0, "level_returned_dbov": -127.0}
    assert "DTLS" in (live_line({"event": "phase", "phase": "dtls", "seconds": 0.05}) or "")
    assert "400 sent" in (live_line(progress) or "")
    assert live_line(GOOD) is None


METRICS = """
# TYPE rtcsplit_relay_datagrams counter
rtcsplit_relay_datagrams_total{side="public",direction="rx",worker="0"} 10.0
rtcsplit_relay_datagrams_total{side="public",direction="rx",worker="1"} 5.0
rtcsplit_relay_datagrams_total{side="internal",direction="tx",worker="0"} 9.0
# TYPE rtcsplit_relay_flows gauge
rtcsplit_relay_flows{state="confirmed",worker="0"} 1.0
rtcsplit_relay_flows{state="embryonic",worker="0"} 0.0
# TYPE rtcsplit_relay_flow_events counter
rtcsplit_relay_flow_events_total{event="created"} 2.0
rtcsplit_relay_flow_events_total{event="expired"} 0.0
# TYPE rtcsplit_dropped counter
rtcsplit_dropped_total{role="relay",reason="no_flow"} 3.0
rtcsplit_dropped_total{role="relay",reason="oversize"} 0.0
"""


def test_metrics_are_summed_over_workers_and_what_did_not_happen_is_left_out() -> None:
    reading = RelayReading.parse(METRICS)
    assert reading.datagrams == {"public rx": 15, "internal tx": 9}
    assert reading.flows == {"confirmed": 1, "embryonic": 0}
    assert reading.flow_events == {"created": 2}
    assert reading.drops == {"no_flow": 3}
