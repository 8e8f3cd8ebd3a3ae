"""The echo application: every packet of audio goes back as it came, with our own RTP header."""

from __future__ import annotations

from ..media.duration import payload_duration
from ..session.events import EndCause
from ..transceiver.call import Call
from ..wire.rtp import RtpPacket

__all__ = ["Echo"]

_TIMESTAMPS = 1 << 32


class Echo:
    """Sends back what it hears, in order of arrival, without decoding it.

    Timestamps keep the distances of what came: a gap of discontinuous transmission stays a gap. A packet that comes
    late follows the one that overtook it, without one.
    """

    def __init__(self) -> None:
        self._expected: dict[Call, int] = {}  # the timestamp that would follow the latest packet without a gap

    def call_connected(self, call: Call) -> None:
        """Nothing to greet with: an echo speaks when spoken to."""

    def packet_received(self, call: Call, packet: RtpPacket) -> None:
        """Return the packet's payload to where it came from."""
        duration = payload_duration(call.codec(packet.payload_type), packet.payload)
        if duration is None or not call.can_send:
            return
        gap = (packet.timestamp - self._expected.get(call, packet.timestamp)) % _TIMESTAMPS
        is_late = gap >= _TIMESTAMPS // 2
        if not is_late:
            self._expected[call] = (packet.timestamp + duration) % _TIMESTAMPS
        call.send_audio(
            packet.payload,
            duration=duration,
            payload_type=packet.payload_type,
            has_marker=packet.marker,
            gap=0 if is_late else gap,
        )

    def call_ended(self, call: Call, cause: EndCause) -> None:
        """Forget the call."""
        self._expected.pop(call, None)
