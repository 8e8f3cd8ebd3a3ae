"""CPU of our side of a handshake, and of a whole join from the offer to SRTP keys, without sockets; and memory.

What the peer spends in the same process is left out. The median of several rounds is told. Memory is that of a server
process, per session: see session_memory.py.

Usage: python -m benchmarks.transceiver.handshakes [--rounds 7] [--count 30] [--sessions 200]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from rtcsplit.session.negotiation import DtlsRole
from tests.desk import Desk
from tests.dtls_peers import Peer, endpoint, other

from .session_memory import CASES, kib_per_session


class Clock:
    """CPU time of this thread, while it is in what was wrapped."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same function, timed."""

        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds += time.thread_time() - start

        return timed


def handshake(clock: Clock, role: DtlsRole) -> None:
    """Shake hands once with an OpenSSL peer."""
    peer = Peer(other(role))
    ours = clock.wrap(endpoint)(role, peer.certificate)
    receive, send = clock.wrap(ours.receive), clock.wrap(ours.datagrams_to_send)
    arriving = peer.start() if role is DtlsRole.SERVER else []
    while True:
        for datagram in arriving:
            receive(datagram, 0.0)
        sent = send(0.0)
        arriving = [answer for datagram in sent for answer in peer.receive(datagram)]
        if not sent and not arriving:
            break
    clock.wrap(ours.next_event)()
    assert ours.state.name == "ESTABLISHED"


def joins(clock: Clock) -> Callable[[], None]:
    """Return what makes one call join, with a browser's offer, and leave."""
    desk = Desk()
    for name in ("accept", "receive", "datagrams_to_send", "handle_timer"):
        setattr(desk, name, clock.wrap(getattr(desk, name)))

    def join() -> None:
        call, client = desk.dial()
        assert desk.network.run_until(lambda: client.srtp is not None and call.session.srtp is not None)
        spent = clock.seconds
        desk.network.detach(client.path.client)
        call.close()
        desk.network.exchange()
        clock.seconds = spent

    return join


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=30, help="in a round")
    parser.add_argument("--sessions", type=int, default=200, help="whose memory is measured")
    options = parser.parse_args()
    clock = Clock()
    tasks: dict[str, Callable[[], None]] = {
        "handshake, as server": lambda: handshake(clock, DtlsRole.SERVER),
        "handshake, as client": lambda: handshake(clock, DtlsRole.CLIENT),
        "join, from offer to keys": joins(clock),
    }
    print("| task | CPU ms |\n|---|--:|")
    for name, task in tasks.items():
        rounds = []
        for _ in range(options.rounds + 1):  # the first one warms up
            clock.seconds = 0.0
            for _ in range(options.count):
                task()
            rounds.append(clock.seconds / options.count * 1e3)
        print(f"| {name} | {median(rounds[1:]):.2f} |")
    print("\n| session | KiB |\n|---|--:|")
    for case in CASES:
        print(f"| {case} | {kib_per_session(case, options.sessions):.1f} |")


if __name__ == "__main__":
    main()
