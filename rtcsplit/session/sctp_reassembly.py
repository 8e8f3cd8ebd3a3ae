"""From fragments to messages (RFC 9260 section 6.9).

Fragments of one message have consecutive TSNs, so whatever is adjacent and of one message forms a *run*, and a run
from B to E is the message. Adding a fragment looks at its two neighbours only.
"""

from __future__ import annotations

from .sctp_chunks import Data
from .sctp_serial import TSN_MASK, is_after

__all__ = ["FRAGMENT_OVERHEAD", "Reassembly"]

FRAGMENT_OVERHEAD = 512  # what keeping one costs us beside its payload, at most


class _Run:
    __slots__ = ("chunks", "size")

    def __init__(self, chunk: Data) -> None:
        self.chunks = [chunk]
        self.size = len(chunk.payload)

    @property
    def first(self) -> Data:
        return self.chunks[0]

    @property
    def last(self) -> Data:
        return self.chunks[-1]

    def continues_with(self, other: _Run) -> bool:
        """Whether ``other``, whose TSNs follow, goes on with the same message."""
        ours, theirs = self.last, other.first
        return (
            not ours.is_last
            and not theirs.is_first
            and ours.stream_id == theirs.stream_id
            and ours.is_unordered == theirs.is_unordered
            and (ours.is_unordered or ours.ssn == theirs.ssn)
        )

    def extend(self, other: _Run) -> None:
        self.chunks.extend(other.chunks)
        self.size += other.size

    def message(self) -> Data:
        first = self.first
        payload = b"".join(chunk.payload for chunk in self.chunks)
        return Data(first.tsn, first.stream_id, first.ssn, first.ppid, payload, is_unordered=first.is_unordered)


class Reassembly:
    """Fragments of unfinished messages, of all streams.

    Attributes:
        held: octets that they take, overhead included.
    """

    def __init__(self) -> None:
        self.held = 0
        self._by_first: dict[int, _Run] = {}
        self._by_last: dict[int, _Run] = {}
        self._purged_to: int | None = None

    def __len__(self) -> int:
        return len(self._by_first)

    def add(self, chunk: Data) -> Data | int:
        """Take a fragment that was not there yet.

        Returns:
            The message that it completes, B and E set and all of the payload in it, else the octets of its message
            that are there so far.
        """
        if chunk.is_first and chunk.is_last:
            return chunk
        run = _Run(chunk)
        before = self._by_last.get((chunk.tsn - 1) & TSN_MASK)
        if before is not None and before.continues_with(run):
            self._remove(before)
            before.extend(run)
            run = before
        behind = self._by_first.get((chunk.tsn + 1) & TSN_MASK)
        if behind is not None and run.continues_with(behind):
            self._remove(behind)
            run.extend(behind)
        if run.first.is_first and run.last.is_last:
            return run.message()
        self._insert(run)
        return run.size

    def purge(self, cumulative_tsn: int) -> None:
        """Forget runs that nothing can complete any more, since all up to ``cumulative_tsn`` has come or never will."""
        if cumulative_tsn == self._purged_to:
            return
        self._purged_to = cumulative_tsn
        following = (cumulative_tsn + 1) & TSN_MASK
        for run in list(self._by_first.values()):
            has_lost_begin = not run.first.is_first and not is_after(run.first.tsn, following)
            has_lost_end = not run.last.is_last and is_after(cumulative_tsn, run.last.tsn)
            if has_lost_begin or has_lost_end:
                self._remove(run)

    def _insert(self, run: _Run) -> None:
        self._by_first[run.first.tsn] = run
        self._by_last[run.last.tsn] = run
        self.held += run.size + FRAGMENT_OVERHEAD * len(run.chunks)

    def _remove(self, run: _Run) -> None:
        del self._by_first[run.first.tsn]
        del self._by_last[run.last.tsn]
        self.held -= run.size + FRAGMENT_OVERHEAD * len(run.chunks)
