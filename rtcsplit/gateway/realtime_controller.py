"""A server that takes part in the events of a call beside its client: what it is told waits, bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .waiting import Change

__all__ = ["EventsController"]

_MAX_WAITING = 1024
_MAX_WAITING_OCTETS = 2 << 20
_NORMAL, _TRY_AGAIN_LATER = 1000, 1013  # RFC 6455 section 7.4, IANA


class EventsController:
    """A :class:`~rtcsplit.signaling.realtime_calls.Controller`. Missing an event would be worse than being put out.

    Args:
        said: takes what it says.
        left: told once when it is gone.

    Attributes:
        close_code: 1000 when the call is over, 1013 where it did not read in time.
    """

    def __init__(
        self, said: Callable[[EventsController, str | bytes], None], left: Callable[[EventsController], None]
    ) -> None:
        self.close_code = _NORMAL
        self._said = said
        self._left = left
        self._waiting: deque[str] = deque()
        self._octets = 0
        self._is_over = False
        self._change = Change()

    async def receive(self) -> str | None:
        """Return the next event; None when there will be no more."""
        while not self._waiting:
            if self._is_over:
                return None
            await self._change.wait()
        text = self._waiting.popleft()
        self._octets -= len(text)
        return text

    def put(self, text: str | bytes) -> None:
        """Hand on what it says."""
        if not self._is_over:
            self._said(self, text)

    def leave(self) -> None:
        """Take no part any more."""
        if not self._is_over:
            self.end()
            self._left(self)

    def send(self, text: str) -> None:
        """Tell it an event; the call's side."""
        if self._is_over:
            return
        if len(self._waiting) >= _MAX_WAITING or self._octets + len(text) > _MAX_WAITING_OCTETS:
            self.close_code = _TRY_AGAIN_LATER
            self._waiting.clear()
            self.leave()
            return
        self._waiting.append(text)
        self._octets += len(text)
        self._change.notify()

    def end(self) -> None:
        """The call is over; what waits is still read."""
        self._is_over = True
        self._change.notify()
