"""Resident memory of a server process per session: established and idle, half open, and half open under fire.

A server process takes calls over a socket, as any does, and is looked at before and after, once the first calls have
paid for what is made but once. In a half-open session the client has checked and said its ClientHello, and the server
its whole flight. Under fire it gets what keeps most memory besides: messages in pieces that leave gaps, so that none is
ever whole, and records of an epoch that does not begin; or the ClientHello itself comes in such pieces.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence

from rtcsplit.drops import DropReason
from rtcsplit.session.dtls_state import DtlsState
from rtcsplit.session.negotiation import DtlsRole
from tests.dtls_peers import Peer, fragment, record

from .callers import Caller, connect, drain, new_caller
from .servers import Server

__all__ = ["CASES", "kib_per_session"]

_CERTIFICATE, _CLIENT_HELLO = 11, 1  # handshake types (RFC 5246 section 7.4)
_PIECE = 1100
_LIMIT = 30.0
_SETTLING = 0.5
_AT_ONCE = 8  # calls in set-up at a time


class Opening:
    """Stands where a client has its DTLS: says what it was given, and takes what comes without a word.

    Args:
        datagrams: to say first.
        afterwards: to say once the server has answered.
        is_answered: whether the server answers that at all.
    """

    state = DtlsState.HANDSHAKING

    def __init__(
        self, datagrams: Sequence[bytes], afterwards: Sequence[bytes] = (), *, is_answered: bool = True
    ) -> None:
        self._steps = [list(datagrams), list(afterwards)] if is_answered else [list(datagrams)]
        self._outgoing: list[bytes] = []

    @property
    def is_done(self) -> bool:
        """Whether everything was said."""
        return not self._steps and not self._outgoing

    def start(self, now: float) -> None:
        self._outgoing += self._steps.pop(0)

    def receive(self, datagram: bytes, now: float) -> DropReason | None:
        if self._steps:
            self._outgoing += self._steps.pop(0)
        return None

    def datagrams_to_send(self, now: float) -> list[bytes]:
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def next_event(self) -> None:
        return None

    def next_timer(self) -> float | None:
        return None

    def handle_timer(self, now: float) -> None:
        """It waits for nothing."""


def _piece(message_type: int, seq: int, offset: int, total: int, number: int) -> bytes:
    """A record with a part of a handshake message (RFC 6347 section 4.2.2)."""
    piece = fragment(bytes(_PIECE), message_type=message_type, total=total, seq=seq, offset=offset)
    return record(piece, number=number)


def _pieces(message_type: int, first_seq: int) -> list[bytes]:
    """Of as many messages as one may send, each the longest that may be declared, every second octet missing."""
    return [
        _piece(message_type, seq, offset, 16 * 1024, 1000 * seq + offset)
        for seq in range(first_seq, 24)
        for offset in range(0, 15 * 1024, 2 * _PIECE)
    ]


def _hello() -> list[bytes]:
    return Peer(DtlsRole.CLIENT).start()


def _under_fire() -> Opening:
    early = [record(bytes(48), number=number, epoch=1) for number in range(200)]
    return Opening(_hello(), _pieces(_CERTIFICATE, 1) + early)


CASES: dict[str, Callable[[], Opening] | None] = {
    "established, idle": None,
    "half open": lambda: Opening(_hello()),
    "half open, messages with gaps and early records": _under_fire,
    "half open, ClientHello with gaps": lambda: Opening(_pieces(_CLIENT_HELLO, 0), is_answered=False),
}


def kib_per_session(case: str, count: int) -> float:
    """Return what ``count`` sessions more add, each, after a quarter as many.

    Raises:
        TimeoutError: they did not come so far.
    """
    server = Server("rtcsplit")
    callers: list[Caller] = []
    try:
        callers += _open(server, CASES[case], count // 4)
        before = server.resident_octets()
        callers += _open(server, CASES[case], count)
        return (server.resident_octets() - before) / count / 1024
    finally:
        server.stop()
        for caller in callers:
            caller.sock.close()


def _open(server: Server, make: Callable[[], Opening] | None, count: int) -> list[Caller]:
    if make is None:
        callers = []
        for start in range(0, count, _AT_ONCE):
            group = [new_caller(server.accept, index) for index in range(start, min(start + _AT_ONCE, count))]
            connect(group)
            callers += group
    else:
        callers = [_opened(server, make(), index) for index in range(count)]
    time.sleep(_SETTLING)
    return callers


def _opened(server: Server, opening: Opening, index: int) -> Caller:
    """Bring a half-open session so far as it comes."""
    caller = new_caller(server.accept, index, setup="active")
    caller.dtls = opening  # type: ignore[assignment]
    poll = select.poll()
    poll.register(caller.sock.fileno(), select.POLLIN)
    deadline = time.monotonic() + _LIMIT
    while not opening.is_done:
        if time.monotonic() > deadline:
            raise TimeoutError("a half-open session did not come so far")
        caller.pump(time.monotonic())
        if poll.poll(20):
            drain(caller)
    return caller
