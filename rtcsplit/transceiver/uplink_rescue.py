"""Media from an address that has not checked yet: to the call whose source it is, if SRTP proves it (checklist C25).

When a NAT gives a client another address, its audio comes from there at once and its next check up to seconds later.
RTP names its source in the clear; the call that has heard that source before gets the packet, and its keys say whether
it is genuine and new. Nothing else follows from it: no address is learned, and nothing is sent there.

Off unless asked for: whoever knows an SSRC has us try keys, as often as the budget lets them.
"""

from __future__ import annotations

from ..media.budget import Budget
from .call import Call
from .call_registry import CallRegistry

__all__ = ["UplinkRescue"]

# All ours
PACKETS_PER_SECOND, PACKETS_AT_ONCE = 2_000, 500  # that are tried, over all calls: 40 voices
_REFRESH = 1.0  # seconds between two looks at which sources there are
_SSRC = slice(8, 12)


class UplinkRescue:
    """Knows which call has heard which source.

    Args:
        registry: of the calls that live.

    Attributes:
        tried: how many packets were given to a call's keys.
    """

    def __init__(self, registry: CallRegistry) -> None:
        self._registry = registry
        self._owners: dict[int, str] = {}  # SSRC to call id, so that nothing here keeps a call alive
        self._refresh_at = float("-inf")
        self._budget: Budget | None = None
        self.tried = 0

    def owner(self, datagram: bytes, now: float) -> Call | None:
        """Return the call to try an RTP packet with; None where there is none, or the budget is spent."""
        if self._budget is None:
            self._budget = Budget(PACKETS_PER_SECOND, PACKETS_AT_ONCE, now)
        ssrc = int.from_bytes(datagram[_SSRC], "big")
        if ssrc not in self._owners and now >= self._refresh_at:
            self._refresh(now)
        call = self._registry.find(self._owners.get(ssrc, ""))
        if call is None or not self._budget.take(now):
            return None
        self.tried += 1
        return call

    def _refresh(self, now: float) -> None:
        """Sources begin and end too rarely to be told of each; a look at all calls takes milliseconds.

        Of calls that have heard the same source, the one keeps it that had it: who copies an SSRC gets nothing.
        """
        self._refresh_at = now + _REFRESH
        before, self._owners = self._owners, {}
        for call in self._registry.calls():
            for source in () if (statistics := call.statistics) is None else statistics.sources:
                if before.get(source.ssrc) == call.call_id:
                    self._owners[source.ssrc] = call.call_id
                else:
                    self._owners.setdefault(source.ssrc, call.call_id)
