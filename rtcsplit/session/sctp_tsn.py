"""Which TSNs have come: the cumulative TSN, and a bit for each one ahead of it (RFC 9260 sections 3.3.4 and 6.2)."""

from __future__ import annotations

from .sctp_serial import TSN_MASK

__all__ = ["MAX_AHEAD", "TsnTracker"]

MAX_AHEAD = 8192  # TSNs; a window of 1 MiB holds 926 full chunks, the rest is room for small messages


class TsnTracker:
    """The receiver's account of TSNs, in about a kilobyte whatever the peer sends.

    Args:
        initial_tsn: the peer's first one.

    Attributes:
        cumulative: everything up to here has come or was given up.
    """

    def __init__(self, initial_tsn: int) -> None:
        self.cumulative = (initial_tsn - 1) & TSN_MASK
        self._ahead = 0  # bit n stands for cumulative + 1 + n; bit 0 is never set between calls

    @property
    def has_gap(self) -> bool:
        """Whether something is missing before the newest TSN."""
        return self._ahead != 0

    def offset(self, tsn: int) -> int:
        """How far ``tsn`` is ahead of the next one that is missing: 0 for that one, negative for what is behind it."""
        ahead = (tsn - self.cumulative - 1) & TSN_MASK
        return ahead if ahead < 0x8000_0000 else ahead - 0x1_0000_0000

    def has(self, tsn: int) -> bool:
        """Whether ``tsn`` has come already."""
        offset = self.offset(tsn)
        return offset < 0 or bool(offset < MAX_AHEAD and self._ahead >> offset & 1)

    def add(self, tsn: int) -> None:
        """Note that ``tsn`` has come; its offset is 0 to ``MAX_AHEAD`` - 1."""
        self._ahead |= 1 << self.offset(tsn)
        self._settle()

    def forward(self, cumulative_tsn: int) -> bool:
        """Give up what is missing up to ``cumulative_tsn``; return whether that changed anything."""
        steps = self.offset(cumulative_tsn) + 1
        if steps <= 0:
            return False
        self.cumulative = cumulative_tsn
        self._ahead = self._ahead >> steps if steps <= MAX_AHEAD else 0
        self._settle()
        return True

    def gaps(self, limit: int) -> tuple[tuple[int, int], ...]:
        """Return at most ``limit`` gap ack blocks, lowest first, as offsets from the cumulative TSN."""
        blocks: list[tuple[int, int]] = []
        left, edge = self._ahead, 1
        while left and len(blocks) < limit:
            zeros = (left & -left).bit_length() - 1
            ones = _trailing_ones(left >> zeros)
            blocks.append((edge + zeros, edge + zeros + ones - 1))
            edge += zeros + ones
            left >>= zeros + ones
        return tuple(blocks)

    def _settle(self) -> None:
        ones = _trailing_ones(self._ahead)
        if ones:
            self.cumulative = (self.cumulative + ones) & TSN_MASK
            self._ahead >>= ones


def _trailing_ones(bits: int) -> int:
    return (~bits & (bits + 1)).bit_length() - 1
