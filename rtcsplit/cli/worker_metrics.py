"""The metrics of several workers as one: each sample with the worker that it is of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

__all__ = ["WorkerCollector"]


class WorkerCollector(Collector):
    """Collects what the workers said last; :meth:`refresh` asks them.

    Args:
        ask: returns the metrics of the workers as text, by index.
    """

    def __init__(self, ask: Callable[[], Awaitable[dict[int, str]]]) -> None:
        self._ask = ask
        self._texts: dict[int, str] = {}

    async def refresh(self) -> None:
        """Ask all workers."""
        self._texts = await self._ask()

    def describe(self) -> Iterable[Metric]:
        """Nothing that is known before it is asked for."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Yield every metric of the workers once, with ``worker`` added to its labels."""
        families: dict[str, Metric] = {}
        for index, text in sorted(self._texts.items()):
            for family in text_string_to_metric_families(text):
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                merged.samples += [
                    Sample(sample.name, {**sample.labels, "worker": str(index)}, sample.value)
                    for sample in family.samples
                ]
        return families.values()
