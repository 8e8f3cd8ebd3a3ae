"""The signaling port of several workers: each connection goes to the worker that its request names, or to any.

The head of the one request is read here, within bounds, and the connection is handed over with it; the rest of it is
between client and worker. Nothing is parsed but what says which worker.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from .request_head import worker_of
from .worker_child import WorkerChild

__all__ = ["Front"]

_MAX_HEAD_OCTETS = 8192
_HEAD_SECONDS = 10.0
_MAX_ARRIVING = 4096  # connections whose head has not come yet
_ACCEPTS = 64  # at a time, so that those that have come are handed over in between
_END_OF_HEAD = b"\r\n\r\n"
_UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\ncache-control: no-store\r\n"
    b"connection: close\r\n\r\n"
)


class Front:
    """Accepts and hands over; an object of the event loop.

    Args:
        listener: listens; stays the caller's.
        choose: returns the worker with that index, or the best one for None; None where there is none.
    """

    def __init__(self, listener: socket.socket, choose: Callable[[int | None], WorkerChild | None]) -> None:
        self._listener = listener
        self._choose = choose
        self._loop = asyncio.get_running_loop()
        self._arriving: dict[socket.socket, tuple[bytearray, asyncio.TimerHandle]] = {}

    def start(self) -> None:
        """Begin to accept."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._accept)

    def stop(self) -> None:
        """Accept no more, and hang up on those whose head has not come."""
        self._loop.remove_reader(self._listener)
        for connection in list(self._arriving):
            self._forget(connection)
            connection.close()

    def _accept(self) -> None:
        for _ in range(_ACCEPTS):
            try:
                connection, _ = self._listener.accept()
            except OSError:  # none waits, or there are no descriptors: those that wait will be asked for again
                return
            connection.setblocking(False)
            if len(self._arriving) >= _MAX_ARRIVING:
                connection.close()
                continue
            deadline = self._loop.call_later(_HEAD_SECONDS, self._give_up, connection)
            self._arriving[connection] = (bytearray(), deadline)
            self._loop.add_reader(connection, self._read, connection)

    def _read(self, connection: socket.socket) -> None:
        head = self._arriving[connection][0]
        try:
            octets = connection.recv(_MAX_HEAD_OCTETS - len(head))
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        head += octets
        if not octets:
            self._give_up(connection)
        elif _END_OF_HEAD in head or len(head) >= _MAX_HEAD_OCTETS:  # one that is too long is refused by who parses it
            self._forget(connection)
            self._hand_over(connection, bytes(head))

    def _hand_over(self, connection: socket.socket, head: bytes) -> None:
        with connection:
            index = worker_of(head)
            worker = self._choose(index)
            if worker is None or not worker.hand_over(head, connection, is_new=index is None):
                try:
                    connection.send(_UNAVAILABLE)
                except OSError:
                    return

    def _give_up(self, connection: socket.socket) -> None:
        self._forget(connection)
        connection.close()

    def _forget(self, connection: socket.socket) -> None:
        _, deadline = self._arriving.pop(connection)
        deadline.cancel()
        self._loop.remove_reader(connection)
