"""A call through a relay process, whose ends are sockets of the test."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from rtcsplit.wire import spp
from tests.cli_relay import ADMIN, HINT_KEYS, RELAY, binding_request, directory_entry
from tests.processes import Running, running
from tests.relay_bench import DTLS, RTP

__all__ = ["Call", "calling", "two_ends", "until"]


class Call:
    """A client and a transceiver with a confirmed flow between them."""

    def __init__(self, relay: Running, client: socket.socket, transceiver: socket.socket) -> None:
        self.relay, self.client, self.transceiver = relay, client, transceiver
        public = relay.address("listen")
        client.connect((public.host, public.port))
        client.send(binding_request())
        datagram, self.via = transceiver.recvfrom(2048)
        self.header = datagram[: spp.SIZE]
        transceiver.sendto(self.header + DTLS, self.via)
        assert client.recv(2048) == DTLS

    def carries_media(self) -> None:
        """Both ways, by the flow alone."""
        self.client.send(RTP)
        assert self.transceiver.recv(2048) == self.header + RTP
        self.transceiver.sendto(self.header + RTP, self.via)
        assert self.client.recv(2048) == RTP

    def metrics(self) -> dict[str, float]:
        """The counters without labels that this file looks at."""
        text = httpx.get(f"http://{self.relay.address('admin')}/metrics").text
        public = re.findall(r'relay_datagrams_total\{direction="rx",side="public",worker="0"\} (\S+)', text)
        recovered = re.findall(r'flow_events_total\{event="recovered"\} (\S+)', text)
        return {"received": float(public[0]), "recovered": float(recovered[0])}

    def readiness(self) -> int:
        """Status of /readyz."""
        return httpx.get(f"http://{self.relay.address('admin')}/readyz").status_code


@contextlib.contextmanager
def two_ends(folder: Path) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's socket, and a transceiver's that the directory in the folder names."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as transceiver,
    ):
        for sock in (client, transceiver):
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(10)
        (folder / "directory.toml").write_text(directory_entry(transceiver.getsockname()))
        yield client, transceiver


@contextlib.contextmanager
def calling(folder: Path, *, standby: bool = True, **settings: object) -> Iterator[Call]:
    """A call through a running relay."""
    config = folder / "relay.toml"
    with two_ends(folder) as (client, transceiver):
        relay_section = RELAY.replace("standby = false", f"standby = {str(standby).lower()}")
        config.write_text(relay_section + 'allow_client_networks = ["127.0.0.0/8"]\n' + HINT_KEYS + ADMIN)
        flags = [argument for key, value in settings.items() for argument in ("--set", f"relay.{key}={value}")]
        with running("relay", "--config", config, *flags) as relay:
            assert json.loads(relay.next_log())["event"] == "client_network_admitted"
            yield Call(relay, client, transceiver)


def until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
