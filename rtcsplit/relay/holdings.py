"""What a relay has that outlives the process that forwards: its sockets, its flow tables and counters, its seats.

A supervisor opens holdings and passes their descriptors to the processes that it starts. Any number of them may have
them at a time: the seats let one forward (docs/explanation/supervision.md).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .._native.shared import new_memory
from ..wire.address import Address
from .settings import RelaySettings
from .sockets import WorkerSockets, address_of, open_more_sockets, open_sockets, steer

__all__ = ["Holdings"]


@dataclass(frozen=True, slots=True)
class Holdings:
    """Bound sockets and shared memory.

    Attributes:
        sockets: of each worker.
        region: descriptor of the memory of flow tables, counters and batches; empty at first.
        seats: descriptor of the memory of the seats; empty at first.
        directory: descriptor of the memory of the directory in force; empty at first.
    """

    sockets: tuple[WorkerSockets, ...]
    region: int
    seats: int
    directory: int

    @classmethod
    def open(cls, settings: RelaySettings) -> Holdings:
        """Bind the sockets of all workers, and make the memory.

        Raises:
            ConfigurationError: an address cannot be bound; nothing is held.
        """
        memory = [new_memory(f"rtcsplit-{name}") for name in ("flows", "seats", "directory")]
        try:
            return cls(tuple(open_sockets(settings)), *memory)
        except BaseException:
            for fd in memory:
                os.close(fd)
            raise

    @classmethod
    def inherit(cls, descriptors: Sequence[int], kinds: Sequence[bool] = (False,)) -> Holdings:
        """Return the holdings that another process has passed on as :meth:`descriptors`.

        Args:
            descriptors: its.
            kinds: its.

        Raises:
            OSError: a descriptor is not open, or no socket.
        """
        region, seats, directory, *fds = descriptors
        sockets = [socket.socket(fileno=fd) for fd in fds]
        pairs = zip(sockets[::2], sockets[1::2], strict=True)
        made = [WorkerSockets(*pair, serves_relays=kinds[i % len(kinds)]) for i, pair in enumerate(pairs)]
        return cls(tuple(made), region, seats, directory)

    @property
    def kinds(self) -> tuple[bool, ...]:
        """What workers do in turns, as whether they serve other relays."""
        return tuple(dict.fromkeys(pair.serves_relays for pair in self.sockets))

    def address(self, *, serves_relays: bool) -> Address | None:
        """Return where clients arrive, or other relays; None where they do not."""
        pairs = (pair for pair in self.sockets if pair.serves_relays == serves_relays)
        return next((address_of(pair.public) for pair in pairs), None)

    @property
    def workers(self) -> int:
        """How many there are of each kind."""
        return len(self.sockets) // len(self.kinds)

    def descriptors(self) -> list[int]:
        """Return all of them, in the order that :meth:`inherit` takes."""
        sockets = [sock.fileno() for pair in self.sockets for sock in (pair.public, pair.upstream)]
        return [self.region, self.seats, self.directory, *sockets]

    def with_room_for(self, settings: RelaySettings) -> Holdings:
        """Return the same with sockets for more workers, where there are fewer; no client's datagram arrives there yet.

        Raises:
            ConfigurationError: an address cannot be bound; nothing was changed.
        """
        return replace(self, sockets=(*self.sockets, *open_more_sockets(settings, self.sockets)))

    def steer(self, workers: int) -> bool:
        """Let datagrams arrive at the first so many workers only; False if the kernel would not."""
        return steer(self.sockets, workers)

    def with_region(self, region: int) -> Holdings:
        """Return the same with other memory for the flow tables; that of before is closed."""
        os.close(self.region)
        return replace(self, region=region)

    def close(self) -> None:
        """Close everything, once."""
        for pair in self.sockets:
            pair.close()
        for fd in (self.region, self.seats, self.directory):
            os.close(fd)
