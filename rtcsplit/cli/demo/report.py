"""What the demo prints, and when it says that the call worked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .counters import RelayReading

__all__ = ["LIMITS", "faults", "heading", "live_line", "summary"]

Outcome = Mapping[str, Any]

# The call worked if all of these hold. They are wide for a loaded machine, and narrow against a broken call: a wrong
# or missing sentence has a similarity under 0.6, a call held up by a lost handshake flight takes a second longer.
LIMITS: Mapping[str, float] = {
    "first audio back at most, seconds": 3.0,
    "round trip p99 at most, seconds": 0.2,
    "packets that did not come back at most, of one": 0.01,
    "similarity at least, of one": 0.95,
}
_FIRST_AUDIO, _ROUND_TRIP, _LOSS, _SIMILARITY = LIMITS.values()

_PHASES = {
    "http": "HTTP: the offer is answered",
    "check": "first connectivity check answered",
    "dtls": "DTLS done, keys for SRTP exist",
    "audio": "first audio back",
}
_METER_WIDTH = 12
_METER_FLOOR_DBOV = -60.0


def heading(relay: tuple[str, int], transceiver: tuple[str, int], whip_url: str) -> str:
    """Return the first lines: who runs where; each of ``relay`` and ``transceiver`` is (address, pid)."""
    return "\n".join(
        (
            "rtcsplit demo: a call through a relay process and a transceiver process, on loopback",
            f"  relay        UDP {relay[0]:<21} pid {relay[1]:<8} the only public port",
            f"  transceiver  UDP {transceiver[0]:<21} pid {transceiver[1]:<8} internal; WHIP at {whip_url}",
            "",
        )
    )


def live_line(event: Outcome) -> str | None:
    """Return the line for an event of the client, None for one that has none."""
    if event["event"] == "phase":
        return f"  {_ms(event['seconds'])}  {_PHASES[event['phase']]}"
    if event["event"] != "progress":
        return None
    return (
        f"  {event['seconds']:>5} s   {_meter(event['level_sent_dbov'])} said  "
        f"{_meter(event['level_returned_dbov'])} heard   "
        f"{event['packets_sent']:>4} sent {event['packets_returned']:>4} back   "
        f"round trip p50 {_ms(event['round_trip_p50'])}  p99 {_ms(event['round_trip_p99'])}"
    )


def summary(outcome: Outcome, relay: RelayReading, relay_address: str) -> str:
    """Return the summary of a finished call."""
    phases, sent, back = outcome["phases"], outcome["packets_sent"], outcome["packets_returned"]
    setup = ", ".join(f"{name} {_ms(phases.get(phase)).strip()}" for phase, name in _SHORT.items())
    found = faults(outcome, relay, relay_address)
    lines = (
        "",
        "Summary",
        f"  setup         {setup} (since the offer left)",
        f"  round trip    p50 {_ms(outcome['round_trip_p50']).strip()}, p99 {_ms(outcome['round_trip_p99']).strip()} "
        f"({outcome['round_trips']} packets, each matched to the sent one by its payload)",
        f"  packets       {sent} sent, {back} back; lost {_lost(outcome)} of {sent} "
        f"(up {_count(outcome['lost_up'])}, down {_count(outcome['lost_down'])} by RTCP), "
        f"foreign {outcome['packets_foreign']}",
        f"  audio         similarity {outcome['similarity']:.4f} (correlation of band envelopes), "
        f"gain {outcome['gain_db']:+.1f} dB",
        f"  path          {outcome['selected_candidate']}, the relay's address is {relay_address}",
        *_relay_lines(relay),
        "",
        "The call worked." if not found else "The call did not work:",
        *(f"  - {fault}" for fault in found),
    )
    return "\n".join(lines)


def faults(outcome: Outcome, relay: RelayReading, relay_address: str) -> list[str]:
    """Return what keeps the call from having worked, as phrases; empty if it did."""
    phases, sent = outcome["phases"], outcome["packets_sent"]
    found = []
    if "audio" not in phases or sent == 0:
        return ["no audio came back"]
    if phases["audio"] > _FIRST_AUDIO:
        found.append(f"first audio back after {phases['audio']:.2f} s, at most {_FIRST_AUDIO:g} s is good")
    p99 = outcome["round_trip_p99"]
    if p99 is None or p99 > _ROUND_TRIP:
        found.append(f"round trip p99 is {_ms(p99)}, at most {_ROUND_TRIP * 1000:g} ms is good")
    if _lost(outcome) > _LOSS * sent:
        found.append(f"{_lost(outcome)} of {sent} packets did not come back, at most {_LOSS:.0%} is good")
    if outcome["packets_foreign"]:
        found.append(f"{outcome['packets_foreign']} packets came back that were never sent")
    if outcome["similarity"] < _SIMILARITY:
        found.append(f"similarity is {outcome['similarity']:.3f}, at least {_SIMILARITY:g} is good")
    if outcome["selected_candidate"] != relay_address:
        found.append(f"media went to {outcome['selected_candidate']}, not to the relay at {relay_address}")
    if not relay.flows.get("confirmed"):
        found.append("the relay has no confirmed flow")
    return found


_SHORT = {"http": "HTTP", "check": "check", "dtls": "DTLS", "audio": "first audio"}


def _relay_lines(relay: RelayReading) -> tuple[str, ...]:
    datagrams = relay.datagrams.get
    return (
        f"  relay flows   {_listed(relay.flows)}; events: {_listed(relay.flow_events)}",
        f"  relay up      {datagrams('public rx', 0)} datagrams in, {datagrams('internal tx', 0)} out",
        f"  relay down    {datagrams('internal rx', 0)} datagrams in, {datagrams('public tx', 0)} out",
        f"  relay drops   {_listed(relay.drops)}",
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def _lost(outcome: Outcome) -> int:
    return max(0, int(outcome["packets_sent"]) - int(outcome["packets_returned"]))


def _count(value: int | None) -> str:
    return "unknown" if value is None else str(value)


def _ms(seconds: float | None) -> str:
    return "   unknown" if seconds is None else f"{seconds * 1000:7.2f} ms"


def _meter(level_dbov: float) -> str:
    share = min(1.0, max(0.0, 1.0 - level_dbov / _METER_FLOOR_DBOV))
    filled = round(share * _METER_WIDTH)
    return "█" * filled + "·" * (_METER_WIDTH - filled)
