"""The echo application: every packet of audio goes back as it came, with our own RTP header."""

from __future__ import annotations

from ..session.events import EndCause
from ..transceiver.call import Call
from ..wire.rtp import RtpPacket

__all__ = ["Echo"]


class Echo:
    """Sends back what it hears, in order of arrival, without decoding it; see :meth:`.Call.start_echo`."""

    def call_connected(self, call: Call) -> None:
        """Nothing to greet with: an echo speaks when spoken to."""
        call.start_echo()

    def packet_received(self, call: Call, packet: RtpPacket) -> None:
        """Nothing to do: it is on its way back."""

    def call_ended(self, call: Call, cause: EndCause) -> None:
        """Nothing to forget."""
