"""The ``oai-events`` data channel of one call: what the client says waits, bounded, until the backend takes it."""

from __future__ import annotations

from collections import deque

from ..errors import UsageError
from ..session.events import ChannelClosed, ChannelEvent, ChannelOpened, DataChannelsEnded, MessageReceived
from ..transceiver.call import Call
from .waiting import Change

__all__ = ["LABEL", "EventsChannel"]

LABEL = "oai-events"
_MAX_WAITING = 256
_MAX_WAITING_OCTETS = 1 << 20


class EventsChannel:
    """Open, closed, or never opened: a client without it has its audio alone.

    Args:
        call: whose channel it is.

    Attributes:
        dropped: events that did not fit, in either direction.
    """

    def __init__(self, call: Call) -> None:
        self.dropped = 0
        self._call = call
        self._id: int | None = None
        self._greeting: deque[str] = deque(maxlen=_MAX_WAITING)
        self._waiting: deque[str | bytes] = deque()
        self._octets = 0
        self._change = Change()

    def take(self, event: ChannelEvent) -> None:
        """Follow what happens on the call's channels; those of other labels are not ours."""
        match event:
            case ChannelOpened(channel_id, parameters) if parameters.label == LABEL and self._id is None:
                self._id = channel_id
                while self._greeting:
                    self.send(self._greeting.popleft())
            case MessageReceived(channel_id, data) if channel_id == self._id:
                self._put(data)
            case ChannelClosed(channel_id) if channel_id == self._id:
                self._id = None
            case DataChannelsEnded():
                self._id = None

    def send(self, text: str) -> None:
        """Send an event to the client; before the channel opens the last ones wait for that."""
        if self._id is None or self._call.channels is None:
            self._greeting.append(text)
            return
        try:
            self._call.channels.send(self._id, text)
        except UsageError:
            self.dropped += 1

    async def receive(self) -> str | bytes:
        """Return the client's next event."""
        while not self._waiting:
            await self._change.wait()
        data = self._waiting.popleft()
        self._octets -= len(data)
        return data

    def _put(self, data: str | bytes) -> None:
        if len(self._waiting) >= _MAX_WAITING or self._octets + len(data) > _MAX_WAITING_OCTETS:
            self.dropped += 1
            return
        self._waiting.append(data)
        self._octets += len(data)
        self._change.notify()
