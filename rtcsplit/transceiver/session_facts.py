"""What a session log says, as facts that can be asked for. The other end of :mod:`.session_log`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..errors import UsageError
from ..wire.json_text import decode_json

__all__ = ["Facts", "read_facts"]

_RECORD = msgspec.json.Decoder(dict[str, Any])


@dataclass(slots=True)
class Facts:
    """What a log says.

    Attributes:
        events: ``(seconds, category, event, data)`` of each line after the first.
        cause: why the session ended, empty where the log has no end.
        code: of the DTLS error, empty where there was none.
        received: datagrams by kind.
        dropped: of those, by reason.
        statistics: of the audio, empty where there was none.
        since_media: seconds between the last RTP and the end, None where none came.
    """

    events: list[tuple[float, str, str, Mapping[str, Any]]] = field(default_factory=list)
    cause: str = ""
    code: str = ""
    received: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    statistics: Mapping[str, Any] = field(default_factory=dict)
    since_media: float | None = None

    def at(self, name: str) -> float | None:
        """When an event happened first."""
        return next((at for at, _, event, _ in self.events if event == name), None)

    def count(self, name: str) -> int:
        """How often an event happened."""
        return sum(event == name for _, _, event, _ in self.events)

    def took(self, first: str, second: str) -> float:
        """Seconds from one event to another; 0 where either is missing."""
        start, end = self.at(first), self.at(second)
        return 0.0 if start is None or end is None else end - start

    def share_dropped(self, reason: str) -> float:
        """Which part of the RTP that should have counted was dropped for ``reason``."""
        dropped = self.dropped.get(reason, 0)
        return dropped / max(1, dropped + self.number("packets_received"))

    def share_lost(self) -> float:
        """Which part of the client's RTP never came."""
        lost = max(0, self.number("packets_lost"))
        return lost / max(1, lost + self.number("packets_received"))

    def number(self, name: str) -> float:
        """A value of the statistics, 0 where there is none."""
        return float(self.statistics.get(name) or 0)

    @property
    def lasted(self) -> float:
        """Seconds from the answer to the last event."""
        return max((at for at, *_ in self.events), default=0.0)

    @property
    def was_given_up(self) -> bool:
        """Whether somebody closed the call before it was connected."""
        return self.cause == "closed" and self.at("connected") is None

    @property
    def lacks_checks(self) -> bool:
        """Whether it failed because no authentic check came, by the deadline or until it was given up."""
        has_failed = self.was_given_up and self.at("address_authenticated") is None
        return self.cause == "check_timeout" or has_failed

    @property
    def lacks_keys(self) -> bool:
        """Whether it failed because DTLS was not finished, likewise."""
        has_failed = self.was_given_up and self.at("address_authenticated") is not None
        return self.cause == "handshake_timeout" or has_failed

    @property
    def is_receiving(self) -> bool:
        """Whether the client was to send audio."""
        accepted = next((data for _, _, event, data in self.events if event == "accepted"), {})
        return accepted.get("direction") in ("sendrecv", "recvonly")

    @property
    def longest_gap(self) -> float:
        """Seconds of the longest pause in the client's audio that another packet ended."""
        return max((float(data["seconds"]) for _, _, event, data in self.events if event == "gap"), default=0.0)


def read_facts(lines: Iterable[str]) -> Facts:
    """Read a log. The beginning of a line at its end is left out: the process was killed while it wrote that.

    Raises:
        UsageError: this is no session log, or not of this version.
    """
    written = list(filter(str.strip, lines))
    if not written:
        raise UsageError("this is no session log: it is empty")
    header = _record(written.pop(0))
    if header.get("log") != "rtcsplit session log" or header.get("version") != 1:
        raise UsageError("this is no session log of version 1")
    if written and _is_cut(written[-1]):
        written.pop()
    facts = Facts()
    for line in written:
        _take(facts, _record(line))
    return facts


def _is_cut(line: str) -> bool:
    try:
        decode_json(line, _RECORD)
    except msgspec.DecodeError:
        return line.startswith("{")
    return False


def _record(line: str) -> dict[str, Any]:
    try:
        return decode_json(line, _RECORD)
    except msgspec.ValidationError:
        raise UsageError("this is no session log: a line is no object") from None
    except msgspec.DecodeError:
        raise UsageError("this is no session log: a line is not JSON") from None


def _take(facts: Facts, record: Mapping[str, Any]) -> None:
    try:
        at, category, event, data = (record[key] for key in ("time", "category", "event", "data"))
        facts.events.append((float(at), str(category), str(event), dict(data)))
        if event == "ended":
            facts.cause, facts.code = str(data["cause"]), str(data["code"])
            facts.received, facts.dropped = dict(data["received"]), dict(data["dropped"])
            facts.statistics, facts.since_media = dict(data["statistics"] or {}), data["since_media"]
    except (KeyError, TypeError, ValueError):
        raise UsageError("this is no session log: a line lacks time, category, event or data") from None
