"""How long a jitter buffer ought to wait: packet delays against the fastest one, and a high quantile of them.

The clock of the peer is taken to run as ours does; what it drifts in ten seconds is far less than a frame, and the
reference is renewed that often. A packet slower than any target allows begins a new reference at once: either the
route has changed, or the next packet puts it right.
"""

from __future__ import annotations

__all__ = ["DelayEstimator"]

# All ours
QUANTILE = 0.97  # of packets that shall be in time
BUCKET = 0.005
BUCKETS = 61  # up to 300 ms, and more
FORGETTING = 1.005  # weight of a packet against the one before it: the last 200 count
REFERENCE_WINDOW = 5.0  # the fastest packet is that of the last 5 to 10 s
LOSS_MEMORY = 5.0

_MAX_WEIGHT = 1e9
_RENEWAL = 8  # packets between two looks at the quantile if none is slower than it


class DelayEstimator:
    """Delays of one stream.

    Args:
        minimum: of the target, seconds.
        maximum: of the target, seconds.

    Attributes:
        target: how long after the fastest packet would have come a frame is waited for, seconds.
    """

    def __init__(self, minimum: float, maximum: float) -> None:
        self._minimum, self._maximum = minimum, maximum
        self.target = minimum
        self._weights = [0.0] * BUCKETS
        self._weight = 1.0
        self._total = 0.0
        self._arrivals = 0
        self._needed = 0.0  # what the quantile asks for
        self._fastest = 0.0  # arrival less media time, of the fastest packet in this window and the one before
        self._fastest_now = 0.0  # in this window
        self._window_end: float | None = None
        self._lossy_until = 0.0
        self._patience = 0.0

    def note_arrival(self, media_time: float, now: float) -> None:
        """Take a frame's arrival into account."""
        transit = now - media_time
        if self._window_end is None or transit - self._fastest > self._maximum:
            self._fastest = self._fastest_now = transit
            self._window_end = now + REFERENCE_WINDOW
        elif now >= self._window_end:
            self._fastest, self._fastest_now = min(self._fastest_now, transit), transit
            self._window_end = now + REFERENCE_WINDOW
        elif transit < self._fastest_now:
            self._fastest_now = transit
            self._fastest = min(self._fastest, transit)
        delay = transit - self._fastest
        self._count(delay)
        if delay > self._needed or self._arrivals % _RENEWAL == 0:
            self._needed = self._quantile()
        self._retarget(now)

    def note_loss(self, duration: float, now: float) -> None:
        """A frame of that many seconds is missing: the next ones shall wait for the redundancy in their successors."""
        self._lossy_until = now + LOSS_MEMORY
        self._patience = duration
        self._retarget(now)

    def deadline(self, media_time: float) -> float:
        """Return until when a frame of that media time is waited for."""
        return media_time + self._fastest + self.target

    def last_deadline(self, media_time: float) -> float:
        """Return until when a frame could be waited for with the longest target."""
        return media_time + self._fastest + self._maximum

    def _count(self, delay: float) -> None:
        bucket = min(BUCKETS - 1, int(delay / BUCKET))
        self._weights[bucket] += self._weight
        self._total += self._weight
        self._arrivals += 1
        self._weight *= FORGETTING
        if self._weight > _MAX_WEIGHT:
            self._weights = [weight / _MAX_WEIGHT for weight in self._weights]
            self._total /= _MAX_WEIGHT
            self._weight /= _MAX_WEIGHT

    def _quantile(self) -> float:
        above = self._total * (1 - QUANTILE)
        bucket = BUCKETS - 1
        while bucket > 0 and self._weights[bucket] <= above:
            above -= self._weights[bucket]
            bucket -= 1
        return (bucket + 1) * BUCKET

    def _retarget(self, now: float) -> None:
        target = self._needed + (self._patience if now < self._lossy_until else 0.0)
        self.target = min(self._maximum, max(self._minimum, target))
