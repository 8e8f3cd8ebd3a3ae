"""The admin port: liveness, readiness, metrics; and an HTTP server that is ours to start and stop."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from rtcsplit.cli.admin import admin_application
from rtcsplit.cli.extras import needs_extra
from rtcsplit.cli.web import serving
from rtcsplit.errors import ConfigurationError, MissingLibraryError
from rtcsplit.wire.address import Address

LOOPBACK = Address.of("127.0.0.1", 0)


class Drops(Collector):
    """A collector whose value changes between scrapes."""

    def __init__(self) -> None:
        self.count = 0

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily("rtcsplit_dropped", "Drops.", labels=["role", "reason"])
        family.add_metric(["relay", "no_flow"], self.count)
        yield family


def client(application: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://admin")


async def test_live_while_not_ready_and_ready_when_told() -> None:
    is_ready = False
    async with client(admin_application(lambda: is_ready)) as http:
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
        is_ready = True
        assert (await http.get("/readyz")).status_code == 200


async def test_metrics_are_read_at_scrape_time() -> None:
    drops = Drops()
    async with client(admin_application(lambda: True, [drops])) as http:
        assert 'rtcsplit_dropped_total{reason="no_flow",role="relay"} 0.0' in (await http.get("/metrics")).text
        drops.count = 7
        text = (await http.get("/metrics")).text
    assert 'rtcsplit_dropped_total{reason="no_flow",role="relay"} 7.0' in text
    assert "process_cpu_seconds_total" in text


async def test_nothing_else_is_on_the_admin_port() -> None:
    async with client(admin_application(lambda: True)) as http:
        assert (await http.get("/")).status_code == 404
        assert (await http.post("/livez")).status_code == 405


async def test_server_listens_while_the_block_runs() -> None:
    application = admin_application(lambda: True)
    async with serving("admin.listen", LOOPBACK, application) as address, httpx.AsyncClient() as http:
        assert (await http.get(f"http://{address}/livez")).text == "ok\n"
    with socket.socket() as probe:
        assert probe.connect_ex((address.host, address.port)) != 0


async def test_port_in_use_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Address.of("127.0.0.1", other.getsockname()[1])
        with pytest.raises(ConfigurationError) as caught:
            async with serving("admin.listen", taken, admin_application(lambda: True)):
                pytest.fail("the port was taken")
    assert (caught.value.key, caught.value.value) == ("admin.listen", str(taken))


async def test_endless_head_is_refused() -> None:
    """I9: what a head may take is limited before anything of ours runs."""
    async with serving("admin.listen", LOOPBACK, admin_application(lambda: True)) as address:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"GET /livez HTTP/1.1\r\nx: " + bytes(9000))
        assert b" 400 " in await reader.readline()
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /livez HTTP/1.1\r\nx: "], ids=["nothing", "half a head"])
async def test_slow_head_is_cut_off(sent: bytes) -> None:
    """I9: a connection without a whole head ends by a total deadline."""
    application = admin_application(lambda: True)
    async with serving("admin.listen", LOOPBACK, application, head_seconds=0.05) as address:
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(sent)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_kept_connection_serves_again() -> None:
    """I9: the deadline of a head ends with the head."""
    async with (
        serving("admin.listen", LOOPBACK, admin_application(lambda: True)) as address,
        httpx.AsyncClient() as http,
    ):
        for _ in range(3):
            assert (await http.get(f"http://{address}/livez")).status_code == 200


@pytest.mark.parametrize(("extra", "library"), [("metrics", "prometheus_client"), ("signaling", "starlette")])
def test_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch, extra: str, library: str) -> None:
    hide(monkeypatch, library)
    with pytest.raises(MissingLibraryError) as caught, needs_extra(extra):
        __import__(f"{library}.applications")
    assert caught.value.library == library
    assert f"rtcsplit[{extra}]" in caught.value.remedy


def test_missing_module_of_our_own_is_not_blamed_on_an_extra() -> None:
    with pytest.raises(ModuleNotFoundError), needs_extra("metrics"):
        __import__("rtcsplit.nowhere")


def hide(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Make imports of ``library`` fail as they do where it is not installed."""
    original = builtins.__import__

    def without(
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - the name that import passes
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if name.partition(".")[0] == library and level == 0:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return original(name, globals, locals, fromlist or (), level)

    monkeypatch.setattr(builtins, "__import__", without)
