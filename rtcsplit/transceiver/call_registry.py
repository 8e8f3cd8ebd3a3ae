"""The calls that live, by their names, and whose a datagram is."""

from __future__ import annotations

from ..drops import DropReason
from ..session.outbox import Outgoing
from ..session.stun_refusals import StunRefusals
from ..wire import stun
from ..wire.address import Address, Path
from ..wire.packet import Kind
from .call import Call
from .session_table import SessionTable

__all__ = ["CallRegistry"]


def _has_left(call: Call, client: Address, now: float) -> bool:
    call.catch_up()
    return call.session.is_silent_at(client, now)


class CallRegistry:
    """Knows every living call of one transceiver, and finds the one that a datagram is for.

    Args:
        refusals: answers to binding requests that belong to no call.

    Attributes:
        table: ufrags, addresses and keys of the calls.
        answers: to strangers, to be sent; whoever sends them takes them out.
    """

    def __init__(self, refusals: StunRefusals) -> None:
        self._refusals = refusals
        self._by_id: dict[str, Call] = {}
        self._half_open: set[Call] = set()
        self.table: SessionTable[Call] = SessionTable(_has_left)
        self.answers: list[Outgoing] = []

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, call: Call) -> bool:
        return call.call_id in self._by_id

    @property
    def half_open(self) -> int:
        """How many calls have no keys yet."""
        return len(self._half_open)

    def calls(self) -> list[Call]:
        """The calls that live."""
        return list(self._by_id.values())

    def find(self, call_id: str) -> Call | None:
        """Return the call of that name."""
        return self._by_id.get(call_id)

    def add(self, call: Call) -> None:
        """Begin to route to ``call``."""
        self._by_id[call.call_id] = call
        self.table.add(call.ufrag, call)
        self._half_open.add(call)

    def connected(self, call: Call) -> None:
        """The call has keys: packets are opened with them from now on."""
        self._half_open.discard(call)
        if call.session.srtp is not None:
            self.table.arm(call, call.session.srtp, call.native_rtp)

    def remove(self, call: Call) -> None:
        """Forget everything about ``call``."""
        del self._by_id[call.call_id]
        self.table.remove(call)
        self._half_open.discard(call)

    def owner(self, kind: Kind, datagram: bytes, path: Path, now: float) -> Call | DropReason:
        """Return whose a datagram is, or why it is nobody's.

        Binding requests are their ufrag's, all else is its client address's. A stranger's request may get 400 or 401
        (RFC 8489 section 9.1.3), which is put into :attr:`answers`.
        """
        if kind is not Kind.STUN:
            return self.table.of_client(path.client) or DropReason.NO_SESSION
        ufrag = stun.server_ufrag(datagram)
        call = self.table.of_ufrag(ufrag) if isinstance(ufrag, str) else None
        if call is not None:
            return call
        reason, answer = self._refusals.refuse_stranger(datagram, path, now)
        if answer is not None:
            self.answers.append((*answer, None))
        return reason
