"""``rtcsplit relay`` that serves other relays: its processes come and go, sockets, flows and return paths stay."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from rtcsplit.wire import spp
from rtcsplit.wire.address import Address
from tests.cli_relay import ADMIN, HINT_KEYS, RELAY, binding_request
from tests.processes import Running, children, has_standby, running
from tests.relay_bench import DTLS, RTP
from tests.relay_call import two_ends

HEADER = spp.build(Address.of("198.51.100.7", 50000), Address.of("203.0.113.10", 3478))
SERVING = 'relay_listen = "127.0.0.1:0"\nrelay_networks = ["127.0.0.0/8"]\n'


class Call:
    """A first relay and a transceiver, with a confirmed flow between them."""

    def __init__(self, relay: Running, first: socket.socket, transceiver: socket.socket) -> None:
        self.relay, self.first, self.transceiver = relay, first, transceiver
        address = relay.address("relay_listen")
        first.connect((address.host, address.port))
        first.send(HEADER + binding_request())
        datagram, self.via = transceiver.recvfrom(2048)
        assert datagram == HEADER + binding_request()
        self.carries(DTLS)

    def carries(self, datagram: bytes = RTP) -> None:
        """Both ways; the first relay's socket is connected, so the answers come from where it sends to."""
        self.transceiver.sendto(HEADER + datagram, self.via)
        assert self.first.recv(2048) == HEADER + datagram
        self.first.send(HEADER + datagram)
        assert self.transceiver.recv(2048) == HEADER + datagram

    def received(self) -> int:
        """Datagrams from other relays, as the metrics have them."""
        text = httpx.get(f"http://{self.relay.address('admin')}/metrics").text
        return sum(
            int(float(count)) for count in re.findall(r'datagrams_total\{direction="rx",side="relays".*\} (\S+)', text)
        )


@contextlib.contextmanager
def calling(folder: Path, *, serves_clients: bool = True) -> Iterator[Call]:
    with two_ends(folder) as (first, transceiver):
        relay = RELAY.replace("standby = false", "standby = true") + SERVING
        if not serves_clients:
            relay = relay.replace('listen = "127.0.0.1:0"\n', "", 1)
        (folder / "relay.toml").write_text(relay + HINT_KEYS + ADMIN)
        with running("relay", "--config", folder / "relay.toml") as process:
            yield Call(process, first, transceiver)


def until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("serves_clients", [True, False])
def test_a_call_of_another_relay_outlives_crash_and_upgrade(tmp_path: Path, serves_clients: bool) -> None:
    with calling(tmp_path, serves_clients=serves_clients) as call:
        assert (call.relay.addresses["listen"] == "none") is not serves_clients
        supervisor = call.relay.process.pid
        for number in (signal.SIGKILL, signal.SIGUSR2):
            until(lambda: has_standby(supervisor))
            [in_charge, _] = children(supervisor)
            os.kill(in_charge if number is signal.SIGKILL else supervisor, number)
            call.carries()
            until(lambda: in_charge not in children(supervisor))  # noqa: B023
            call.carries()
        assert call.received() == 6
        assert call.relay.stop()[0] == 0
