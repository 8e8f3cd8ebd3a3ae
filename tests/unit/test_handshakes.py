"""Handshakes in their thread: the same protocol, in order, and nothing left of a call that ends meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from rtcsplit.drops import DropReason
from rtcsplit.errors import UsageError
from rtcsplit.session.dtls import DtlsEndpoint, DtlsState
from rtcsplit.session.events import DtlsEvent, DtlsFailed, HandshakeCompleted, HeldPacketDropped
from rtcsplit.session.negotiation import DtlsRole
from rtcsplit.transceiver.handshake_front import HandshakeFront
from rtcsplit.transceiver.handshakes import HandshakeThread
from tests.dtls_peers import Peer, other, our_context, peer_certificate, record


class Bench:
    """A front whose thread is the test: tasks are taken when it says so."""

    def __init__(self, role: DtlsRole, make: Callable[[], DtlsEndpoint] | None = None) -> None:
        self.tasks: SimpleQueue[object] = SimpleQueue()
        self.peer = Peer(other(role))
        self.news = 0
        self.made: list[DtlsEndpoint] = []
        self.front = HandshakeFront(make or (lambda: self._make(role)), self.tasks.put, self._progressed)

    def _make(self, role: DtlsRole) -> DtlsEndpoint:
        self.made.append(DtlsEndpoint(our_context(), role, [peer_certificate().fingerprint]))
        return self.made[-1]

    def _progressed(self) -> None:
        self.news += 1

    def work(self, most: int = 1000) -> None:
        """Take that many tasks, at most, and deliver what they brought."""
        for _ in range(most):
            if self.tasks.empty():
                return
            task = self.tasks.get()
            result = self.front.run(task)  # type: ignore[arg-type]
            if result is not None:
                self.front.take(result)
                self.front.progressed()

    def carry(self) -> None:
        """Take what is under way and let the peer answer it."""
        self.work()
        for datagram in self.front.datagrams_to_send(0.0):
            for answer in self.peer.receive(datagram):
                self.front.receive(answer, 0.0)

    def events(self) -> list[DtlsEvent]:
        return list(iter(self.front.next_event, None))


def connected(role: DtlsRole) -> Bench:
    bench = Bench(role)
    bench.front.start(0.0)
    if role is DtlsRole.SERVER:
        for datagram in bench.peer.start():
            bench.front.receive(datagram, 0.0)
    while bench.front.state is not DtlsState.ESTABLISHED:
        bench.carry()
    bench.carry()
    return bench


@pytest.mark.parametrize("role", DtlsRole)
def test_handshake_completes_and_the_endpoint_is_the_loops(role: DtlsRole) -> None:
    bench = connected(role)
    [completed] = bench.events()
    assert isinstance(completed, HandshakeCompleted)
    assert bench.peer.is_complete
    bench.front.send(b"hello")
    [datagram] = bench.front.datagrams_to_send(0.0)
    bench.peer.receive(datagram)
    assert bench.peer.received == [b"hello"]
    assert bench.front.receive(bench.peer.send(b"answer"), 0.0) is None
    assert bench.tasks.empty(), "nothing goes to the thread any more"
    bench.front.close(0.0)
    assert bench.front.datagrams_to_send(0.0), "close_notify"


def test_nothing_is_made_before_there_is_something_to_do() -> None:
    bench = Bench(DtlsRole.SERVER)
    assert bench.front.receive(b"\x16early", 0.0) is DropReason.DTLS_REFUSED
    assert (bench.made, bench.tasks.empty()) == ([], True)
    bench.front.start(0.0)
    bench.front.start(0.0)
    bench.work()
    assert len(bench.made) == 1


def test_the_endpoint_stays_the_threads_until_nothing_is_under_way() -> None:
    """Order: what came behind the last flight is taken behind it, by whoever took that."""
    bench = Bench(DtlsRole.SERVER)
    bench.front.start(0.0)
    for datagram in bench.peer.start():
        bench.front.receive(datagram, 0.0)
    bench.work()
    finished = [answer for flight in bench.front.datagrams_to_send(0.0) for answer in bench.peer.receive(flight)]
    for datagram in finished:
        bench.front.receive(datagram, 0.0)
    bench.front.receive(finished[-1], 0.0)
    bench.work(len(finished))
    assert any(isinstance(event, HandshakeCompleted) for event in bench.events())
    assert bench.front.state is DtlsState.HANDSHAKING
    with pytest.raises(UsageError):
        bench.front.send(b"too early")
    bench.work()
    assert bench.front.state is DtlsState.ESTABLISHED


def test_close_while_under_way_leaves_nothing() -> None:
    bench = Bench(DtlsRole.CLIENT)
    bench.front.start(0.0)
    task = bench.tasks.get()
    result = bench.front.run(task)  # type: ignore[arg-type]
    assert result is not None
    bench.front.receive(record(b"x"), 0.0)
    bench.front.close(0.0)
    bench.front.take(result)
    bench.work()
    bench.front.progressed()
    assert (bench.news, bench.events(), bench.front.datagrams_to_send(0.0)) == (0, [], [])
    assert (bench.front.state, bench.front.next_timer()) == (DtlsState.CLOSED, None)
    assert bench.front.receive(record(b"x"), 0.0) is DropReason.SESSION_CLOSED


def test_what_waits_for_the_thread_is_bounded() -> None:
    """D18, T19: a flood of one session waits outside, whatever the thread is at."""
    bench = Bench(DtlsRole.SERVER)
    bench.front.start(0.0)
    datagram = record(b"x" * 1000)
    reasons = [bench.front.receive(datagram, 0.0) for _ in range(20)]
    assert reasons == [None] * 16 + [DropReason.DTLS_BUDGET] * 4
    bench.work()
    assert bench.events() == [HeldPacketDropped(DropReason.DTLS_MALFORMED)] * 16
    assert bench.front.receive(datagram, 0.0) is None


def test_timers_go_to_the_thread_once() -> None:
    bench = Bench(DtlsRole.CLIENT)
    bench.front.start(0.0)
    assert bench.front.next_timer() is None
    bench.work()
    hello = bench.front.datagrams_to_send(0.0)
    due = bench.front.next_timer()
    assert due == 0.05
    bench.front.handle_timer(due / 2)
    assert bench.tasks.empty()
    bench.front.handle_timer(due)
    bench.front.handle_timer(due)
    assert bench.front.next_timer() is None
    bench.work()
    assert bench.front.datagrams_to_send(due) == hello
    bench.front.repeat_flight(due)
    bench.front.repeat_flight(due)
    bench.work()
    assert bench.front.datagrams_to_send(due) == hello, "repeated once, however often it was asked for"


def test_deadline_is_reported() -> None:
    bench = Bench(DtlsRole.SERVER)
    bench.front.start(0.0)
    bench.work()
    bench.front.handle_timer(30.0)
    bench.work()
    [failed] = bench.events()
    assert isinstance(failed, DtlsFailed)
    assert failed.error.code == "handshake_timeout"
    assert bench.front.state is DtlsState.FAILED


def test_a_bug_ends_the_one_session() -> None:
    def make() -> DtlsEndpoint:
        raise RuntimeError("no memory for this")

    bench = Bench(DtlsRole.SERVER, make)
    bench.front.start(0.0)
    bench.work()
    [failed] = bench.events()
    assert isinstance(failed, DtlsFailed)
    assert failed.error.code == "internal_error"


async def test_results_come_in_the_loops_thread_and_many_wake_it_once() -> None:
    thread = HandshakeThread(our_context())
    seen: list[int] = []
    peers = [Peer(DtlsRole.CLIENT) for _ in range(8)]

    def open_one(index: int) -> HandshakeFront:
        def progressed() -> None:
            assert threading.current_thread() is threading.main_thread()
            seen.append(index)

        return thread.open(progressed, DtlsRole.SERVER, [peer_certificate().fingerprint])

    fronts = [open_one(index) for index in range(len(peers))]
    thread.start()
    for front, peer in zip(fronts, peers, strict=True):
        front.start(0.0)
        for datagram in peer.start():
            front.receive(datagram, 0.0)
    await asyncio.wait_for(_carry(fronts, peers), 10)
    assert {front.state for front in fronts} == {DtlsState.ESTABLISHED}
    assert set(seen) == set(range(len(peers)))
    thread.stop()
    thread.stop()
    assert not [t for t in threading.enumerate() if t.name == "rtcsplit handshakes"]


async def _carry(fronts: list[HandshakeFront], peers: list[Peer]) -> None:
    while not all(front.state is DtlsState.ESTABLISHED for front in fronts):
        await asyncio.sleep(0.001)
        for front, peer in zip(fronts, peers, strict=True):
            answers = [answer for datagram in front.datagrams_to_send(0.0) for answer in peer.receive(datagram)]
            for answer in answers:
                front.receive(answer, 0.0)
