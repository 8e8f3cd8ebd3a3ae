"""Life of a data channel, as a table; the states are those of the W3C's ``RTCDataChannelState``."""

from __future__ import annotations

from enum import Enum, auto

from .dcep import ChannelParameters

__all__ = ["CHANNEL_TRANSITIONS", "Channel", "ChannelState", "ChannelTrigger"]


class ChannelState(Enum):
    """Where a channel stands; one that is closed is forgotten."""

    CONNECTING = auto()  # the peer may not know it yet; messages may be sent already
    OPEN = auto()
    CLOSING = auto()  # our side is being reset, the peer's may be


class ChannelTrigger(Enum):
    """What moves it on."""

    OPENED = auto()  # the peer acknowledged or answered, or opened it
    CLOSE = auto()  # either side wants to close it


CHANNEL_TRANSITIONS = {  # what is not here changes nothing
    (ChannelState.CONNECTING, ChannelTrigger.OPENED): ChannelState.OPEN,
    (ChannelState.CONNECTING, ChannelTrigger.CLOSE): ChannelState.CLOSING,
    (ChannelState.OPEN, ChannelTrigger.CLOSE): ChannelState.CLOSING,
}


class Channel:
    """What there is to know of one channel.

    Attributes:
        channel_id: stream identifier of both directions.
        parameters: as opened.
        has_peer: the peer knows it, so that its messages may overtake each other.
        is_remote: the peer opened it.
        is_hidden: the application never saw it, or has seen its end already.
        is_reset_by_us: our stream was reset.
        is_reset_by_peer: the peer's was.
        state: where it stands.
    """

    __slots__ = (
        "channel_id",
        "has_peer",
        "is_hidden",
        "is_remote",
        "is_reset_by_peer",
        "is_reset_by_us",
        "parameters",
        "state",
    )

    def __init__(
        self, channel_id: int, parameters: ChannelParameters, *, has_peer: bool, is_remote: bool = False
    ) -> None:
        self.channel_id = channel_id
        self.parameters = parameters
        self.has_peer = has_peer
        self.is_remote = is_remote
        self.is_hidden = False
        self.is_reset_by_us = False
        self.is_reset_by_peer = False
        self.state = ChannelState.CONNECTING

    @property
    def text_size(self) -> int:
        """Characters of label and protocol."""
        return len(self.parameters.label) + len(self.parameters.protocol)

    def apply(self, trigger: ChannelTrigger) -> bool:
        """Follow the table; return whether the state changed."""
        following = CHANNEL_TRANSITIONS.get((self.state, trigger))
        if following is None:
            return False
        self.state = following
        return True
