"""A seeded link between peers in memory, on virtual time: loss, delay, jitter, duplication, and nothing by chance.

``Network.run_until`` always advances to the earliest event, be it a datagram's arrival or a peer's timer, so that
minutes of protocol pass in milliseconds and every run is the same run.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rtcsplit.wire.address import Address, Path

_MAX_EVENTS = 1_000_000


class Peer(Protocol):
    """What the network drives: a sans-IO object behind one or more addresses."""

    def receive(self, datagram: bytes, path: Path, now: float) -> object: ...

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Path]]: ...

    def next_timer(self) -> float | None: ...

    def handle_timer(self, now: float) -> None: ...


class Server(Peer, Protocol):
    """A peer that takes what arrives at one instant together, as it would come off a socket."""

    def receive_batch(self, batch: list[tuple[bytes, Path]], now: float) -> object: ...


@dataclass
class Conditions:
    """How the link treats each datagram; times in seconds, probabilities 0..1."""

    delay: float = 0.010
    jitter: float = 0.0
    loss: float = 0.0
    duplication: float = 0.0


class Network:
    """Server and clients on one virtual clock.

    The server answers to a :class:`Path`; a client sends from the addresses that it is attached with. A datagram
    from the server goes to whoever is attached at ``path.client`` when it arrives.
    """

    def __init__(self, server: Server, conditions: Conditions | None = None, *, seed: int = 1, start: float = 1000.0):
        self.now = start
        self.server = server
        self.conditions = conditions or Conditions()
        self.drop_if: Callable[[bytes, bool], bool] = lambda datagram, is_uplink: False
        self.uplink: list[tuple[float, bytes, Path]] = []
        self.downlink: list[tuple[float, bytes, Path]] = []
        self._random = random.Random(seed)
        self._clients: dict[Address, Peer] = {}
        self._flights: list[tuple[float, int, bytes, Path, bool]] = []
        self._order = 0

    def attach(self, client: Peer, address: Address) -> None:
        """Let ``client`` receive what is sent to ``address``."""
        self._clients[address] = client

    def detach(self, address: Address) -> None:
        """Datagrams to ``address`` are lost from now on."""
        self._clients.pop(address, None)

    def exchange(self) -> None:
        """Put what everybody has to send now on the wire."""
        for datagram, path in self.server.datagrams_to_send(self.now):
            self.downlink.append((self.now, datagram, path))
            self._carry(datagram, path, is_uplink=False)
        for client in dict.fromkeys(self._clients.values()):
            for datagram, path in client.datagrams_to_send(self.now):
                self.uplink.append((self.now, datagram, path))
                self._carry(datagram, path, is_uplink=True)

    def run_until(self, is_done: Callable[[], bool], *, limit: float = 30.0) -> bool:
        """Advance until ``is_done()`` or until ``limit`` seconds of virtual time are over; return ``is_done()``."""
        end = self.now + limit
        self.exchange()
        for _ in range(_MAX_EVENTS):
            if is_done():
                return True
            upcoming = self._next_event()
            if upcoming is None or upcoming > end:
                self.now = max(self.now, end)
                self._fire()
                return is_done()
            self.now = max(self.now, upcoming)
            self._fire()
        raise AssertionError("a timer that never comes to rest")

    def run_for(self, seconds: float) -> None:
        """Advance by ``seconds``."""
        self.run_until(lambda: False, limit=seconds)

    def _peers(self) -> list[Peer]:
        return [self.server, *dict.fromkeys(self._clients.values())]

    def _next_event(self) -> float | None:
        times = [timer for peer in self._peers() if (timer := peer.next_timer()) is not None]
        if self._flights:
            times.append(self._flights[0][0])
        return min(times, default=None)

    def _fire(self) -> None:
        batch: list[tuple[bytes, Path]] = []
        while self._flights and self._flights[0][0] <= self.now:
            _, _, datagram, path, is_uplink = heapq.heappop(self._flights)
            if is_uplink:
                batch.append((datagram, path))
            elif path.client in self._clients:
                self._clients[path.client].receive(datagram, path, self.now)
        if batch:
            self.server.receive_batch(batch, self.now)
        for peer in self._peers():
            timer = peer.next_timer()
            if timer is not None and timer <= self.now:
                peer.handle_timer(self.now)
        self.exchange()

    def _carry(self, datagram: bytes, path: Path, *, is_uplink: bool) -> None:
        c = self.conditions
        copies = 2 if self._random.random() < c.duplication else 1
        if self._random.random() < c.loss or self.drop_if(datagram, is_uplink):
            return
        for _ in range(copies):
            arrival = self.now + c.delay + self._random.random() * c.jitter
            self._order += 1
            heapq.heappush(self._flights, (arrival, self._order, datagram, path, is_uplink))
