"""The data channels of a call, as an application uses them."""

from __future__ import annotations

from collections.abc import Callable

from ..session.datachannel import DataChannels
from ..session.dcep import ChannelParameters

__all__ = ["CallChannels"]


class CallChannels:
    """Opens, writes and closes; what happens on channels comes to ``channel_event`` of the application.

    Args:
        channels: of the call's session.
        clock: the monotonic clock of the loop that drives the call.
        changed: called whenever there is something to send.
    """

    def __init__(self, channels: DataChannels, *, clock: Callable[[], float], changed: Callable[[], None]) -> None:
        self._channels = channels
        self._clock = clock
        self._changed = changed

    def open(
        self,
        label: str,
        *,
        protocol: str = "",
        is_ordered: bool = True,
        max_retransmits: int | None = None,
        max_lifetime_ms: int | None = None,
        negotiated_id: int | None = None,
    ) -> int:
        """Open a channel; messages may be sent on it at once.

        Args:
            label: for the peer's ``ondatachannel``.
            protocol: a subprotocol's name.
            is_ordered: whether messages arrive in order.
            max_retransmits: give a message up after this many repetitions.
            max_lifetime_ms: give a message up after this time.
            negotiated_id: an identifier that both sides know already, for channels without an opening.

        Returns:
            The channel's id.

        Raises:
            UsageError: a parameter is out of range, no identifier is free, or the channels of the call have ended.
        """
        parameters = ChannelParameters(label, protocol, is_ordered, max_retransmits, max_lifetime_ms)
        channel_id = self._channels.open(parameters, negotiated_id=negotiated_id)
        self._changed()
        return channel_id

    def send(self, channel_id: int, data: bytes | str) -> None:
        """Queue one message, text or octets.

        Raises:
            UsageError: the channel is not open, the message is longer than the peer takes, or 2 MiB are waiting;
                nothing was queued.
        """
        self._channels.send(channel_id, data, self._clock())
        self._changed()

    def close(self, channel_id: int) -> None:
        """Close a channel after what waits on it was sent. Idempotent."""
        self._channels.close_channel(channel_id)
        self._changed()

    def buffered_amount(self, channel_id: int) -> int:
        """Octets that wait to be sent on a channel."""
        return self._channels.buffered_amount(channel_id)
