"""When to stop sending (RFC 8834 section 7.1, RFC 8083): the peer's reports cease, or say that nothing arrives.

Consent (RFC 7675) shows that the peer lives and wants traffic; only its reports show that media reaches it. Of the
rules of RFC 8083 these are the RTCP timeout (section 4.2) and the media timeout (section 4.1). That of congestion
(section 4.3) trips for audio only where so much is lost that no call is left.
"""

from __future__ import annotations

from .reports import MINIMUM_INTERVAL

__all__ = ["DEFAULT_INTERVALS", "CircuitBreaker"]

DEFAULT_INTERVALS = 3  # RFC 8834 section 7.1; RFC 8083 section 4.2 comes to the same for intervals of 5 s
_SHORTEST_INTERVAL = MINIMUM_INTERVAL / 2  # RFC 3550 section 6.3.1: between regular reports


class CircuitBreaker:
    """Watches the peer's reports on our stream.

    Args:
        intervals: report intervals of 5 s without what is expected, after which it opens; 0 for never.

    Attributes:
        packets_withheld: asked to be sent while it was open.
    """

    def __init__(self, intervals: int) -> None:
        self._intervals = intervals
        self._pause = intervals * MINIMUM_INTERVAL
        self.packets_withheld = 0
        self._heard_at: float | None = None
        self._paused_until = float("-inf")
        self._stalled = 0  # reports in a row without progress
        self._highest: int | None = None
        self._packets_sent = 0
        self._counted_at = float("-inf")

    def note_heard(self, now: float) -> None:
        """Take note of an SR or RR, whatever it is about."""
        self._heard_at = now

    def note_report(self, highest_sequence: int, packets_sent: int, now: float) -> None:
        """Take note of a report block on our stream, and of how many packets were sent until then.

        Without progress, reports that come sooner than regular ones count as one: some peers report each second,
        or with every NACK, and a short outage is no reason for a long pause.
        """
        if highest_sequence != self._highest:
            self._stalled, self._paused_until = 0, float("-inf")
        elif now < self._counted_at + _SHORTEST_INTERVAL:
            return
        elif packets_sent > self._packets_sent:
            self._stalled += 1
            if self._intervals and self._stalled >= self._intervals:
                self._stalled, self._paused_until = 0, now + self._pause
        self._highest, self._packets_sent, self._counted_at = highest_sequence, packets_sent, now

    def is_open(self, now: float) -> bool:
        """Whether media has to wait.

        After silence it waits for a report; after reports that nothing arrives it waits as long as they took, and
        then tries again. A peer that never reported is not waited for: many simple ones have no RTCP.
        """
        if not self._intervals:
            return False
        is_silent = self._heard_at is not None and now - self._heard_at >= self._pause
        return is_silent or now < self._paused_until

    @property
    def window(self) -> tuple[float, float]:
        """From when on media may flow, and until when, while no more is heard: :meth:`is_open` for times to come."""
        if not self._intervals:
            return float("-inf"), float("inf")
        silent_at = float("inf") if self._heard_at is None else self._heard_at + self._pause
        return self._paused_until, silent_at

    def withholds(self, now: float) -> bool:
        """As :meth:`is_open`, for a packet that is to be sent now: counted if it is not."""
        if not self.is_open(now):
            return False
        self.packets_withheld += 1
        return True
