"""What ``rtcsplit top`` shows, from two scrapes of a relay's metrics: plain values, no terminal.

Needs prometheus-client (``pip install 'rtcsplit[top]'``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from ..errors import RtcsplitError

__all__ = ["DropRow", "Scrape", "View", "WorkerRow"]


class Scrape:
    """The samples of one scrape.

    Args:
        text: in the Prometheus text format.
        at: seconds of a steady clock.

    Raises:
        RtcsplitError: the text is not in that format, or not a relay's.
    """

    def __init__(self, text: str, at: float) -> None:
        self.at = at
        try:
            self._samples = [
                (sample.name, sample.labels, sample.value)
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            ]
        except ValueError:
            raise RtcsplitError("what was answered there is not metrics") from None
        if not self.workers():
            raise RtcsplitError("the metrics there are not a relay's")

    def workers(self) -> list[str]:
        """The workers' numbers."""
        return sorted({labels["worker"] for _, labels, _ in self._of("rtcsplit_relay_flows")}, key=int)

    def reasons(self) -> list[str]:
        """The drop reasons."""
        return [labels["reason"] for _, labels, _ in self._of("rtcsplit_dropped_total")]

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples with these labels, 0 where there are none."""
        return sum(value for _, had, value in self._of(name) if labels.items() <= had.items())

    def label(self, name: str, label: str) -> str:
        """One label of a metric that has one sample."""
        return next((labels.get(label, "") for _, labels, _ in self._of(name)), "")

    def has(self, name: str) -> bool:
        """Whether there is any sample."""
        return any(self._of(name))

    def _of(self, name: str) -> Iterator[tuple[str, dict[str, str], float]]:
        return (sample for sample in self._samples if sample[0] == name)


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker, or all of them.

    Attributes:
        name: its number, or ``all``.
        confirmed, embryonic: flows held.
        up_datagrams, up_bytes: from clients and other relays, per second.
        down_datagrams, down_bytes: to clients and other relays, per second.
        up_cpu, down_cpu: of its threads, as a part of a CPU: 0 to 1 for one worker.
    """

    name: str
    confirmed: int
    embryonic: int
    up_datagrams: float
    up_bytes: float
    down_datagrams: float
    down_bytes: float
    up_cpu: float
    down_cpu: float


@dataclass(frozen=True, slots=True)
class DropRow:
    """One drop reason, or what the kernel dropped: per second, and since the relay's start."""

    reason: str
    rate: float
    total: int


@dataclass(frozen=True, slots=True)
class View:
    """Everything on the screen.

    Attributes:
        version: of the relay.
        routes, hint_keys: gauges.
        flow_cache: ``up``, ``down``, or ``none``.
        workers: one row each, and their sum if there are several.
        drops: of what has happened at all, the most frequent first.
    """

    version: str
    routes: int
    hint_keys: int
    flow_cache: str
    workers: tuple[WorkerRow, ...]
    drops: tuple[DropRow, ...]

    @classmethod
    def between(cls, before: Scrape, after: Scrape) -> View:
        """Return what happened between two scrapes. A relay that was started anew between them had no rates before."""
        names = after.workers()
        rows = [_worker(before, after, name, worker=name) for name in names]
        if len(names) > 1:
            rows.append(_worker(before, after, "all"))
        has_cache = after.has("rtcsplit_flow_cache_up")
        is_up = after.total("rtcsplit_flow_cache_up") == 1
        return cls(
            version=after.label("rtcsplit_build_info", "version"),
            routes=int(after.total("rtcsplit_relay_routes")),
            hint_keys=int(after.total("rtcsplit_relay_hint_keys")),
            flow_cache=("up" if is_up else "down") if has_cache else "none",
            workers=tuple(rows),
            drops=_drops(before, after),
        )


def _rate(before: Scrape, after: Scrape, name: str, **labels: str) -> float:
    gone = after.total(name, **labels) - before.total(name, **labels)
    return max(0.0, gone) / max(after.at - before.at, 1e-3)


def _worker(before: Scrape, after: Scrape, name: str, **labels: str) -> WorkerRow:
    def rate(metric: str, **more: str) -> float:
        return _rate(before, after, metric, **labels, **more)

    def front(metric: str, direction: str) -> float:
        return sum(rate(metric, side=side, direction=direction) for side in ("public", "relays"))

    return WorkerRow(
        name=name,
        confirmed=int(after.total("rtcsplit_relay_flows", state="confirmed", **labels)),
        embryonic=int(after.total("rtcsplit_relay_flows", state="embryonic", **labels)),
        up_datagrams=front("rtcsplit_relay_datagrams_total", "rx"),
        up_bytes=front("rtcsplit_relay_bytes_total", "rx"),
        down_datagrams=front("rtcsplit_relay_datagrams_total", "tx"),
        down_bytes=front("rtcsplit_relay_bytes_total", "tx"),
        up_cpu=rate("rtcsplit_relay_worker_cpu_seconds_total", direction="uplink"),
        down_cpu=rate("rtcsplit_relay_worker_cpu_seconds_total", direction="downlink"),
    )


def _drops(before: Scrape, after: Scrape) -> tuple[DropRow, ...]:
    rows = [
        DropRow(
            reason,
            _rate(before, after, "rtcsplit_dropped_total", reason=reason),
            int(after.total("rtcsplit_dropped_total", reason=reason)),
        )
        for reason in after.reasons()
    ]
    overflow = "rtcsplit_socket_overflow_total"
    rows.append(DropRow("(kernel)", _rate(before, after, overflow), int(after.total(overflow))))
    return tuple(sorted((row for row in rows if row.total), key=lambda row: (-row.rate, -row.total, row.reason)))
