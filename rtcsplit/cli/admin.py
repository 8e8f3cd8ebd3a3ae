"""The admin port: ``/livez``, ``/readyz`` and ``/metrics``, apart from signaling.

Liveness is about this process alone: it answers, so it lives. Readiness is off while starting and while stopping.
Metrics are read when they are scraped: a collector turns the counters of its layer into families, and its registry
is ours, so that nothing of an importing application is exported by accident.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

__all__ = ["admin_application", "registry_of"]


def registry_of(collectors: Iterable[Collector]) -> CollectorRegistry:
    """Return a registry of these collectors and of the process (CPU, memory, descriptors)."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    for collector in collectors:
        registry.register(collector)
    return registry


async def _nothing() -> None:
    """There is nothing to wait for."""


def admin_application(
    is_ready: Callable[[], bool],
    collectors: Iterable[Collector] = (),
    refresh: Callable[[], Awaitable[None]] = _nothing,
) -> Starlette:
    """Return the admin port's application.

    Args:
        is_ready: asked for each ``/readyz``: 200 or 503.
        collectors: of the metrics, besides those of the process (CPU, memory, descriptors).
        refresh: awaited before metrics are read.
    """
    registry = registry_of(collectors)

    async def live(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ready\n") if is_ready() else PlainTextResponse("not ready\n", status_code=503)

    async def metrics(request: Request) -> Response:
        await refresh()
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return Starlette(routes=[Route("/livez", live), Route("/readyz", ready), Route("/metrics", metrics)])
