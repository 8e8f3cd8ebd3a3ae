"""The ``oai-events`` data channel of one call: how its client takes part in the events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..errors import UsageError
from ..session.events import ChannelClosed, ChannelEvent, ChannelOpened, DataChannelsEnded, MessageReceived
from ..transceiver.call import Call

__all__ = ["LABEL", "EventsChannel"]

LABEL = "oai-events"
_MAX_GREETING = 256


class EventsChannel:
    """Open, closed, or never opened: a client without it has its audio alone.

    Args:
        call: whose channel it is.
        said: takes what the client says.

    Attributes:
        dropped: events to the client that did not fit.
    """

    def __init__(self, call: Call, said: Callable[[EventsChannel, str | bytes], None]) -> None:
        self.dropped = 0
        self._call = call
        self._said = said
        self._id: int | None = None
        self._greeting: deque[str] = deque(maxlen=_MAX_GREETING)

    def take(self, event: ChannelEvent) -> None:
        """Follow what happens on the call's channels; those of other labels are not ours."""
        match event:
            case ChannelOpened(channel_id, parameters) if parameters.label == LABEL and self._id is None:
                self._id = channel_id
                while self._greeting:
                    self.send(self._greeting.popleft())
            case MessageReceived(channel_id, data) if channel_id == self._id:
                self._said(self, data)
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
