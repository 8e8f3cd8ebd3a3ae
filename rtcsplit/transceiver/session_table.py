"""Which call a datagram belongs to: binding requests by server ufrag, everything else by client address.

A call has one ufrag, and while its ICE restarts up to three (RFC 8445 section 9).
The table learns addresses from the calls' events; no call holds its table. One living call per client address
(checklist A14): the first one keeps it until it is silent there, or ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from ..wire.address import Address

__all__ = ["SessionTable"]

# A client shows one address per interface, rarely more than four; the cap bounds what one valid session can occupy.
_MAX_ADDRESSES_PER_CALL = 16

Call = TypeVar("Call")


class SessionTable(Generic[Call]):
    """Calls by ufrag and by client address.

    Args:
        is_silent: whether a call has gone silent at an address by ``now``, so that another may take the address over.
    """

    def __init__(self, is_silent: Callable[[Call, Address, float], bool]) -> None:
        self._is_silent = is_silent
        self._by_ufrag: dict[str, Call] = {}
        self._by_client: dict[Address, Call] = {}
        self._clients: dict[Call, dict[Address, None]] = {}  # insertion order is age
        self._ufrags: dict[Call, set[str]] = {}

    def __len__(self) -> int:
        return len(self._ufrags)

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._ufrags))

    def __contains__(self, ufrag: str) -> bool:
        return ufrag in self._by_ufrag

    def add(self, ufrag: str, call: Call) -> None:
        """Make ``call`` the owner of ``ufrag``, which must be new; a call may own several."""
        assert ufrag not in self._by_ufrag
        self._by_ufrag[ufrag] = call
        self._ufrags.setdefault(call, set()).add(ufrag)
        self._clients.setdefault(call, {})

    def retire(self, ufrag: str) -> None:
        """Forget ``ufrag``, one of several of its call."""
        self._ufrags[self._by_ufrag.pop(ufrag)].remove(ufrag)

    def remove(self, call: Call) -> None:
        """Forget everything about ``call``."""
        for ufrag in self._ufrags.pop(call):
            del self._by_ufrag[ufrag]
        for client in self._clients.pop(call):
            del self._by_client[client]

    def bind(self, client: Address, call: Call, now: float) -> bool:
        """Route datagrams of ``client`` to ``call``; False where another living call keeps the address."""
        owner = self._by_client.get(client)
        if owner is call:
            return True
        if owner is not None:
            if not self._is_silent(owner, client, now):
                return False
            del self._clients[owner][client]
        addresses = self._clients[call]
        if len(addresses) >= _MAX_ADDRESSES_PER_CALL:
            oldest = next(iter(addresses))
            del addresses[oldest], self._by_client[oldest]
        addresses[client] = None
        self._by_client[client] = call
        return True

    def of_ufrag(self, ufrag: str) -> Call | None:
        """Return the call that the server ufrag names."""
        return self._by_ufrag.get(ufrag)

    def of_client(self, client: Address) -> Call | None:
        """Return the call that the client address belongs to."""
        return self._by_client.get(client)
