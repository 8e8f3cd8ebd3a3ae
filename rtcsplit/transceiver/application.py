"""What an application of the transceiver looks like: three callbacks, called in the loop that drives the calls.

One that has a fourth gets data channels too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..session.events import ChannelEvent, EndCause
from ..wire.rtp import RtpPacket

if TYPE_CHECKING:
    from .call import Call

__all__ = ["Application", "ChannelApplication"]


class Application(Protocol):
    """Callbacks of one application for all of its calls.

    They run between two batches of datagrams and must not block. One that raises ends its own call with
    ``EndCause.APPLICATION_FAILED`` and no other.
    """

    def call_connected(self, call: Call) -> None:
        """Keys exist: media flows both ways from here on."""

    def packet_received(self, call: Call, packet: RtpPacket) -> None:
        """An authentic RTP packet of a negotiated payload type, in order of arrival."""

    def call_ended(self, call: Call, cause: EndCause) -> None:
        """The last callback for ``call``; it was connected or not."""


@runtime_checkable
class ChannelApplication(Application, Protocol):
    """An application that wants data channels: they are answered where a client offers them (RFC 8831)."""

    def channel_event(self, call: Call, event: ChannelEvent) -> None:
        """A channel opened, closed or has room again, a message came, or there are no channels any more.

        ``call.channels`` opens, writes and closes.
        """
