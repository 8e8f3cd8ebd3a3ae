"""``rtcsplit transceiver``: calls are set up over HTTP as long as it runs; or it refuses with one line and a status."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from rtcsplit.cli.main import main
from rtcsplit.routing.hint import Route, RoutingKeys
from tests.cli_transceiver import ADMIN, HINT_KEYS, SECRET, SIGNALING, TRANSCEIVER
from tests.desk import attribute
from tests.offers import OFFER
from tests.processes import rtcsplit, running

REDIS = '[redis]\nurl = "redis://127.0.0.1:1"\n'
DIRECT = '[transceiver]\nlisten = "127.0.0.1:0"\nmode = "direct"\ndrain_seconds = 0\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "transceiver.toml"
    path.write_text(TRANSCEIVER + HINT_KEYS + SIGNALING + ADMIN)
    return path


def call(url: str, token: str = "token") -> httpx.Response:
    headers = {"content-type": "application/sdp", "authorization": f"Bearer {token}"}
    return httpx.post(url, content=OFFER, headers=headers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_answers_name_the_relay_and_carry_the_route(config: Path, number: signal.Signals) -> None:
    with running("transceiver", "--config", config) as transceiver:
        response = call(f"http://{transceiver.address('signaling')}/whip")
        assert response.status_code == 201
        opened = RoutingKeys({1: SECRET}).open(attribute(response.text, "ice-ufrag"))
        assert opened is not None
        assert opened.route == Route(1, 2)
        assert " 203.0.113.10 3478 typ host" in attribute(response.text, "candidate")
        metrics = httpx.get(f"http://{transceiver.address('admin')}/metrics").text
        assert "rtcsplit_sessions{" in metrics
        assert 'rtcsplit_http_requests_total{method="POST",route="/whip",status="201"} 1.0' in metrics
        assert 'rtcsplit_session_setup_seconds_count{stage="answer"} 1.0' in metrics
        assert 'rtcsplit_loop_lag_seconds_bucket{le="0.5",role="transceiver"}' in metrics
        assert metrics.count("\nrtcsplit_build_info{") == 1
        status, log = transceiver.stop(number)
    assert status == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert [(line["level"], line["cause"]) for line in lines] == [("info", "closed")], "the call was ended"


def test_sigterm_lets_calls_end_by_themselves(config: Path) -> None:
    """I11: not ready, 503 for offers, DELETE as ever; the process ends with its last call, with status 0."""
    with running("transceiver", "--config", config, "--set", "transceiver.drain_seconds=60") as transceiver:
        url = f"http://{transceiver.address('signaling')}"
        location = call(f"{url}/whip").headers["location"]
        transceiver.process.send_signal(signal.SIGTERM)
        started = json.loads(transceiver.next_log())
        assert (started["event"], started["sessions"], started["seconds"]) == ("drain_started", 1, 60)
        admin = transceiver.address("admin")
        assert httpx.get(f"http://{admin}/readyz").status_code == 503
        assert httpx.get(f"http://{admin}/livez").status_code == 200
        assert call(f"{url}/whip").status_code == 503
        assert httpx.delete(url + location, headers={"authorization": "Bearer token"}).status_code == 200
        assert transceiver.process.wait(timeout=20) == 0
        log = [json.loads(line) for line in transceiver.stderr().splitlines()]
    assert [line["event"] for line in log] == ["session_ended", "drain_ended"]
    assert (log[1]["outcome"], log[1]["sessions"]) == ("empty", 0)


def test_sigusr1_takes_a_drain_back(config: Path) -> None:
    """T29: ready again, offers are taken, the call goes on; a later SIGTERM drains as the first one did."""
    with running("transceiver", "--config", config, "--set", "transceiver.drain_seconds=600") as transceiver:
        url, admin = (f"http://{transceiver.address(port)}" for port in ("signaling", "admin"))
        transceiver.process.send_signal(signal.SIGUSR1)  # there is nothing to take back
        locations = [call(f"{url}/whip").headers["location"]]
        for _ in range(2):
            transceiver.process.send_signal(signal.SIGTERM)
            assert json.loads(transceiver.next_log())["event"] == "drain_started"
            assert httpx.get(f"{admin}/readyz").status_code == 503
            assert call(f"{url}/whip").status_code == 503
            transceiver.process.send_signal(signal.SIGUSR1)
            ended = json.loads(transceiver.next_log())
            assert (ended["event"], ended["outcome"]) == ("drain_ended", "undone")
            assert httpx.get(f"{admin}/readyz").status_code == 200
            assert 'rtcsplit_draining{role="transceiver"} 0.0' in httpx.get(f"{admin}/metrics").text
            locations.append(call(f"{url}/whip").headers["location"])
        transceiver.process.send_signal(signal.SIGTERM)
        assert json.loads(transceiver.next_log())["sessions"] == 3
        for location in locations:
            assert httpx.delete(url + location, headers={"authorization": "Bearer token"}).status_code == 200
        assert transceiver.process.wait(timeout=20) == 0


def test_the_deadline_ends_what_is_left(config: Path) -> None:
    """I11, T29: calls are closed properly, exit status 0."""
    with running("transceiver", "--config", config, "--set", "transceiver.drain_seconds=1") as transceiver:
        assert call(f"http://{transceiver.address('signaling')}/whip").status_code == 201
        status, log = transceiver.stop()
    assert status == 0
    events = [json.loads(line) for line in log.splitlines()]
    assert [line["event"] for line in events] == ["drain_started", "drain_ended", "session_ended"]
    assert events[1]["outcome"] == "deadline"


def test_a_second_sigterm_ends_a_drain_at_once(config: Path) -> None:
    with running("transceiver", "--config", config, "--set", "transceiver.drain_seconds=600") as transceiver:
        assert call(f"http://{transceiver.address('signaling')}/whip").status_code == 201
        transceiver.process.send_signal(signal.SIGTERM)
        assert json.loads(transceiver.next_log())["event"] == "drain_started"
        assert transceiver.stop()[0] == -signal.SIGTERM


def test_without_calls_sigterm_does_not_wait(config: Path) -> None:
    with running("transceiver", "--config", config, "--set", "transceiver.drain_seconds=600") as transceiver:
        assert transceiver.stop() == (0, "")


def test_direct_mode_answers_with_its_own_address(config: Path) -> None:
    config.write_text(DIRECT + SIGNALING)
    with running("transceiver", "--config", config) as transceiver:
        answer = call(f"http://{transceiver.address('signaling')}/whip").text
        own = transceiver.address("listen")
        assert f" {own.host} {own.port} typ host" in attribute(answer, "candidate")
        assert transceiver.stop()[0] == 0


def test_path_and_tokens_are_the_configured_ones(config: Path) -> None:
    flags = ("--set", "signaling.whip_path=/calls", "--set", "signaling.tokens=one,two")
    with running("transceiver", "--config", config, *flags) as transceiver:
        url = f"http://{transceiver.address('signaling')}"
        assert call(f"{url}/calls", "two").status_code == 201
        assert call(f"{url}/calls", "token").status_code == 401
        assert call(f"{url}/whip", "two").status_code == 404
        assert transceiver.stop()[0] == 0


def test_malformed_requests_write_no_log(config: Path) -> None:
    with running("transceiver", "--config", config) as transceiver:
        signaling = transceiver.address("signaling")
        for _ in range(3):
            with socket.create_connection((signaling.host, signaling.port)) as client:
                client.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
                assert b" 400 " in client.recv(4096)
        assert transceiver.stop() == (0, "")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("transceiver.listen", socket.SOCK_DGRAM),
        ("signaling.listen", socket.SOCK_STREAM),
        ("admin.listen", socket.SOCK_STREAM),
    ],
)
def test_port_in_use_is_one_line_with_its_key(config: Path, key: str, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        result = rtcsplit("transceiver", "--config", config, "--set", f"{key}={taken}")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"rtcsplit: {key} = ")
    assert taken in result.stderr


MISTAKES = {
    "unknown key": ("advertise", "advertised", "transceiver.advertised"),
    "no hint keys": (HINT_KEYS, "", "hint_keys.mint"),
    "no minting key": ("mint = 1", "", "hint_keys.mint"),
    "unknown minting key": ("mint = 1", "mint = 2", "hint_keys.mint"),
    "nobody may call": ('tokens = ["token"]', "", "signaling.tokens"),
    "no file of rules": ("[signaling]", '[signaling]\nsteering = "nowhere.toml"', "signaling.steering"),
    "rules without sense": ("[signaling]", '[signaling]\nsteering = "rules.toml"', "ingress[0].colour"),
    "no folder for logs": (
        "cluster = 1",
        'cluster = 1\nsession_log_directory = "no"',
        "transceiver.session_log_directory",
    ),
    "no folder to announce in": ("cluster = 1", 'cluster = 1\nannounce_to = "no"', "transceiver.announce_to"),
}


@pytest.mark.parametrize(("old", "new", "key"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("flags", [[], ["--check"]], ids=["run", "check"])
def test_mistake_is_one_line_with_its_key(config: Path, old: str, new: str, key: str, flags: list[str]) -> None:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))
    (config.parent / "rules.toml").write_text('[[ingress]]\ncolour = "red"\n')
    result = CliRunner().invoke(main, ["transceiver", "--config", str(config), *flags])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"rtcsplit: {key} = ")


@pytest.mark.parametrize(
    ("flags", "key"),
    [
        (["transceiver.listen=0.0.0.0:0"], "transceiver.announce"),
        (["transceiver.announce=0.0.0.0:5000"], "transceiver.announce"),
        (["transceiver.mode=direct", "transceiver.relay_networks="], "redis.url"),
    ],
)
def test_transceiver_that_cannot_be_announced_is_refused(config: Path, flags: list[str], key: str) -> None:
    config.write_text(config.read_text() + REDIS)
    settings = [word for flag in flags for word in ("--set", flag)]
    result = CliRunner().invoke(main, ["transceiver", "--config", str(config), *settings])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"rtcsplit: {key} = ")


def test_check_shows_neither_secrets_nor_tokens(config: Path) -> None:
    result = CliRunner().invoke(main, ["transceiver", "--check", "--config", str(config)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert 'tokens = ["(hidden)"]' in result.stdout
    assert SECRET.hex() not in result.stdout


@pytest.mark.parametrize(
    ("library", "extra", "section"),
    [
        ("starlette", "signaling", ""),
        ("uvicorn", "signaling", ""),
        ("prometheus_client", "metrics", ADMIN),
        ("redis", "redis", REDIS),
        ("maxminddb", "geo", 'steering = "rules.toml"\nsteering_database = "places.mmdb"\n'),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--check"]], ids=["run", "check"])
def test_missing_extra_is_one_line_that_says_what_to_install(
    config: Path, library: str, extra: str, section: str, flags: list[str]
) -> None:
    config.write_text(TRANSCEIVER + HINT_KEYS + SIGNALING + section)
    result = rtcsplit("transceiver", "--config", config, *flags, without=library)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert f"rtcsplit[{extra}]" in result.stderr
