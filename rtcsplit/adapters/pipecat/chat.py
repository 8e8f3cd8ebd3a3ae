"""The data channel of a pipecat client: application messages, signalling of its own, signs of life.

All of it is text. What the client says waits, bounded, until the pipeline takes it; what is said before the channel
opens waits for that.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import msgspec

from ...errors import UsageError
from ...gateway.waiting import Change
from ...session.events import ChannelClosed, ChannelEvent, ChannelOpened, DataChannelsEnded, MessageReceived
from ...transceiver.call import Call
from ...wire.json_text import decode_json

__all__ = ["Chat"]

PEER_LEFT = {"type": "signalling", "message": {"type": "peerLeft"}}

_MESSAGE = msgspec.json.Decoder(dict[str, Any])
_MAX_WAITING = 256
_MAX_WAITING_OCTETS = 1 << 20
_MAX_EARLY = 50  # messages of ours, as pipecat's own transport keeps


class Chat:
    """One call's channel: the one that the client opened last.

    Args:
        call: whose channel it is.

    Attributes:
        dropped: messages that did not fit or were no JSON objects, in either direction.
    """

    def __init__(self, call: Call) -> None:
        self.dropped = 0
        self._call = call
        self._id: int | None = None
        self._early: deque[str] = deque(maxlen=_MAX_EARLY)
        self._waiting: deque[tuple[dict[str, Any], int]] = deque()
        self._octets = 0
        self._has_ended = False
        self._change = Change()

    def take(self, event: ChannelEvent) -> None:
        """Follow what happens on the call's channels."""
        match event:
            case ChannelOpened(channel_id, _, True):
                self._id = channel_id
                while self._early:
                    self._send(self._early.popleft())
            case MessageReceived(channel_id, data) if channel_id == self._id:
                self._put(data)
            case ChannelClosed(channel_id) if channel_id == self._id:
                self._id = None
            case DataChannelsEnded():
                self._id = None

    def send(self, message: object) -> None:
        """Send a message; before the channel opens the last ones wait for that."""
        text = json.dumps(message)
        if self._id is None:
            self._early.append(text)
        else:
            self._send(text)

    @property
    def has_unsent(self) -> bool:
        """Whether something said has not left yet."""
        channels = self._call.channels
        return self._id is not None and channels is not None and channels.buffered_amount(self._id) > 0

    async def receive(self) -> dict[str, Any] | None:
        """Return the client's next message for the application, None after the last one of a call that has ended."""
        while not self._waiting:
            if self._has_ended:
                return None
            await self._change.wait()
        message, octets = self._waiting.popleft()
        self._octets -= octets
        return message

    def end(self) -> None:
        """The call is over."""
        self._has_ended = True
        self._id = None
        self._change.notify()

    def _send(self, text: str) -> None:
        assert self._id is not None
        try:
            if self._call.channels is not None:
                self._call.channels.send(self._id, text)
        except UsageError:
            self.dropped += 1

    def _put(self, data: str | bytes) -> None:
        if isinstance(data, str) and data.startswith("ping"):
            return  # a sign of life; the checks of ICE are ours
        try:
            message = decode_json(data, _MESSAGE)
        except msgspec.DecodeError:
            self.dropped += 1
            return
        if message.get("type") != "signalling":  # what is signalled is the state of tracks, which RTP tells better
            self._keep(message, len(data))

    def _keep(self, message: dict[str, Any], octets: int) -> None:
        if len(self._waiting) >= _MAX_WAITING or self._octets + octets > _MAX_WAITING_OCTETS:
            self.dropped += 1
            return
        self._waiting.append((message, octets))
        self._octets += octets
        self._change.notify()
