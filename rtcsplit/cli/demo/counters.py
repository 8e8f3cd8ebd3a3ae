"""The relay's counters, read where an operator reads them: its /metrics in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["RelayReading"]


@dataclass(frozen=True, slots=True)
class RelayReading:
    """One reading, summed over the relay's workers.

    Attributes:
        datagrams: by side and direction, ``public rx``, ``public tx``, ``internal rx``, ``internal tx``.
        flows: by state, ``embryonic`` and ``confirmed``.
        flow_events: by event, those that happened.
        drops: by reason, those that happened.
    """

    datagrams: Mapping[str, int]
    flows: Mapping[str, int]
    flow_events: Mapping[str, int]
    drops: Mapping[str, int]

    @classmethod
    async def fetch(cls, http: httpx.AsyncClient, url: str) -> RelayReading:
        """Read the counters at ``url``.

        Raises:
            httpx.HTTPError: the relay does not answer.
        """
        reply = await http.get(url)
        return cls.parse(reply.raise_for_status().text)

    @classmethod
    def parse(cls, text: str) -> RelayReading:
        """Return the reading that a page of metrics gives."""
        return cls(
            _sums(text, "rtcsplit_relay_datagrams_total", "side", "direction"),
            _sums(text, "rtcsplit_relay_flows", "state"),
            _nonzero(_sums(text, "rtcsplit_relay_flow_events_total", "event")),
            _nonzero(_sums(text, "rtcsplit_dropped_total", "reason")),
        )

    def as_dict(self) -> dict[str, Any]:
        """The reading as JSON has it."""
        return asdict(self)


def _sums(text: str, name: str, *labels: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                key = " ".join(sample.labels[label] for label in labels)
                sums[key] = sums.get(key, 0) + int(sample.value)
    return sums


def _nonzero(sums: Mapping[str, int]) -> dict[str, int]:
    return {key: value for key, value in sums.items() if value}
