"""``rtcsplit top``: what it shows of two scrapes, and of a relay that runs."""

from __future__ import annotations

import contextlib
import http.server
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from rtcsplit.cli.main import main
from rtcsplit.cli.top_screen import screen
from rtcsplit.cli.top_view import DropRow, Scrape, View
from rtcsplit.errors import RtcsplitError
from tests.processes import running

RELAY = f"""
[relay]
listen = "127.0.0.1:0"
upstream = "127.0.0.1:0"
directory = "directory.toml"
workers = 2
confirmed_flows = 1024
[hint_keys]
secrets.1 = "{bytes(range(32)).hex()}"
[admin]
listen = "127.0.0.1:0"
"""


def metrics(datagrams: int = 0, drops: int = 0, overflow: int = 0, cpu: float = 0.0, workers: int = 2) -> str:
    lines = [
        'rtcsplit_build_info{version="0.1.0",role="relay"} 1',
        "rtcsplit_relay_routes 3",
        "rtcsplit_relay_hint_keys 2",
    ]
    for worker in range(workers):
        for direction, factor in (("rx", 1), ("tx", 2)):
            labels = f'{{side="public",direction="{direction}",worker="{worker}"}}'
            lines.append(f"rtcsplit_relay_datagrams_total{labels} {factor * datagrams}")
            lines.append(f"rtcsplit_relay_bytes_total{labels} {100 * factor * datagrams}")
        lines.append(f'rtcsplit_relay_flows{{state="confirmed",worker="{worker}"}} {10 + worker}')
        lines.append(f'rtcsplit_relay_flows{{state="embryonic",worker="{worker}"}} {worker}')
        lines.append(f'rtcsplit_relay_worker_cpu_seconds_total{{direction="uplink",worker="{worker}"}} {cpu}')
        lines.append(f'rtcsplit_relay_worker_cpu_seconds_total{{direction="downlink",worker="{worker}"}} {cpu / 2}')
        lines.append(f'rtcsplit_socket_overflow_total{{role="relay",worker="{worker}"}} {overflow}')
    lines.append(f'rtcsplit_dropped_total{{role="relay",reason="no_flow"}} {drops}')
    lines.append('rtcsplit_dropped_total{role="relay",reason="hint_invalid"} 1')
    lines.append('rtcsplit_dropped_total{role="relay",reason="oversize"} 0')
    return "\n".join(lines) + "\n"


def view(before: str, after: str, seconds: float = 2.0) -> View:
    return View.between(Scrape(before, 100.0), Scrape(after, 100.0 + seconds))


def test_rates_are_per_second_and_worker():
    seen = view(metrics(), metrics(datagrams=100, cpu=1.0))
    first, second, total = seen.workers
    assert (first.name, second.name, total.name) == ("0", "1", "all")
    assert (first.up_datagrams, first.down_datagrams, first.up_bytes, first.down_bytes) == (50, 100, 5000, 10000)
    assert (first.up_cpu, first.down_cpu) == (0.5, 0.25)
    assert (second.confirmed, second.embryonic) == (11, 1)
    assert (total.confirmed, total.up_datagrams, total.up_cpu) == (21, 100, 1.0)
    assert (seen.version, seen.routes, seen.hint_keys, seen.flow_cache) == ("0.1.0", 3, 2, "none")


def test_workers_that_serve_other_relays_have_rates_too():
    before, after = (metrics(datagrams=count).replace('side="public"', 'side="relays"') for count in (0, 100))
    assert [row.up_datagrams for row in view(before, after).workers] == [50, 50, 100]


def test_one_worker_needs_no_sum():
    assert [row.name for row in view(metrics(workers=1), metrics(workers=1)).workers] == ["0"]


def test_drops_are_sorted_by_what_happens_now():
    seen = view(metrics(drops=5), metrics(drops=25, overflow=1))
    assert seen.drops == (
        DropRow("no_flow", 10.0, 25),
        DropRow("(kernel)", 1.0, 2),
        DropRow("hint_invalid", 0.0, 1),
    )


def test_relay_that_was_started_anew_has_no_negative_rates():
    seen = view(metrics(datagrams=1000, drops=1000, cpu=9.0), metrics())
    assert {row.up_datagrams for row in seen.workers} == {0.0}
    assert {row.rate for row in seen.drops} == {0.0}


@pytest.mark.parametrize(("value", "state"), [(1, "up"), (0, "down")])
def test_flow_cache_is_shown_where_there_is_one(value, state):
    text = metrics() + f"rtcsplit_flow_cache_up {value}\n"
    assert view(text, text).flow_cache == state


@pytest.mark.parametrize("text", ["", "<html>", "up 1\n", 'rtcsplit_sessions{state="new"} 1\n'])
def test_other_texts_are_refused(text):
    with pytest.raises(RtcsplitError):
        Scrape(text, 0.0)


def test_screen_says_everything():
    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(screen(view(metrics(), metrics(datagrams=123456, drops=7)), "http://relay", "no answer"))
    text = console.export_text()
    console.file.close()
    for word in ("http://relay", "no answer", "61.7k", "6.17M", "123k", "no_flow", "all", "routes 3"):
        assert word in text
    quiet = metrics().replace('"hint_invalid"} 1', '"hint_invalid"} 0')
    console = Console(width=120)
    with console.capture() as captured:
        console.print(screen(view(quiet, quiet), ""))
        console.print(screen(None, "http://relay"))
    assert "no drops" in captured.get()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "directory.toml").write_text("")
    path = tmp_path / "relay.toml"
    path.write_text(RELAY)
    return path


def test_running_relay_is_shown_once(config):
    with running("relay", "--config", config) as relay, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        public, admin = relay.address("listen"), str(relay.address("admin"))
        client.sendto(b"\x80" + bytes(20), (public.host, public.port))
        for source in ([f"http://{admin}"], [f"http://{admin}/metrics"]):
            result = CliRunner().invoke(main, ["top", "--once", "--interval", "0.2", *source])
            assert (result.exit_code, result.stderr) == (0, "")
            assert "no_flow" in result.stdout
            assert "all" in result.stdout
        config.write_text(config.read_text().replace('[admin]\nlisten = "127.0.0.1:0"', f'[admin]\nlisten = "{admin}"'))
        result = CliRunner().invoke(main, ["top", "--once", "--interval", "0.1", "--config", str(config)])
        assert (result.exit_code, result.stderr) == (0, "")


def test_live_table_is_shown_until_it_is_interrupted(config):
    with running("relay", "--config", config) as relay:
        screen_side, program_side = pty.openpty()
        command = [sys.executable, "-m", "rtcsplit", "top", "--interval", "0.1", f"http://{relay.address('admin')}"]
        environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(Path(__file__).parents[2])}
        process = subprocess.Popen(
            command,
            stdin=program_side,
            stdout=program_side,
            stderr=program_side,
            env=environment,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # jobs in the background ignore it
        )
        try:
            os.close(program_side)
            shown = b""
            while b"embryonic" not in shown:
                shown += os.read(screen_side, 4096)
            relay.stop()
            while b"no answer" not in shown:
                shown += os.read(screen_side, 4096)
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(OSError):  # EIO: the program has closed its side
                while os.read(screen_side, 4096):
                    pass  # a program whose screen is full cannot end
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()
            process.wait()
            os.close(screen_side)


@pytest.fixture
def wrong_server() -> Iterator[str]:
    """Somebody else's HTTP server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"up 1\n")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_whoever_is_no_relay_is_one_line(wrong_server, config):
    for arguments in ([wrong_server], ["http://127.0.0.1:1"], ["127.0.0.1:9464"], ["--config", str(config)]):
        result = CliRunner().invoke(main, ["top", *arguments])
        assert (result.exit_code, result.stderr.count("\n")) == (1 + ("--config" in arguments), 1)
        assert result.stderr.startswith("rtcsplit: ")
    assert CliRunner().invoke(main, ["top"]).exit_code == 2
