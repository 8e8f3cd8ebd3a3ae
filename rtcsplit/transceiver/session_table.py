"""Which call a datagram belongs to: binding requests by server ufrag, everything else by client address.

A call has one ufrag, and while its ICE restarts up to three (RFC 8445 section 9).
The table learns addresses and keys from the calls' events; no call holds its table. A session has 16 addresses at most,
and says which one it gives up for another, so that nothing here has to be bounded.

One living call per client address (checklist A14): the first one keeps it until it is silent there, or ends. A call
that could not have an address waits for it: it asks again with its later checks, and gets it when the owner ends. One
that lost its address because it was silent has it back as soon as it is heard there again, for checks in its name are
all that the other one has shown, and whoever has a call of their own can send those from anybody's address.

The addresses are kept a second time in C, where SRTP is opened a batch at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .._native.rtp_session import NativeRtpSession
from .._native.session_table import NativeSessionTable
from ..session.srtp import SrtpSession
from ..wire.address import Address

__all__ = ["SessionTable"]

Call = TypeVar("Call")


@dataclass(slots=True)
class _Entry:
    """What the table knows of a call."""

    number: int
    ufrags: set[str] = field(default_factory=set)
    clients: set[Address] = field(default_factory=set)
    awaited: set[Address] = field(default_factory=set)  # which other calls have
    keys: SrtpSession | None = None
    rtp: NativeRtpSession | None = None


class SessionTable(Generic[Call]):
    """Calls by ufrag, by client address, and by the number that C knows them by.

    Args:
        is_silent: whether a call has gone silent at an address by ``now``, so that another may take the address over.

    Attributes:
        native: the addresses and keys as C has them.
        of_number: returns the call that C knows by a number, or None; without a frame of ours.
    """

    def __init__(self, is_silent: Callable[[Call, Address, float], bool]) -> None:
        self._is_silent = is_silent
        self._by_ufrag: dict[str, Call] = {}
        self._by_client: dict[Address, Call] = {}
        # Who waits, the newest claim last, and whether they had the address before; empty but for conflicts.
        self._waiting: dict[Address, dict[Call, bool]] = {}
        self._by_number: dict[int, Call] = {}
        self.of_number = self._by_number.get
        self._entries: dict[Call, _Entry] = {}
        self._numbers = 0  # never given twice, so that a late packet of an ended call is nobody's
        self.native = NativeSessionTable()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._entries))

    def __contains__(self, ufrag: str) -> bool:
        return ufrag in self._by_ufrag

    def add(self, ufrag: str, call: Call) -> None:
        """Make ``call`` the owner of ``ufrag``, which must be new; a call may own several."""
        assert ufrag not in self._by_ufrag
        entry = self._entries.get(call)
        if entry is None:
            self._numbers += 1
            entry = self._entries[call] = _Entry(self._numbers)
            self._by_number[entry.number] = call
        entry.ufrags.add(ufrag)
        self._by_ufrag[ufrag] = call

    def retire(self, ufrag: str) -> None:
        """Forget ``ufrag``, one of several of its call."""
        self._entries[self._by_ufrag.pop(ufrag)].ufrags.remove(ufrag)

    def remove(self, call: Call) -> None:
        """Forget everything about ``call``."""
        entry = self._entries.pop(call)
        del self._by_number[entry.number]
        for ufrag in entry.ufrags:
            del self._by_ufrag[ufrag]
        for client in entry.awaited:
            self._forget_claim(client, call)
        for client in entry.clients:
            self._release(client)

    def bind(self, client: Address, call: Call, now: float) -> bool:
        """Route datagrams of ``client`` to ``call``; False where another living call keeps it, and this one waits."""
        owner = self._by_client.get(client)
        if owner is call:
            return True
        if owner is not None:
            is_back = self._waiting.get(client, {}).get(call, False) and not self._is_silent(call, client, now)
            if not is_back and not self._is_silent(owner, client, now):
                self._wait(client, call)
                return False
            self._entries[owner].clients.remove(client)
            self._wait(client, owner, had_it=not is_back)  # it may be heard there again
        self._bind(client, call)
        return True

    def forget(self, client: Address, call: Call) -> None:
        """Route ``client`` to ``call`` no longer, nor let it wait for that; whoever waits gets the address."""
        entry = self._entries[call]
        if client in entry.awaited:
            entry.awaited.remove(client)
            self._forget_claim(client, call)
        elif client in entry.clients:
            entry.clients.remove(client)
            self._release(client)

    def awaits(self, client: Address, call: Call) -> bool:
        """Whether ``call`` could not have ``client``, or lost it, and has not got it since."""
        waiting = self._waiting.get(client)
        return waiting is not None and call in waiting

    def arm(self, call: Call, keys: SrtpSession, rtp: NativeRtpSession | None = None) -> None:
        """Let the SRTP of ``call`` be opened with ``keys`` from now on, whatever address of its it comes from.

        RTP that ``rtp`` may take is taken.
        """
        entry = self._entries[call]
        entry.keys, entry.rtp = keys, rtp
        for client in entry.clients:
            self._tell(client, entry)

    def of_ufrag(self, ufrag: str) -> Call | None:
        """Return the call that the server ufrag names."""
        return self._by_ufrag.get(ufrag)

    def of_client(self, client: Address) -> Call | None:
        """Return the call that the client address belongs to."""
        return self._by_client.get(client)

    def _bind(self, client: Address, call: Call) -> None:
        entry = self._entries[call]
        if client in entry.awaited:
            entry.awaited.remove(client)
            self._forget_claim(client, call)
        entry.clients.add(client)
        self._by_client[client] = call
        self._tell(client, entry)

    def _wait(self, client: Address, call: Call, *, had_it: bool = False) -> None:
        self._entries[call].awaited.add(client)
        claims = self._waiting.setdefault(client, {})
        claims[call] = claims.pop(call, False) or had_it

    def _forget_claim(self, client: Address, call: Call) -> None:
        claims = self._waiting[client]
        del claims[call]
        if not claims:
            del self._waiting[client]

    def _tell(self, client: Address, entry: _Entry) -> None:
        self.native.put(*client, entry.number, None if entry.keys is None else entry.keys.contexts, entry.rtp)

    def _release(self, client: Address) -> None:
        del self._by_client[client]
        self.native.remove(*client)
        if client in self._waiting:
            self._bind(client, next(reversed(self._waiting[client])))
