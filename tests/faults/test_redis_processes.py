"""Relay and transceiver processes that know each other by Redis alone.

::

    transceiver ── announces ──► Redis ◄── follows, mirrors ── relay ◄── client
"""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest
import redis

from rtcsplit.routing.announcement import Announced, Announcement
from rtcsplit.routing.directory import EntryState
from rtcsplit.routing.hint import Route, RoutingKeys
from rtcsplit.wire.stun import Attribute, MessageClass, build
from tests.desk import attribute
from tests.offers import OFFER
from tests.processes import Running, children, rtcsplit, running
from tests.redis_server import RedisServer, redis_server

SECRET = bytes(range(32))
KEYS = f'[hint_keys]\nmint = 1\nsecrets.1 = "{SECRET.hex()}"\n'
ADMIN = '[admin]\nlisten = "127.0.0.1:0"\n'
RELAY = """
[relay]
listen = "127.0.0.1:0"
upstream = "127.0.0.1:0"
directory_source = "redis"
transceiver_networks = ["127.0.0.0/8"]
workers = 1
confirmed_flows = 1024
allow_client_networks = ["127.0.0.0/8"]
"""
TRANSCEIVER = """
[transceiver]
listen = "127.0.0.1:0"
cluster = 1
id = 2
advertise = ["127.0.0.1:3478"]
relay_networks = ["127.0.0.0/8"]
[signaling]
listen = "127.0.0.1:0"
allow_anonymous = true
"""


def write(path: Path, text: str, server: RedisServer) -> Path:
    path.write_text(text + KEYS + ADMIN + f'[redis]\nurl = "{server.url}"\n')
    return path


def metric(of: Running, name: str) -> float:
    lines = httpx.get(f"http://{of.address('admin')}/metrics").text.splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def wait_for(of: Running, name: str, value: float) -> None:
    deadline = time.monotonic() + 15
    while metric(of, name) != value:
        assert time.monotonic() < deadline, (name, metric(of, name))
        time.sleep(0.05)


def upgrade(relay: Running) -> None:
    """Return when another process forwards."""
    old = children(relay.process.pid)[0]
    relay.process.send_signal(signal.SIGUSR2)
    deadline = time.monotonic() + 20
    while old in children(relay.process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_relay_finds_its_transceivers_and_needs_redis_for_nothing_else(tmp_path):
    """I13: with Redis gone both are live and ready, and requests reach the transceiver."""
    ufrag = RoutingKeys({1: SECRET}, 1).mint(Route(1, 2), bytes(5))
    request = build(MessageClass.REQUEST, 1, bytes(12), [(Attribute.USERNAME, f"{ufrag}:abcd".encode())])
    with (
        redis_server(tmp_path) as server,
        running("relay", "--config", write(tmp_path / "relay.toml", RELAY, server)) as relay,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(10)
        assert metric(relay, "rtcsplit_relay_routes") == 0
        with running("transceiver", "--config", write(tmp_path / "x.toml", TRANSCEIVER, server)) as transceiver:
            wait_for(relay, "rtcsplit_relay_routes", 1)
            server.stop()
            wait_for(relay, "rtcsplit_flow_cache_up", 0)
            for process in (relay, transceiver):
                for path in ("livez", "readyz"):
                    assert httpx.get(f"http://{process.address('admin')}/{path}").status_code == 200
            public = relay.address("listen")
            client.sendto(request, (public.host, public.port))
            assert client.recv(2048)[:2] == b"\x01\x11"  # refused by the transceiver, which has no such session
            upgrade(relay)  # the new process has the directory from the one before it
            client.sendto(request, (public.host, public.port))
            assert client.recv(2048)[:2] == b"\x01\x11"
            server.start()
            wait_for(relay, "rtcsplit_flow_cache_up", 1)
            assert transceiver.stop()[0] == 0
        wait_for(relay, "rtcsplit_relay_routes", 0)
        status, log = relay.stop()
        assert status == 0
        events = [json.loads(line)["event"] for line in log.splitlines()]
        assert events.count("redis_unavailable") == events.count("redis_available") == 1
        assert events.count("directory_replaced") == 2


def test_a_first_relay_finds_the_relays_of_a_cluster(tmp_path):
    """And the cluster's relay the transceiver: each tier asks the same Redis, and takes what is next to it."""
    ufrag = RoutingKeys({1: SECRET}, 1).mint(Route(1, 2), bytes(5))
    request = build(MessageClass.REQUEST, 1, bytes(12), [(Attribute.USERNAME, f"{ufrag}:abcd".encode())])
    serving = RELAY + 'relay_listen = "127.0.0.1:0"\nrelay_networks = ["127.0.0.0/8"]\ncluster = 1\nstandby = false\n'
    with (
        redis_server(tmp_path) as server,
        running("transceiver", "--config", write(tmp_path / "x.toml", TRANSCEIVER, server)),
        running("relay", "--config", write(tmp_path / "inner.toml", serving, server)) as inner,
        running("relay", "--config", write(tmp_path / "first.toml", RELAY + "standby = false\n", server)) as first,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        wait_for(first, "rtcsplit_relay_routes", 1)
        wait_for(inner, "rtcsplit_relay_routes", 1)
        client.settimeout(10)
        public = first.address("listen")
        client.sendto(request, (public.host, public.port))
        assert client.recv(2048)[:2] == b"\x01\x11"  # refused by the transceiver, which has no such session
        wait_for(inner, 'rtcsplit_relay_datagrams_total{direction="rx",side="relays",worker="1"}', 1)


def test_a_relay_that_announces_itself_needs_a_secret_to_mint_with(tmp_path):
    with redis_server(tmp_path) as server:
        path = write(tmp_path / "relay.toml", RELAY + 'relay_listen = "127.0.0.1:0"\n', server)
        path.write_text(path.read_text().replace("mint = 1\n", ""))
        flags = ["--set", "relay.cluster=1", "--set", "relay.relay_networks=127.0.0.0/8"]
        result = rtcsplit("relay", "--config", path, *flags)
    assert (result.returncode, result.stdout) == (2, "")
    assert "rtcsplit: hint_keys.mint = " in result.stderr


def announced(server: RedisServer) -> dict[int, EntryState]:
    """The states of the transceivers that Redis has, by id."""
    return {entry.route.transceiver: entry.state for entry in entries(server)}


def entries(server: RedisServer) -> list[Announced]:
    """Whoever is announced."""
    keys = RoutingKeys({1: SECRET})
    with redis.Redis.from_url(server.url) as client:
        values = [client.get(key) for key in client.scan_iter() if client.type(key) == b"string"]
    opened = [Announcement.open(keys, value) for value in values if value is not None]
    return [each.entry for each in opened if each is not None]


def until_announced(server: RedisServer, wanted: dict[int, EntryState]) -> None:
    deadline = time.monotonic() + 20
    while (found := announced(server)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_workers_are_announced_each_until_its_last_call_has_ended(tmp_path):
    """Draining, not gone: until then checks of its calls have to be routed."""
    active, draining = EntryState.ACTIVE, EntryState.DRAINING
    with redis_server(tmp_path) as server:
        path = write(tmp_path / "x.toml", TRANSCEIVER, server)
        with running("transceiver", "--config", path, "--workers", 2) as transceiver:
            until_announced(server, {2: active, 3: active})
            url = f"http://{transceiver.address('signaling')}"
            answer = httpx.post(f"{url}/whip", content=OFFER, headers={"content-type": "application/sdp"})
            opened = RoutingKeys({1: SECRET}).open(attribute(answer.text, "ice-ufrag"))
            busy = opened.route.transceiver
            transceiver.process.send_signal(signal.SIGTERM)
            until_announced(server, {busy: draining})
            assert httpx.delete(url + answer.headers["location"]).status_code == 200
            assert transceiver.process.wait(timeout=20) == 0
            assert announced(server) == {}


def test_a_transceiver_that_sends_trunks_is_announced_as_one_that_reads_them(tmp_path):
    with redis_server(tmp_path) as server:
        path = write(tmp_path / "x.toml", TRANSCEIVER, server)
        with running("transceiver", "--config", path, "--set", "transceiver.trunk_mtu=1500"):
            until_announced(server, {2: EntryState.ACTIVE})
            [entry] = entries(server)
            assert entry.trunk


@pytest.mark.parametrize("command", ["relay", "transceiver"])
def test_a_refused_password_stops_the_start_with_one_line(tmp_path, command):
    with redis_server(tmp_path, "--requirepass", "secret-of-redis") as server:
        path = write(tmp_path / "config.toml", {"relay": RELAY, "transceiver": TRANSCEIVER}[command], server)
        url = server.url.replace("//", "//:wrong-password@")
        result = rtcsplit(command, "--config", path, RTCSPLIT_REDIS__URL=url)
    assert (result.returncode, result.stdout) == (2, "")
    line = result.stderr.splitlines()[-1]
    assert line.startswith("rtcsplit: redis.url = ")
    assert "password" not in line.replace("user and password", "").replace("username-password", "")
    assert "wrong-password" not in result.stderr


def test_both_start_without_redis(tmp_path):
    server = RedisServer(tmp_path)
    for command, text in (("relay", RELAY), ("transceiver", TRANSCEIVER)):
        with running(command, "--config", write(tmp_path / "config.toml", text, server)) as process:
            assert process.stop(signal.SIGTERM)[0] == 0
