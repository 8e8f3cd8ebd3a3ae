"""Metrics of signaling's HTTP requests."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rtcsplit.signaling.http_counters import CountedRequests, HttpCounters
from rtcsplit.signaling.http_metrics import HttpCollector

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text("utf-8")


async def handle(request: Request) -> Response:
    if request.path_params["id"] == "broken":
        raise RuntimeError
    return Response(status_code=201)


async def scrape(*requests: tuple[str, str]) -> dict[tuple[str, ...], float]:
    """Make the requests; samples by name and labels."""
    counters, times = HttpCounters(), iter(range(100))
    application = Starlette(routes=[Route("/whip/{id}", handle, methods=["POST"])])
    counted = CountedRequests(application, counters, clock=lambda: float(next(times)))
    transport = httpx.ASGITransport(counted, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://calls.test") as http:
        for method, path in requests:
            await http.request(method, path)
    registry = CollectorRegistry()
    registry.register(HttpCollector(counters))
    names = {"rtcsplit_http_requests_total", "rtcsplit_http_request_seconds_sum"}
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name in names
    }


async def test_http_requests_total_and_http_request_seconds() -> None:
    found = await scrape(("POST", "/whip/a"), ("POST", "/whip/b"), ("POST", "/whip/broken"))
    assert found == {
        ("rtcsplit_http_requests_total", "POST", "/whip/{id}", "201"): 2.0,
        ("rtcsplit_http_request_seconds_sum", "POST", "/whip/{id}", "201"): pytest.approx(2.0),
        ("rtcsplit_http_requests_total", "POST", "/whip/{id}", "500"): 1.0,
        ("rtcsplit_http_request_seconds_sum", "POST", "/whip/{id}", "500"): pytest.approx(1.0),
    }


async def test_no_label_has_a_value_of_the_clients() -> None:
    found = await scrape(("BREW", "/whip/a"), ("GET", "/x"), ("GET", "/y"))
    requests = {
        labels: count
        for (name, *labels), count in found.items()
        if name.endswith("_total")
        for labels in [tuple(labels)]
    }
    assert requests == {("other", "/whip/{id}", "405"): 1.0, ("GET", "other", "404"): 2.0}


def test_the_names_are_documented() -> None:
    assert {"rtcsplit_http_requests_total", "rtcsplit_http_request_seconds"} <= set(
        re.findall(r"`(rtcsplit_\w+)`", PAGE)
    )
