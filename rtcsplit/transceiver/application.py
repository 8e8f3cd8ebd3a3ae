"""What an application of the transceiver looks like: three callbacks, called in the loop that drives the calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..session.events import EndCause
from ..wire.rtp import RtpPacket

if TYPE_CHECKING:
    from .call import Call

__all__ = ["Application"]


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
